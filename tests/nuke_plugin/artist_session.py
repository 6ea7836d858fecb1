"""An artist's session from an empty script to a corrected matte, in the stand-in, with the real core. Run by any Python that Nuke has.

    python artist_session.py TASK.json

TASK.json: {"plate": pattern, "first", "last", "outlines": {frame: [pieces of [[x, y], ...]]}, "keys": [frames], "size", "work": folder,
"width", "height", "core_python", "reopened": [frames to render once more; without it all]}. What happened goes to work/report.json; the
caller judges it. Standard library only, as in Nuke.
"""

# ruff: noqa: UP031 -- curves text is all braces
from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests")]

import nukesim  # noqa: E402


def curves(outlines: dict, keys: list) -> str:
    """One layer, the object, with a Bezier shape of straight pieces for each piece of the mask, keyed on the frames."""
    shapes = []
    for piece in range(len(outlines[str(keys[0])])):
        points = []
        for place in range(len(outlines[str(keys[0])][piece])):
            axes = []
            for axis in (0, 1):
                axes.append("{%s}" % " ".join("{%.3f -}" % outlines[str(key)][piece][place][axis] for key in keys))
            points.append("{0 0} {%s} {0 0}" % " ".join(axes))
        times = " ".join(map(str, keys))
        shapes.append("{curvegroup piece%d 512 bezier {{cc {f 8192} {px {%s} %s}} idem} {t 0 0} {a}}" % (piece, times, " ".join(points)))
    layer = "{layer animal {f 512} {t 0 0} {a} %s}" % " ".join(shapes)
    return "AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 0} {t 427 240} {a} %s}}}" % layer


class Session:
    def __init__(self, task: dict) -> None:
        self.task = task
        self.work = Path(task["work"])
        self.report: dict = {"python": sys.version.split()[0]}

    def start(self, gui: bool = True, plugin: bool = True):
        self.host = nukesim.start(gui=gui)
        self.nuke = sys.modules["nuke"]
        if plugin:
            self.host.startup([str(CHECKOUT)])
        else:
            # It can be imported here, as it could not be on a machine that has not got it.
            sys.modules["xmem_roto_nuke"] = None
        return self.host

    def wait(self) -> None:
        from xmem_roto_nuke.node import runs

        assert self.host.pump(1500, until=lambda: not runs.under_way), "a run did not end"
        self.host.pump(0.2)
        failures = [text for kind, text in self.host.messages]
        assert not failures, failures
        assert not self.host.python_errors and not self.host.printed_errors

    def press(self, name: str) -> float:
        began = time.monotonic()
        self.host.press(self.node, name)
        self.wait()
        return time.monotonic() - began

    def render(self, name: str, frames: list[int] | None = None) -> None:
        """Render the node's output through a Write; None: every frame."""
        write = self.nuke.nodes.Write(inputs=[self.node])
        write["file"].setValue((self.work / name / "out.%04d.exr").as_posix())
        write["file_type"].setValue("exr")
        write["channels"].setValue("rgba")
        write["create_directories"].setValue(True)
        for first, last in [(self.task["first"], self.task["last"])] if frames is None else [(frame, frame) for frame in frames]:
            self.nuke.execute(write, first, last)
        self.nuke.delete(write)

    def record(self) -> dict:
        from xmem_roto_nuke.node import identity

        return identity.read_hidden(self.node, "record")

    def build(self) -> None:
        """Make the artist's script: a Read, a Roto keyed on the task's frames, an XMemRoto."""
        nuke = (self.start(), self.nuke)[1]
        first, last = self.task["first"], self.task["last"]
        nuke.addFormat("%d %d 0 0 %d %d 1 clip" % ((self.task["width"], self.task["height"]) * 2))
        for name, value in (("format", "clip"), ("first_frame", first), ("last_frame", last), ("frame", self.task["keys"][0])):
            nuke.root()[name].setValue(value)
        self.read = nuke.nodes.Read(file=self.task["plate"], first=first, last=last, origfirst=first, origlast=last)
        self.roto = nuke.nodes.Roto()
        self.roto["curves"].fromScript(curves(self.task["outlines"], self.task["keys"]))
        self.node = nuke.createNode("XMemRoto")
        self.node.setInput(0, self.read)
        self.node.setInput(1, self.roto)
        self.node["size"].setValue(self.task["size"])
        for name, value in self.task.get("knobs", {}).items():
            self.node[name].setValue(value)
        nuke.scriptSaveAs(str(self.work / "shot.nk"), 1)
        self.host.pump(0.1)

    def run(self) -> None:
        self.build()
        nuke, roto = self.nuke, self.roto
        self.report["first_seconds"] = self.press("propagate")
        self.report["first"] = self.record()
        self.report["first_status"] = self.node["status"].value()
        self.report["mattes"] = self.node.node("Result")["file"].value()
        self.render("first")
        self.copy_mattes("first_mattes")

        self.report["suggest_seconds"] = self.press("suggest_frames")
        from xmem_roto_nuke.node import identity

        found = identity.read_hidden(self.node, "suggestions")
        self.report["suggestions"] = found
        self.report["script"] = str(self.work / "shot.nk")

        frame = found["suggestions"][0]["frame"]
        nuke.root()["frame"].setValue(frame)
        self.press("make_key")
        for shape, piece in zip(roto["curves"].rootLayer[0], self.task["outlines"][str(frame)]):
            for point, (x, y) in zip(shape, piece):
                point.center.addPositionKey(frame, (x, y))
        roto["curves"].changed()
        self.report["keyed"] = frame
        self.report["second_seconds"] = self.press("propagate")
        self.report["second"] = self.record()
        self.report["second_status"] = self.node["status"].value()
        self.render("second")
        self.copy_mattes("second_mattes")
        nuke.scriptSave(str(self.work / "shot.nk"))
        from xmem_roto_nuke.core import client

        client.session_core().close()
        self.host.close()

        self.reopen()
        (self.work / "report.json").write_text(json.dumps(self.report, indent=1))

    def copy_mattes(self, name: str) -> None:
        import shutil

        shutil.copytree(str(Path(self.report["mattes"]).parent), str(self.work / name))

    def in_another_nuke(self, gui: bool, plugin: bool) -> None:
        """Open the script in a new Nuke, without a core."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("xmem_roto_nuke", "nuke_plugin")]:
            del sys.modules[name]
        os.environ["XMEM_ROTO_PYTHON"] = "/nowhere/python"
        os.environ["NUKESIM_RENDER_PYTHON"] = self.task["core_python"]
        self.start(gui, plugin)
        self.host.open(str(self.work / "shot.nk"))
        self.node = self.host.node("XMemRoto")

    def reopen(self) -> None:
        """A new Nuke, without a core: the result is there at once."""
        self.in_another_nuke(gui=True, plugin=True)
        self.host.press(self.node, "refresh")
        self.report["reopened_status"] = self.node["status"].value()
        self.render("reopened", self.task.get("reopened"))
        assert not self.host.python_errors
        self.host.close()


if __name__ == "__main__":
    Session(json.loads(Path(sys.argv[1]).read_text())).run()
