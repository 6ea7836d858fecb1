"""What an artist does to the stage in several tests, and what is looked at there."""

from __future__ import annotations

from pathlib import Path


def run(stage, frames: str) -> None:
    stage.node["frame_range"].setValue(frames)
    stage.propagate()
    assert stage.told == []


def choose(stage, version: str, node=None) -> None:
    (node or stage.node).showControlPanel()
    stage.host.user_edit((node or stage.node)["version"], version)
    stage.host.pump(0.1)


def rename(stage, index: int, name: str) -> None:
    stage.roto["curves"].rootLayer[index].name = name
    stage.roto["curves"].changed()


def plate_of_files(stage):
    """Put a sequence on disk in the place of the plate, and give the path of a frame's file."""
    nuke = stage.nuke
    (stage.folder / "plate").mkdir()
    pattern = (stage.folder / "plate" / "p.%04d.exr").as_posix()
    write = nuke.nodes.Write(file=pattern, file_type="exr", channels="rgb", inputs=[stage.plate])
    nuke.execute(write, 1001, 1010, 1)
    nuke.delete(write)
    stage.node.setInput(0, nuke.nodes.Read(file=pattern, first=1001, last=1010, origfirst=1001, origlast=1010))
    return lambda frame: pattern % frame


def behind_a_grade(stage):
    stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[stage.node.input(0)]))


def let_idle_run(stage, node=None):
    """Let two seconds pass, and Nuke's idle callback come round to the node."""
    from xmem_roto_nuke.staleness import watch

    watch._due.clear()
    node = node or stage.node
    node["hide_input"].setValue(not node["hide_input"].value())
    stage.host.pump(0.3)


def pattern(node) -> str:
    return node.node("Result")["file"].getEvaluatedValue()


def mattes(path: str) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in Path(path).parent.glob("matte.*.exr")}
