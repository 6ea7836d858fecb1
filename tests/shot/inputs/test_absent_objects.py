"""What the roto says of when a shape is there counts on every frame of the mattes, keyed or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from tests.roto.made_roto import curves, layer, node, script, square
from tests.shot.made_shot import HEIGHT, WIDTH, write_model, write_plate
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status
from xmemcore.shot.suggest import suggest

FRAMES = range(1001, 1009)
BODY = ("body", 10, 16, 32)


@pytest.fixture(scope="module")
def shot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_plate(folder / "plate", last=FRAMES[-1], holes=())
    write_model(folder)
    return folder


@pytest.fixture
def asked(shot_folder: Path, tmp_path: Path):
    def ask(*shapes: str, root: str = "", **settings: object) -> PropagateRequest:
        roto = tmp_path / "roto.nk"
        roto.write_text(script(node("Roto1", curves(*shapes, attributes=root)), size=(WIDTH, HEIGHT)))
        return PropagateRequest(
            plate=str(shot_folder / "plate" / "plate.%04d.exr"), roto=str(roto), model=str(shot_folder / "small.safetensors"),
            size=64, device="cpu",
            out=str(tmp_path / "mattes" / "matte.%04d.exr"), cache=str(tmp_path / "cache"), **settings,
        )  # fmt: skip

    return ask


def channel(request: PropagateRequest, frame: int, name: str) -> np.ndarray:
    with OpenEXR.File(request.out.replace("%04d", str(frame)), separate_channels=True) as file:
        return np.array(file.channels()[name].pixels, dtype=np.float32)


def shown(request: PropagateRequest, name: str) -> list[int]:
    return [frame for frame in FRAMES if channel(request, frame, name).any()]


@pytest.mark.parametrize("where", ["shape", "layer", "root"])
@pytest.mark.parametrize(
    "attributes", ["ltt 4 ltn 1003 ltm 1005", "vis {{1001 0} {1003 1} {1006 0}}", "opc {{1002 0} {1003 1} {1005 1} {1006 0}}"]
)
def test_the_matte_is_empty_wherever_the_roto_hides_the_shape(asked, where: str, attributes: str) -> None:
    of_shape, around, root = (attributes if where == place else "" for place in ("shape", "layer", "root"))
    request = asked(layer("body", square("arm", *BODY[1:], "{1003 1005}", of_shape), attributes=around), root=root)
    result = propagate(request)
    assert result.keyframes == (1003, 1005) and result.frames == tuple(FRAMES)
    for name in ("body.alpha", "A"):
        assert shown(request, name) == [1003, 1004, 1005]


def test_an_object_of_several_shapes_is_absent_only_where_all_are(asked) -> None:
    first, second = (
        square(name, *BODY[1:], "{1001 1008}", f"ltt 4 ltn {a} ltm {b}") for name, a, b in (("a", 1001, 1002), ("b", 1007, 1008))
    )
    request = asked(layer("body", first, second))
    propagate(request)
    assert shown(request, "body.alpha") == [1001, 1002, 1007, 1008]


def test_what_is_hidden_leaves_the_others_alone(asked) -> None:
    """The same mattes as without the lifetime, where nobody is hidden; where the sleeve is hidden, the body is what it was."""
    sleeve = ("sleeve", 60, 20, 20, "{1001 1008}")
    whole = asked(square(*BODY, "{1001 1008}"), square(*sleeve))
    propagate(whole)
    before = {frame: (channel(whole, frame, "body.alpha"), channel(whole, frame, "A")) for frame in FRAMES}
    cut = asked(square(*BODY, "{1001 1008}"), square(*sleeve, "ltt 1 ltm 1004"))
    # The keys of 1008 are hidden now, which the network is told; so the drawn frames are compared, and the union with the layers.
    result = propagate(cut)
    assert shown(cut, "sleeve.alpha") == [1001, 1002, 1003, 1004] and shown(cut, "body.alpha") == list(FRAMES)
    assert any("sleeve is drawn on frame 1008, but hidden" in warning for warning in result.warnings)
    assert np.array_equal(channel(cut, 1001, "A"), before[1001][1])
    assert np.array_equal(channel(cut, 1008, "A"), channel(cut, 1008, "body.alpha"))


def test_keys_of_visibility_alone_leave_the_drawn_frames_as_they_are(asked) -> None:
    plain = asked(square(*BODY, "{1001 1004 1008}"))
    propagate(plain)
    mattes = {frame: channel(plain, frame, "body.alpha") for frame in FRAMES}
    hidden = asked(square(*BODY, "{1001 1004 1008}", "vis {{1001 1} {1005 0} {1007 1}}"))
    result = propagate(hidden)
    assert result.keyframes == (1001, 1004, 1008) and result.written == (1005, 1006)
    assert shown(hidden, "body.alpha") == [1001, 1002, 1003, 1004, 1007, 1008]
    assert all(np.array_equal(channel(hidden, frame, "body.alpha"), mattes[frame]) for frame in (1001, 1002, 1003, 1004, 1007, 1008))


def test_a_changed_lifetime_makes_the_frames_stale_that_it_changes(asked) -> None:
    propagate(asked(square(*BODY, "{1001 1004}")))
    status = node_status(asked(square(*BODY, "{1001 1004}", "ltt 1 ltm 1006")))
    assert status.stale == (1007, 1008)
    assert status.reasons == ("The roto shows other objects on frames 1007-1008.",)


def test_suggest_leaves_hidden_frames_out(asked) -> None:
    request = asked(square(*BODY, "{1001 1004}", "vis {{1001 1} {1005 0}}"))
    propagate(request)
    fields = {name: getattr(request, name) for name in ("plate", "roto", "model", "size", "device", "cache")}
    answer = suggest(SuggestRequest(**fields, mattes=request.out, count=8, min_pixels=1))
    assert {pick.frame for pick in answer.suggestions} <= {1002, 1003} and answer.lost_frames == ()


def test_chosen_objects_come_out_alone(asked) -> None:
    shapes = (square(*BODY, "{1001 1008}"), square("sleeve", 60, 20, 20, "{1001 1004}"), square("hat", 2, 2, 8, "1001"))
    result = propagate(replace(asked(*shapes), objects=("hat", "sleeve")))
    assert result.objects == ("sleeve", "hat") and result.keyframes == (1001, 1004)
    with pytest.raises(RequestError, match="called 'glove'. The annotations have: 'body', 'sleeve', 'hat'"):
        propagate(replace(asked(*shapes), objects=("glove",)))


def test_chosen_objects_never_replace_mattes_of_others(asked) -> None:
    shapes = (square(*BODY, "{1001 1004}"), square("sleeve", 60, 20, 20, "{1001 1004}"))
    out = Path(propagate(asked(*shapes)).out)
    before = {path: path.read_bytes() for path in out.parent.glob("*.exr")}
    with pytest.raises(RequestError, match=r"1001.exr has mattes of other objects \(sleeve\), which would be lost"):
        propagate(replace(asked(*shapes), objects=("body",)))
    assert before and {path: path.read_bytes() for path in out.parent.glob("*.exr")} == before
    again = propagate(replace(asked(*shapes), objects=("sleeve", "body"), roto=asked(*shapes, square("hat", 2, 2, 8, "1001")).roto))
    assert again.layers == ("body", "sleeve"), "none is lost"


def test_mattes_of_an_object_whose_layer_has_the_same_name_are_not_replaced(asked) -> None:
    shapes = (square("手", 10, 20, 20, "{1001 1004}"), square("足", 60, 20, 20, "{1001 1004}"))
    propagate(replace(asked(*shapes), objects=("手",)))
    with pytest.raises(RequestError, match=r"1001.exr has mattes of other objects \(手\), which would be lost"):
        propagate(replace(asked(*shapes), objects=("足",)))


def test_keys_off_the_plate_are_left_out_and_named(asked) -> None:
    result = propagate(asked(square(*BODY, "{990 1003 1200}"), square("sleeve", 60, 20, 20, "{980 981}")))
    assert result.keyframes == (1003,) and result.objects == ("body",)
    assert any(
        "980-981, 990, 1200 are not on the plate" in warning and "nothing is left of sleeve" in warning for warning in result.warnings
    )
    assert not any("have no key" in warning for warning in result.warnings), "sleeve has keys, and its one sentence"
    with pytest.raises(RequestError, match="No key of the roto is on the plate, which has 1001-1008: keys are on frames 990, 1200"):
        propagate(asked(square(*BODY, "{990 1200}")))
    with pytest.raises(RequestError, match="Keyframe 1200 is not on the plate"):
        propagate(asked(square(*BODY, "{1003 1200}"), keyframes=(1003, 1200)))


def test_a_roto_that_hangs_on_what_is_not_known_is_not_taken_as_drawn(asked) -> None:
    linked = layer("linked", square("arm", *BODY[1:], "{1001 1008}"), transform="{t 0 0 0 {=Card3D1.translate.x 3}}")
    with pytest.raises(RequestError, match=r"'Card3D1.translate.x' of linked.*Bake it"):
        propagate(asked(linked))
    with pytest.raises(RequestError, match="Bake it"):
        propagate(asked(linked, keyframes=(1001,)))
    result = propagate(asked(linked, square("hat", 2, 2, 8, "1001")))
    assert result.objects == ("hat",) and any("linked" in warning and "not known" in warning for warning in result.warnings)
