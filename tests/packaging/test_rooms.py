"""The picture of the rooms is that of the source."""

from __future__ import annotations

from tests import rooms


def test_every_room_has_a_place_in_the_picture() -> None:
    assert sorted(rooms.PLACES) == rooms.rooms()
    assert len(set(rooms.PLACES.values())) == len(rooms.PLACES), "two rooms stand in one place"


def test_picture_is_drawn_from_the_imports_as_they_are() -> None:
    assert rooms.PICTURE.read_text(encoding="utf-8") == rooms.svg(), "run: python -m tests.rooms"


def test_no_arrow_runs_back_up() -> None:
    assert rooms.back_up(rooms.arrows()) == set()


def test_arrows_that_others_imply_are_left_out() -> None:
    graph = {"xmemcore/cli": {"xmemcore/shot", "xmemcore/protocol"}, "xmemcore/shot": {"xmemcore/protocol"}, "xmemcore/protocol": set()}
    assert rooms.direct(graph) == {**graph, "xmemcore/cli": {"xmemcore/shot"}}


def test_imports_for_type_checkers_alone_are_no_arrows() -> None:
    measure = rooms.CHECKOUT / "xmemcore" / "cli" / "measure.py"
    assert "if TYPE_CHECKING:\n    from xmemcore.evaluation.clips import Clip\n" in measure.read_text(encoding="utf-8")
    assert "xmemcore.evaluation.clips.Clip" not in rooms.imports(measure)
