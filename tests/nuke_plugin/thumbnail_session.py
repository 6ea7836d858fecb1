"""A card of the strip in panels on a plain and on a dense screen of one machine, without any screen. Run by a Python with PySide6.

python thumbnail_session.py THUMBNAIL.png FOLDER     writes plain.png and dense.png, what either screen shows
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests")]

RATIOS = {"plain": 1, "dense": 2}
"""Pixels for a point on each screen."""


def main(thumbnail: Path, folder: Path) -> None:
    screens = [
        {"name": name, "x": 800 * place, "y": 0, "width": 800, "height": 600, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
        for place, name in enumerate(RATIOS)
    ]
    (folder / "screens.json").write_text(json.dumps({"screens": screens}))
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={folder / 'screens.json'}"
    os.environ["QT_SCREEN_SCALE_FACTORS"] = ";".join(f"{name}={ratio}" for name, ratio in RATIOS.items())
    import nukesim

    with nukesim.start(gui=True) as host:
        host.startup([str(CHECKOUT)])
        from xmem_roto_nuke.panel import strip
        from xmem_roto_nuke.panel.qt import QtWidgets

        app = QtWidgets.QApplication([])
        for screen in app.screens():
            # Nuke asks for a widget first, and puts it into a panel that may be on any screen.
            card = strip.CardWidget(strip.Card(1042, 1.0, 0.6, "sleeve", "lost", str(thumbnail)), lambda _: None, lambda _: None)
            panel = QtWidgets.QWidget()
            panel.setScreen(screen)
            panel.move(screen.geometry().topLeft())
            QtWidgets.QVBoxLayout(panel).addWidget(card)
            panel.show()
            app.processEvents()
            assert card.devicePixelRatioF() == RATIOS[screen.name()], screen.name()
            assert card.grab().save(str(folder / f"{screen.name()}.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
