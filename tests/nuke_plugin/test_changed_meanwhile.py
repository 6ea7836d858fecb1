"""Nuke stays usable while the plate is rendered; what the artist does there must not end up under the wrong name."""

from __future__ import annotations

import time

import OpenEXR
import pytest

from xmemcore.roto import read_roto

pytestmark = pytest.mark.timeout(300)


def exchange(stage):
    return stage.cache() / "nuke" / stage.node["node_id"].value()


def red(stage, frame):
    with OpenEXR.File(str(exchange(stage) / "plate" / f"plate.{frame}.exr"), separate_channels=True) as file:
        return float(file.channels()["R"].pixels.max())


@pytest.fixture
def at_frame(stage, monkeypatch):
    """Do something before the nth render of a run; gives the frames that are rendered."""
    from xmem_roto_nuke.handover import plates

    original, frames = plates.host.render, []
    # One frame a bite, as with a heavy tree.
    monkeypatch.setattr(plates, "BITE_SECONDS", 0.0)

    def arm(number, act, between=True):
        waiting = [act]

        def render(*arguments):
            frames.extend(arguments[1])
            now = waiting and len(frames) == number
            if now and not between:
                waiting.pop()()
            answer = original(*arguments)
            if now and between:
                stage.host.after(0, waiting.pop())
            return answer

        frames.clear()
        plates.host.render = render
        return frames

    yield arm
    plates.host.render = original


@pytest.mark.parametrize("between", [True, False], ids=["between two frames", "in the midst of one"])
def test_a_plate_changed_while_it_is_rendered_is_rendered_as_it_is_in_the_end(stage, at_frame, between):
    frames = at_frame(5, lambda: stage.grade["multiply"].setValue(0.0), between)
    stage.propagate()
    assert len(frames) > 11, "frames of the former tree are rendered again"
    assert {red(stage, frame) for frame in range(1001, 1011)} == {0.0}
    assert "Up to date" in stage.status(), "the mattes are of the plate as it is"
    frames.clear()
    stage.grade["multiply"].setValue(1.0)
    stage.press("refresh")
    assert "The plate has changed" in stage.status()
    stage.propagate()
    assert frames == list(range(1001, 1011)) and min(red(stage, frame) for frame in range(1001, 1011)) > 0


def test_proxy_mode_is_switched_off_for_each_bite_and_put_back(stage, at_frame):
    proxy = stage.nuke.root()["proxy"]
    frames = at_frame(5, lambda: proxy.setValue(True))
    before = stage.host.proxy_renders
    stage.propagate()
    assert "Up to date" in stage.status() and len(stage.mattes()) == 10 and proxy.value() is True
    assert len(frames) == 11 and stage.host.proxy_renders == before
    proxy.setValue(False)
    frames.clear()
    stage.propagate()
    assert frames == [], "what was rendered in full size counts"


def test_a_run_in_proxy_mode_hands_over_what_a_run_in_full_size_does(stage):
    stage.propagate()
    exchanged = stage.cache() / "nuke" / stage.node["node_id"].value() / "roto.json"
    whole, rendered = exchanged.read_text(), len(stage.host.frames_rendered)
    stage.nuke.root()["proxy"].setValue(True)
    stage.propagate()
    assert exchanged.read_text() == whole and "[64, 48" in whole.replace("64.0", "64"), whole[:200]
    assert len(stage.host.frames_rendered) == rendered and stage.nuke.root()["proxy"].value() and "Up to date" in stage.status()
    stage.grade["multiply"].setValue(0.5)
    stage.propagate()
    assert len(stage.host.frames_rendered) == rendered + 10 and stage.host.proxy_renders == 0


def test_a_plate_that_is_deleted_while_it_is_rendered_is_said_by_name(stage, at_frame):
    name = stage.plate.name()
    at_frame(2, lambda: stage.nuke.delete(stage.plate))
    stage.propagate()
    assert f"{name} was deleted while its frames were rendered" in stage.told[-1] and "press again" in stage.told[-1]
    assert "Failed" in stage.status() and name in stage.status() and stage.mattes() == []
    assert not stage.host.python_errors and not stage.host.printed_errors
    stage.node.setInput(0, stage.grade)
    stage.node["frame_range"].setValue("1001-1010")
    stage.propagate()
    assert "Up to date" in stage.status()


