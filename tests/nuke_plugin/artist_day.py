"""An artist's day at one node with the real core, in the stand-in: what comes after the first matte. Run by any Python that Nuke has.

    python artist_day.py TASK.json

TASK.json is that of `artist_session`, and: "part" [first, last] of a range in the middle, "hat" [[x, y], ...] a second thing to draw.
What happened goes to work/report.json; the caller judges it by the files and by what Nuke renders. Standard library only, as in Nuke.
"""

# ruff: noqa: UP031 -- curves text is all braces
from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from artist_session import Session  # noqa: E402


class Day(Session):
    def run(self) -> None:
        self.build()
        self.press("propagate")
        self.note("whole")
        self.part_of_the_range()
        self.cancel_on_nukes_meter()
        self.version_up_while_the_panel_closes()
        self.compare()
        self.lock()
        self.two_rotos()
        self.preset()
        self.missing_matte_on_a_farm()
        (self.work / "report.json").write_text(json.dumps(self.report, indent=1))

    def note(self, step: str) -> None:
        """Keep what the status says after a step, where the mattes are, and what is in each file."""
        pattern = Path(self.node.node("Result")["file"].value())
        content = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(pattern.parent.glob("matte.*.exr"))}
        # Later steps replace these; one frame of each step is kept.
        kept = self.task["keys"][0] if step == "two_rotos" else self.task["part"][0]
        if (pattern.parent / (pattern.name % kept)).is_file():
            shutil.copy(str(pattern) % kept, str(self.work / (step + ".exr")))
        self.report[step] = {"status": self.node["status"].value(), "pattern": pattern.as_posix(), "files": content}

    def told(self) -> list:
        """Take what dialogues have said since the last time."""
        self.host.pump(0.1)
        said = [text for _, text in self.host.messages]
        del self.host.messages[:]
        return said

    def part_of_the_range(self) -> None:
        """Another setting for a few frames in the middle: the rest stays as it was, and shows."""
        self.node["edges"].setValue("plain")
        self.node["frame_range"].setValue("%d-%d" % tuple(self.task["part"]))
        self.press("propagate")
        self.note("part")
        self.render("part")
        self.node["edges"].setValue("refined")
        self.node["frame_range"].setValue("")

    def cancel_on_nukes_meter(self) -> None:
        """The plate is another one, and Nuke's own meter is cancelled while it is rendered."""
        from xmem_roto_nuke.handover import plates

        plates.BITE_SECONDS = 60.0
        grade = self.nuke.nodes.Grade(inputs=[self.read], multiply=0.9)
        self.node.setInput(0, grade)
        self.host.cancel_at_frame, before = self.task["part"][0], len(self.host.frames_rendered)
        self.press("propagate")
        self.note("cancelled")
        self.host.cancel_at_frame = None
        self.press("propagate")
        self.note("after_cancel")
        self.report["rendered"] = [frame for name, frame in self.host.frames_rendered[before:] if name.endswith("RenderWrite")]

    def version_up_while_the_panel_closes(self) -> None:
        """The next version in another way; its panel closes after the first frame."""
        from xmem_roto_nuke.node import runs

        self.host.press(self.node, "version_up")
        self.node["edges"].setValue("plain")
        self.node.showControlPanel()
        self.host.press(self.node, "propagate")
        first = Path(self.report["whole"]["pattern"]).parent
        assert self.host.pump(600, until=lambda: any(first.glob("v002/matte.*.exr")) or not runs.under_way)
        self.report["at work when the panel closed"] = bool(runs.under_way)
        self.node.hideControlPanel()
        self.wait()
        self.note("second_version")

    def compare(self) -> None:
        """Both versions are shown again, and their difference is looked at."""
        self.node.showControlPanel()
        for version in ("v001", "v002"):
            self.host.user_edit(self.node["version"], version)
            self.host.pump(0.1)
            self.note("chosen_" + version)
        self.node["view_as"].setValue("difference")
        self.render("difference", [self.task["part"][0]])
        self.node["view_as"].setValue("result")
        self.node.hideControlPanel()
        assert self.told() == []

    def lock(self) -> None:
        """The result is locked: a Propagate with other settings writes nothing."""
        self.host.press(self.node, "lock_result")
        self.report["locked_status"] = self.node["status"].value()
        self.node["edges"].setValue("refined")
        self.host.press(self.node, "propagate")
        self.host.pump(0.2)
        self.report["locked_told"] = self.told()
        self.note("locked")
        self.host.press(self.node, "lock_result")
        self.node["edges"].setValue("plain")

    def two_rotos(self) -> None:
        """A second Roto above the first brings one more object, keyed on one frame."""
        key = self.task["keys"][0]
        points = " ".join("{0 0} {%.3f %.3f} {0 0}" % tuple(point) for point in self.task["hat"])
        text = "{curvegroup hat 512 bezier {{cc {f 8192} {px %d %s}} idem} {t 0 0} {a}}" % (key, points)
        upper = self.nuke.nodes.Roto(name="Upper", inputs=[self.nuke.nodes.Dot(inputs=[self.roto])])
        upper["curves"].fromScript("AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 0} {t 0 0} {a} %s}}}" % text)
        self.node.setInput(1, upper)
        self.host.press(self.node, "refresh")
        self.report["hat_status"] = self.node["status"].value()
        self.press("propagate")
        self.note("two_rotos")
        self.report["channels"] = sorted(self.node.channels())

    def preset(self) -> None:
        """A preset of this node, as an older Nuke makes it, on a new one: the new one keeps an identity of its own."""
        preset = "\n".join("%s %s" % (name, self.node[name].toScript()) for name in ("node_id", "home", "record", "has_result", "edges"))
        other = self.nuke.createNode("XMemRoto")
        other.setInput(0, self.node.input(0))
        other.setInput(1, self.roto)
        self.host.apply_preset(other, preset)
        self.host.press(other, "refresh")
        own, others = (str(each["node_id"].value()) for each in (self.node, other))
        self.report["preset"] = {
            "own": own, "other": others, "edges": other["edges"].value(), "shows": bool(other["has_result"].value()),
            "status": other["status"].value(),
        }  # fmt: skip
        self.nuke.delete(other)
        self.host.press(self.node, "refresh")
        self.note("after_preset")

    def missing_matte_on_a_farm(self) -> None:
        """A matte is gone, and a terminal without the plugin renders: the frame before it, then the frame itself."""
        gone = self.task["part"][0]
        self.nuke.scriptSave(str(self.work / "shot.nk"))
        from xmem_roto_nuke.core import client

        client.session_core().close()
        self.host.close()
        assert not self.host.python_errors and not self.host.printed_errors
        Path(self.report["two_rotos"]["pattern"] % gone).unlink()
        self.in_another_nuke(gui=False, plugin=False)
        self.render("farm", [gone - 1])
        try:
            self.render("farm", [gone])
        except RuntimeError as error:
            self.report["farm_error"] = str(error)
        self.host.close()


if __name__ == "__main__":
    Day(json.loads(Path(sys.argv[1]).read_text())).run()
