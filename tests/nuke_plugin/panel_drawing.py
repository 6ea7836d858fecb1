"""A drawing of a node's panel, as wide as a properties bin: its knobs in Nuke's manner, and the real strip. Needs a Python with PySide6.

    QT_QPA_PLATFORM=offscreen python -m tests.nuke_plugin.panel_drawing FOLDER [--width 440] [--scale 1]

Writes one PNG for the loop, one for the tab Matte and one for the open group Advanced, and prints as JSON which rows are too wide for
their place. The drawing is ours: where Nuke puts a pixel is another matter. Rows, order, labels and what begins a line are the gizmo's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]

STYLE = """
* { font-family: "DejaVu Sans"; font-size: 11px; color: #c8c8c8; }
QWidget { background: #323232; }
QPushButton { background: #4a4a4a; border: 1px solid #262626; border-radius: 2px; padding: 3px 8px; }
QLineEdit, QComboBox { background: #242424; border: 1px solid #1c1c1c; padding: 2px 4px; }
QComboBox { background: #4a4a4a; }
QLabel#tab { color: #f0a030; padding: 4px 2px; border-bottom: 1px solid #555; }
QLabel#group { color: #e0e0e0; padding: 3px 0; }
"""
SIDES = 20
"""Pixels that the bin itself takes: margins and its scroll bar."""


class Panel:
    """Rows of widgets, one line of knobs each; of a tab with its group opened, the group alone."""

    def __init__(self, qt, node, host, tab: str, opened: bool) -> None:
        self.qt, self.node, self.host = qt, node, host
        self.rows: list[tuple[str, list]] = []
        self.widget = qt.QtWidgets.QWidget()
        shown, group = None, None
        for knob in node.knobs().values():
            kind = knob.Class()
            if not knob._user or not knob.visible() or knob.getFlag(host_flag("INVISIBLE")):
                continue
            if kind == "Tab_Knob":
                number = knob._tab_type
                if number == 0:
                    shown = knob.label()
                    group = None
                elif number > 0:
                    group = knob.name()
                    if shown == tab:
                        if opened:
                            self.rows.clear()
                        self.rows.append(("", [self._named_label(("v " if opened else "> ") + knob.label(), "group")]))
                else:
                    group = None
                continue
            if shown == tab and (group is None or opened):
                self._add(knob, kind)

    def _named_label(self, text, name):
        label = self.qt.QtWidgets.QLabel(text)
        label.setObjectName(name)
        return label

    def _add(self, knob, kind: str) -> None:
        widgets = self._made(knob, kind)
        beginning = (
            knob.getFlag(host_flag("STARTLINE")) if kind in ("PyScript_Knob", "Boolean_Knob") else "-STARTLINE" not in knob._other_flags
        )
        label = "" if kind in ("PyScript_Knob", "Boolean_Knob") else knob.label()
        if beginning or not self.rows:
            self.rows.append((label, widgets))
        else:
            self.rows[-1][1].extend([self._named_label(label, "")] * bool(label) + widgets)

    def _made(self, knob, kind: str) -> list:
        w = self.qt.QtWidgets
        if kind == "Link_Knob":
            target = knob.getLinkedKnob()
            widget = w.QLineEdit(str(target.value())) if target.Class() == "File_Knob" else self._pulldown([str(target.value())], "")
            return [widget]
        if kind == "PyCustom_Knob":
            return [self.host.widget(self.node, knob.name())]
        if kind == "PyScript_Knob":
            return [w.QPushButton(knob.label())]
        if kind == "Boolean_Knob":
            widget = w.QCheckBox(knob.label())
            widget.setChecked(bool(knob.value()))
            return [widget]
        if kind == "Enumeration_Knob":
            return [self._pulldown([item.split("\t")[-1] for item in knob.values()], str(knob.value()))]
        if kind == "Text_Knob":
            widget = w.QLabel(str(knob.value()))
            widget.setWordWrap(True)
            return [widget]
        if kind in ("Int_Knob", "Double_Knob"):
            number = w.QLineEdit(f"{knob.value():g}")
            number.setFixedWidth(54)
            if kind == "Int_Knob":
                return [number, w.QLabel("")]
            slider = w.QSlider(self.qt.QtCore.Qt.Orientation.Horizontal)
            slider.setMinimumWidth(60)
            least, most = knob.min(), knob.max()
            slider.setValue(round(slider.maximum() * (knob.value() - least) / (most - least)))
            return [number, slider]
        return [w.QLineEdit(str(knob.value()))]

    def _pulldown(self, items: list[str], chosen: str):
        pulldown = self.qt.QtWidgets.QComboBox()
        pulldown.addItems(items)
        if chosen:
            pulldown.setCurrentText(chosen)
        return pulldown

    def lay_out(self, width: int) -> list[str]:
        """Put the rows below each other; names what is wider than there is room for."""
        qt = self.qt
        grid = qt.QtWidgets.QGridLayout(self.widget)
        grid.setContentsMargins(8, 6, 8, 6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        cut = []
        labels = [label for label, widgets in self.rows if not self._is_wide(widgets)]
        metrics = self.widget.fontMetrics()
        column = max((metrics.horizontalAdvance(label) for label in labels), default=0) + 6
        for number, (label, widgets) in enumerate(self.rows):
            line = qt.QtWidgets.QHBoxLayout()
            line.setSpacing(4)
            for widget in widgets:
                line.addWidget(widget)
            if all(isinstance(widget, (qt.QtWidgets.QPushButton, qt.QtWidgets.QCheckBox, qt.QtWidgets.QComboBox)) for widget in widgets):
                line.addStretch(1)
            wide = self._is_wide(widgets)
            room = width - SIDES - (0 if wide else column)
            need = sum(self._least(widget) for widget in widgets) + 4 * (len(widgets) - 1)
            if need > room:
                cut.append(f"{label or getattr(widgets[0], 'text', str)()}: {need} of {room} pixels")
            if wide:
                grid.addLayout(line, number, 0, 1, 2)
            else:
                shown = self._named_label(label, "")
                grid.addWidget(shown, number, 0, qt.QtCore.Qt.AlignmentFlag.AlignRight | qt.QtCore.Qt.AlignmentFlag.AlignTop)
                grid.addLayout(line, number, 1)
        grid.setRowStretch(len(self.rows), 1)
        self.widget.setFixedWidth(width - SIDES)
        return cut

    def _is_wide(self, widgets: list) -> bool:
        """The strip takes the whole width, and so does a group's head."""
        return type(widgets[0]).__name__ == "Strip" or widgets[0].objectName() == "group"

    def _least(self, widget) -> int:
        """Text that wraps, a slider and a path take what there is; everything else needs its own size."""
        qt = self.qt.QtWidgets
        if isinstance(widget, qt.QLabel) and widget.wordWrap() or isinstance(widget, qt.QSlider) or type(widget).__name__ == "Strip":
            return widget.minimumSizeHint().width()
        if isinstance(widget, qt.QLineEdit):
            return widget.minimumWidth() or 80
        return widget.sizeHint().width()


def host_flag(name: str) -> int:
    return getattr(sys.modules["nuke"], name)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=440)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--thumbnails", type=Path, help="JSON of what Suggest frames answered, with pictures")
    chosen = parser.parse_args(arguments)
    os.environ["QT_SCALE_FACTOR"] = str(chosen.scale)
    import nukesim

    from tests.nuke_plugin.panel_state import say, staged

    host = nukesim.start(gui=True)
    host.startup([str(CHECKOUT)])
    from xmem_roto_nuke.panel import qt

    app = qt.QtWidgets.QApplication([])
    app.setStyleSheet(STYLE)
    node = staged(host, chosen.thumbnails)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    cut = {}
    for name, tab, opened in (("loop", "XMem Roto", False), ("matte", "Matte", False), ("advanced", "XMem Roto", True)):
        node.hideControlPanel()
        node.showControlPanel()
        say(node)
        panel = Panel(qt, node, host, tab, opened)
        too_wide = panel.lay_out(chosen.width)
        panel.widget.show()
        for _ in range(3):  # what wraps asks for its height when it has its width
            app.processEvents()
            panel.widget.layout().invalidate()
            panel.widget.setFixedHeight(panel.widget.layout().totalHeightForWidth(panel.widget.width()))
        if too_wide:
            cut[name] = too_wide
        ratio = "" if chosen.scale == 1 else f"@{chosen.scale}x"
        picture = panel.widget.grab()
        assert picture.save(str(chosen.folder / f"panel-{name}-{chosen.width}{ratio}.png"))
        assert picture.width() == (chosen.width - SIDES) * chosen.scale, "what a screen of this scale shows"
    errors = [*host.python_errors, *host.printed_errors]
    host.close()
    print(json.dumps({"cut": cut, "errors": [str(error) for error in errors]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