def test_an_input_that_is_deleted_between_two_looks_is_said_and_not_taken_for_the_node_itself(stage, monkeypatch):
    from xmem_roto_nuke.handover import pictures

    original = pictures.hand_plate

    def hand_plate(*arguments):
        stage.host.after(0, lambda: stage.nuke.delete(stage.plate))
        stage.host.after(0, lambda: deleted.append(True))
        while not deleted:
            time.sleep(0.01)
        return original(*arguments)

    deleted: list[bool] = []
    monkeypatch.setattr(pictures, "hand_plate", hand_plate)
    stage.propagate()
    assert "A node that feeds XMemRoto was deleted" in stage.told[-1] and "Failed" in stage.status()


def test_a_plate_that_never_holds_still_is_refused_with_a_sentence(stage, at_frame, monkeypatch):
    from xmem_roto_nuke.handover import plates

    original, count = plates.host.render, [0]
    monkeypatch.setattr(plates, "BITE_SECONDS", 0.0)

    def render(*arguments):
        count[0] += 1
        stage.grade["multiply"].setValue(1.0 / (1 + count[0]))
        return original(*arguments)

    monkeypatch.setattr(plates.host, "render", render)
    stage.propagate()
    assert "again and again" in stage.told[-1] and count[0] < 15


def test_shapes_and_their_alpha_are_of_one_moment(stage, at_frame):
    def move():
        for point in stage.roto["curves"].rootLayer[0]:
            position = point.center.getPosition(1001)
            point.center.addPositionKey(1001, (position.x + 15, position.y))
        stage.roto["curves"].changed()

    at_frame(5, move)
    stage.propagate()
    (obj,) = read_roto(exchange(stage) / "roto.json").objects
    left = obj.at(1001)[0].points[:, 0, 0].min()
    with OpenEXR.File(str(exchange(stage) / "roto_alpha" / "alpha.1001.exr"), separate_channels=True) as file:
        alpha = file.channels()["A"].pixels
        edge = int(file.header()["dataWindow"][0][0]) + int((alpha > 0.5).any(0).argmax())
    assert abs(edge - left) <= 1, "both as they were when Propagate was pressed"
    assert "tri was changed on 1001" in stage.status(), "and what came later is for the next run"


def test_an_alpha_changed_while_it_is_rendered_is_rendered_as_it_is_in_the_end(stage, at_frame):
    stage.node["roto_input"].setValue("alpha of the input")
    solid = stage.nuke.nodes.Constant(channels="rgba", color=1.0)
    grade = stage.nuke.nodes.Grade(inputs=[solid], channels="all", multiply=0.5)
    stage.node.setInput(1, grade)
    for frame in (1004, 1006):
        stage.nuke.root()["frame"].setValue(frame)
        stage.press("add_key")
    at_frame(11, lambda: grade["multiply"].setValue(0.25), between=False)
    stage.propagate()
    assert "Up to date" in stage.status(), stage.status()
    for frame in (1004, 1006):
        with OpenEXR.File(str(exchange(stage) / "alpha" / f"alpha.{frame}.exr"), separate_channels=True) as file:
            assert float(file.channels()["A"].pixels.max()) == 0.25
    grade["multiply"].setValue(0.5)
    stage.press("refresh")
    assert "was changed on 1004, 1006" in stage.status()


def test_a_file_replaced_while_the_plate_is_rendered_makes_its_frame_stale(stage, tmp_path):
    from xmem_roto_nuke.handover import plates
    from xmem_roto_nuke.handover.export_record import ExportRecord

    record = ExportRecord.open(tmp_path, "plate")
    path = record.path(1001)
    path.write_bytes(b"old")
    record.note(1001, "digest")
    record.save()
    again = ExportRecord.open(tmp_path, "plate")
    assert again.is_fresh(1001, "digest") and not again.is_fresh(1001, "other")
    path.write_bytes(b"newer")
    assert not again.is_fresh(1001, "digest") and plates.MOST_CHANGES > 0
