"""The strip in a real Qt without a screen: what it shows, what a click does, a picture of it. Run by a Python with PySide6 or PySide2.

python panel_session.py SUGGESTIONS.json PICTURE.png
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests")]

import nukesim  # noqa: E402

TRIANGLE = (
    "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} "
    "{curvegroup tri 512 bezier {{cc {f 8192} {px 1001 {0 0} {10 10} {0 0} {0 0} {40 10} {0 0} {0 0} {25 36} {0 0}}} idem} {t 25 18} {a}}}}"
)


def click(panel, widget) -> None:
    """Press and release the left button in the middle of a widget."""
    from_qt = panel.QtCore
    point = from_qt.QPointF(widget.rect().center())
    button, none, no_keys = from_qt.Qt.MouseButton.LeftButton, from_qt.Qt.MouseButton.NoButton, from_qt.Qt.KeyboardModifier.NoModifier
    for kind, held in ((from_qt.QEvent.Type.MouseButtonPress, button), (from_qt.QEvent.Type.MouseButtonRelease, none)):
        event = panel.QtGui.QMouseEvent(kind, point, point, button, held, no_keys)
        panel.QtWidgets.QApplication.sendEvent(widget, event)


def main(suggestions: Path, picture: Path) -> None:
    found = json.loads(suggestions.read_text())
    host = nukesim.start(gui=True)
    nuke = sys.modules["nuke"]
    host.startup([str(CHECKOUT)])
    from xmem_roto_nuke.node import identity
    from xmem_roto_nuke.panel import strip as panel

    app = panel.QtWidgets.QApplication([])
    app.setStyleSheet("QWidget { background: #323232; }")  # as Nuke's panels are
    roto = nuke.nodes.Roto()
    roto["curves"].fromScript(TRIANGLE)
    node = nuke.createNode("XMemRoto")
    node.setInput(1, roto)
    identity.write_hidden(node, "suggestions", found)
    node.showControlPanel()
    strip = host.widget(node, "strip")
    assert isinstance(strip, panel.Strip), strip
    node["strip"].getObject().updateValue()
    strip.resize(1010, 290)
    strip.show()
    app.processEvents()
    assert strip.grab().save(str(picture))

    cards = strip.findChildren(panel.CardWidget)
    assert len(cards) == len(found["suggestions"]), "one card a suggestion"
    labels = [label.text() for label in cards[1].findChildren(panel.QtWidgets.QLabel)]
    assert sum("&lt;hand&gt;" in text for text in [*labels, cards[1].toolTip()]) == 3, "a name is no markup"
    assert panel.message_of(found, True).startswith("Found before the last change of the mattes")
    second = found["suggestions"][1]["frame"]
    click(panel, cards[1])
    assert nuke.root()["frame"].value() == second, "a click goes to the frame"
    cards[0].findChild(panel.QtWidgets.QPushButton).click()
    first = found["suggestions"][0]["frame"]
    assert nuke.root()["frame"].value() == first
    times = roto["curves"].rootLayer[0][0].center.getControlPointKeyTimes()
    assert first in times, "the button keys the roto there"
    identity.write_hidden(node, "suggestions", {})
    node["strip"].getObject().updateValue()
    app.processEvents()
    assert "Press Suggest frames" in strip.findChild(panel.QtWidgets.QLabel, "message").text()
    assert not host.python_errors and not host.printed_errors, host.python_errors
    host.close()
    print(panel.QtCore.__name__.split(".")[0], panel.QtCore.qVersion())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
