"""Absent ranges: an object is not in these frames, whatever it was drawn with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from tests.shot.inputs.conftest import LAST
from xmemcore.cli.main import main
from xmemcore.engine import entrance
from xmemcore.protocol.absences import Absence
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.result_file import ResultFile
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status
from xmemcore.shot.suggest import suggest


def shown(request: PropagateRequest, name: str) -> list[int]:
    found = []
    for frame in range(1001, LAST + 1):
        with OpenEXR.File(request.out.replace("%04d", str(frame)), separate_channels=True) as file:
            if np.asarray(file.channels()[name].pixels).any():
                found.append(frame)
    return found


def test_a_range_is_taught_at_both_ends_and_enforced_between(request_: PropagateRequest) -> None:
    asked = replace(request_, absent=("sleeve:1004-1007",))
    shot = open_shot(asked)
    body, sleeve = (shot.annotations.objects.index(name) for name in ("body", "sleeve"))
    assert [frame for frame in range(1001, LAST + 1) if sleeve in shot.annotations.known(frame)] == [1002, 1004, 1007, 1010]
    assert [frame for frame in range(1001, LAST + 1) if sleeve in shot.annotations.absent(frame)] == [1004, 1005, 1006, 1007]
    assert all(shot.annotations.network_mask(frame, sleeve, (64, 96)) is None for frame in (1004, 1007))
    assert body not in shot.annotations.known(1004)
    result = propagate(asked)
    assert {1004, 1007} <= set(result.keyframes)
    header = ResultFile(Path(asked.out)).header
    assert header.keyframes == result.keyframes and header.absent == (1004, 1007) and header.approved == ()
    assert not {1004, 1005, 1006, 1007}.intersection(shown(asked, "sleeve.alpha"))
    assert {1003, 1008} <= set(shown(asked, "sleeve.alpha")) and {1005, 1006} <= set(shown(asked, "body.alpha"))


def test_mattes_are_stale_where_objects_are_kept_out_otherwise(request_: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(request_, absent=("sleeve:1004-1007",))
    propagate(asked)
    assert not node_status(asked).stale
    monkeypatch.setattr(entrance, "VERSION", entrance.VERSION + 1)
    assert 1008 in node_status(asked).stale


def test_a_changed_range_makes_what_depends_on_it_stale(request_: PropagateRequest) -> None:
    asked = replace(request_, absent=("sleeve:1004-1007",))
    propagate(asked)
    assert node_status(asked).stale == ()
    assert 1005 in node_status(request_).stale
    assert 1008 in node_status(replace(request_, absent=("sleeve:1004-1008",))).stale


def test_what_is_drawn_in_a_range_is_absent_and_named(request_: PropagateRequest) -> None:
    asked = replace(request_, absent=("sleeve:1009-1012",))
    result = propagate(asked)
    assert any("sleeve is annotated on frame 1010, but said to be absent there" in warning for warning in result.warnings)
    assert max(shown(asked, "sleeve.alpha")) < 1009


def test_several_ranges_of_several_objects_count(request_: PropagateRequest) -> None:
    asked = replace(request_, absent=("sleeve:1004,1006", "body:1008-1009"))
    propagate(asked)
    sleeve, body = shown(asked, "sleeve.alpha"), shown(asked, "body.alpha")
    assert not {1004, 1006}.intersection(sleeve) and {1008, 1009} <= set(sleeve)
    assert not {1008, 1009}.intersection(body) and 1004 in body


def test_no_frame_on_which_everything_is_absent_is_suggested(request_: PropagateRequest) -> None:
    both = tuple(f"{name}:1003-1009" for name in ("body", "sleeve"))
    settings = {name: getattr(request_, name) for name in ("plate", "roto", "model", "size", "device", "cache")}
    found = suggest(SuggestRequest(**settings, absent=both, count=12, method="uniform"))
    assert [pick.frame for pick in found.suggestions] == [1011]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sleeve", "names no object and its frames"),
        (":1004", "names no object and its frames"),
        ("sleeve:1010-1004", "runs backwards"),
        ("hat:1004", "No object is called 'hat'"),
        ("sleeve:1-9", "said to be absent on 1-9, but the plate has 1001-1012"),
    ],
)
def test_a_range_that_says_nothing_is_refused(request_: PropagateRequest, text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        open_shot(replace(request_, absent=(text,)))


def test_a_name_may_hold_colons(request_: PropagateRequest) -> None:
    assert Absence.parse("left:sleeve:1004-1007") == Absence("left:sleeve", Absence.parse("x:1004-1007").frames)
    assert str(Absence.parse("sleeve: 1004-1007")) == "sleeve:1004-1007"


def test_what_is_said_of_objects_that_do_not_come_out_says_nothing(request_: PropagateRequest) -> None:
    result = propagate(replace(request_, objects=("body",), absent=("sleeve:1004-1007",)))
    assert result.keyframes == (1001, 1012)


def test_the_command_line_takes_ranges(request_: PropagateRequest) -> None:
    words = ["--roto", request_.roto, "--model", request_.model, "--size", "64", "--out", request_.out, "--cache", request_.cache]
    assert main(["propagate", request_.plate, *words, "--device", "cpu", "--absent", "sleeve:1004-1005", "--absent", "sleeve:1007"]) == 0
    assert not {1004, 1005, 1007}.intersection(shown(request_, "sleeve.alpha"))
