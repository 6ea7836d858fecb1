"""Roto as annotations: which frames are known, mattes on the canvas, masks at working size, signatures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.roto.made_roto import curves, node, script, square
from xmemcore.curves.script import Format
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import read_roto, roto_json
from xmemcore.shot.annotations.roto import RotoAnnotations, open_roto
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas

FORMAT = Box(0, 0, 64, 48)
CANVAS = Canvas(FORMAT, FORMAT)
HIDDEN = "vis {{1001 1 0 1 0 1 0} {1020 0 0 1 0 1 0}}"


def annotations(*shapes: str, canvas: Canvas = CANVAS, **chosen: object) -> RotoAnnotations:
    return RotoAnnotations(read_roto(curves(*shapes)), canvas, **chosen)


def test_every_object_has_its_own_keyframes() -> None:
    masks_of_roto = annotations(square("body", 4, 4, 30, "{1001 1040}"), square("sleeve", 10, 10, 8, "{1001 1020}"))
    assert masks_of_roto.objects == ("body", "sleeve")
    assert masks_of_roto.keyframes == (1001, 1020, 1040)
    assert [masks_of_roto.known(frame) for frame in (1001, 1020, 1040, 1002)] == [{0, 1}, {1}, {0}, set()]


def test_named_keyframes_make_all_objects_known() -> None:
    masks_of_roto = annotations(square("body", 4, 4, 30, "{1001 1040}"), square("sleeve", 10, 10, 8, None), keyframes=(1010, 1005))
    assert masks_of_roto.keyframes == (1005, 1010)
    assert masks_of_roto.known(1005) == {0, 1} and masks_of_roto.known(1001) == set()


def test_an_invisible_object_is_absent_not_unknown() -> None:
    masks_of_roto = annotations(square("a", 4, 4, 30, "{1001 1020}", HIDDEN))
    assert masks_of_roto.keyframes == (1001, 1020) and masks_of_roto.known(1020) == {0}
    assert masks_of_roto.network_mask(1020, 0, (24, 32)) is None
    assert masks_of_roto.matte(1020, 0).shape == (48, 64) and not masks_of_roto.matte(1020, 0).any()
    assert masks_of_roto.network_mask(1001, 0, (24, 32)) is not None


def test_a_shape_off_the_canvas_is_absent() -> None:
    assert annotations(square("a", 500, 4, 30)).network_mask(1001, 0, (24, 32)) is None


def test_the_matte_has_the_canvas_pixels_with_row_zero_at_the_top() -> None:
    matte = annotations(square("a", 4, 0, 8)).matte(1001, 0)
    assert matte.dtype == np.float32
    assert np.argwhere(matte).min(axis=0).tolist() == [40, 4] and np.argwhere(matte).max(axis=0).tolist() == [47, 11]


def test_overscan_moves_the_canvas_not_the_shape() -> None:
    overscan = Canvas(Box(-5, -3, 70, 60), FORMAT)
    matte = annotations(square("a", 4, 0, 8), canvas=overscan).matte(1001, 0)
    assert matte.shape == (63, 75)
    # EXR row y is row y + 3 of this canvas; the format's lower edge is EXR's y = 48.
    assert np.argwhere(matte).min(axis=0).tolist() == [40 + 3, 4 + 5]
    inside = matte[3 : 3 + 48, 5 : 5 + 64]
    assert np.array_equal(inside, annotations(square("a", 4, 0, 8)).matte(1001, 0))


def test_a_display_window_that_begins_elsewhere_keeps_the_shape_in_the_format() -> None:
    display = Box(100, 200, 164, 248)
    matte = annotations(square("a", 4, 0, 8), canvas=Canvas(display, display)).matte(1001, 0)
    assert np.array_equal(matte, annotations(square("a", 4, 0, 8)).matte(1001, 0))


def test_the_network_mask_is_the_hard_shape_at_working_size() -> None:
    masks_of_roto = annotations(square("a", 8, 8, 16, attributes="opc 0.1 fx 9 fy 9"))
    mask = masks_of_roto.network_mask(1001, 0, (24, 32)).unpacked()
    assert mask.shape == (24, 32) and mask.dtype == np.float32 and set(np.unique(mask)) == {0, 1}
    assert np.argwhere(mask).min(axis=0).tolist() == [12, 4] and np.argwhere(mask).max(axis=0).tolist() == [19, 11]


def test_pixel_aspect_widens_the_working_image_not_the_roto() -> None:
    wide = Canvas(FORMAT, FORMAT, pixel_aspect=2.0)
    size = wide.working_size(24)
    assert size == (24, 64)
    masks_of_roto = annotations(square("a", 8, 8, 16), canvas=wide)
    assert np.argwhere(masks_of_roto.matte(1001, 0)).min(axis=0).tolist() == [24, 8]
    assert np.argwhere(masks_of_roto.network_mask(1001, 0, size).unpacked())[:, 1].tolist() == [*range(8, 24)] * 8


def test_a_thin_shape_keeps_its_best_pixels() -> None:
    thin = "{curvegroup line 512 bezier {{cc {f 8192} {px 1001 " + " ".join(
        f"{{0 0}} {{{x} {y}}} {{0 0}}" for x, y in ((10, 4), (10.3, 4), (10.3, 44), (10, 44))
    ) + "}} idem} {t 0 0} {a}}"  # fmt: skip
    mask = annotations(thin).network_mask(1001, 0, (24, 32)).unpacked()
    assert mask.sum() >= 3 and set(np.nonzero(mask)[1]) == {5}


def test_text_and_json_have_the_same_signatures() -> None:
    shapes = (
        square("a", 4.0625, 4, 30.125, "{1001 1020}", HIDDEN, "{t 20 20 0 {{1001 0 -} {1020 7 -}} 0 0 0 0 33}"),
        square("b", 1, 1, 3, "{1001 1040}", "fx 2 fy 3 ff 1.5 bm 2 opc 0.7"),
    )
    text = annotations(*shapes)
    written = roto_json.write(read_roto(curves(*shapes)), image_format=Format(64, 48, 1.0))
    again = RotoAnnotations(read_roto(written), CANVAS)
    assert text.keyframes == again.keyframes and text.objects == again.objects
    for frame in text.keyframes:
        assert text.known(frame) == again.known(frame)
        for obj in text.known(frame):
            assert text.signature(frame, obj) == again.signature(frame, obj)
            assert np.array_equal(text.matte(frame, obj), again.matte(frame, obj))


def test_signatures_see_every_change_and_no_rounding() -> None:
    def signature(x: float = 4.0, attributes: str = "", frame: int = 1001) -> str:
        return annotations(square("a", x, 4, 30, attributes=attributes)).signature(frame, 0)

    plain = signature()
    assert plain == signature(4.0 + 1e-9)
    changes = [
        signature(4.01),
        *(signature(attributes=changed) for changed in ("inv 1", "bm 1", "opc 0.99", "fx 1 fy 1", "fx 1 fy 1 ff 2", "vis 0")),
    ]
    assert len({plain, *changes}) == 1 + len(changes)


def test_the_callers_pixels_are_their_own() -> None:
    masks_of_roto = annotations(square("a", 4, 4, 30))
    masks_of_roto.matte(1001, 0)[:] = 7
    assert masks_of_roto.matte(1001, 0).max() == 1


def test_objects_can_be_chosen_and_must_exist() -> None:
    shapes = (square("a", 1, 1, 3), square("b", 1, 1, 3))
    assert annotations(*shapes, objects=["b"]).objects == ("b",)
    with pytest.raises(RequestError, match="called 'c'. The annotations have: 'a', 'b'"):
        annotations(*shapes, objects=["c"])


def test_a_roto_without_keys_says_so() -> None:
    with pytest.raises(RequestError, match=r"No shape of the roto has a key \(a, b\)"):
        annotations(square("a", 1, 1, 3, None), square("b", 1, 1, 3, None))


def test_an_object_without_keys_beside_others_is_left_out_and_named() -> None:
    masks_of_roto = annotations(square("a", 1, 1, 3, None), square("b", 1, 1, 3))
    assert masks_of_roto.objects == ("b",) and any("no key" in warning and "a" in warning for warning in masks_of_roto.warnings)


def test_json_has_only_its_own_frames() -> None:
    text = roto_json.write(read_roto(curves(square("a", 1, 1, 3, "{5 7}"))))
    assert RotoAnnotations(read_roto(text), CANVAS, keyframes=[5]).keyframes == (5,)
    with pytest.raises(RequestError, match="nothing for frame 6; it has 5, 7"):
        RotoAnnotations(read_roto(text), CANVAS, keyframes=[5, 6])


def test_another_format_than_the_plates_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shot.nk"
    path.write_text(script(node("Roto1", curves(square("a", 1, 1, 3))), size=(128, 96)))
    assert any("128x96" in warning and "64x48" in warning for warning in open_roto(path, CANVAS).warnings)
    path.write_text(script(node("Roto1", curves(square("a", 1, 1, 3)))))
    assert open_roto(path, CANVAS, node="Roto1", keyframes=(3,)).warnings == ()
