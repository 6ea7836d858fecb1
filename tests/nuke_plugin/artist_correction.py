"""An artist corrects frames by *Make key here*, with and without the fit, in the stand-in with the real core. Run by any Python of Nuke.

    python artist_correction.py TASK.json

TASK.json is that of `artist_session`, keyed on its first frame, and: "corrected" [frames], one after the other. What the Roto was after
each button goes to work/report.json; the caller counts the points that are left to move. Standard library only, as in Nuke.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from artist_session import Session  # noqa: E402


class Correction(Session):
    def run(self) -> None:
        self.build()
        for frame in self.task["corrected"]:
            self.press("propagate")
            self.nuke.root()["frame"].setValue(frame)
            self.report[str(frame)] = {"in-between": self.keyed("in-between")}
            self.host.undo()
            self.report[str(frame)]["fit to the matte"] = self.keyed("fit to the matte")  # which stays, and is learned
        self.host.close()
        (self.work / "report.json").write_text(json.dumps(self.report, indent=1))

    def keyed(self, way: str) -> str:
        """Make a key on the frame that shows; gives the text of the Roto's shapes."""
        self.node["key_by"].setValue(way)
        self.press("make_key")
        return str(self.roto["curves"].toScript())


if __name__ == "__main__":
    Correction(json.loads(Path(sys.argv[1]).read_text())).run()
