"""The eleven variants do what their names say."""

from __future__ import annotations

import torch

from xmemcore.engine.augmentation import AUGMENTATIONS, variants
from xmemcore.engine.frames import Padding
from xmemcore.network.xmem import IMAGE_DEVIATION, IMAGE_MEAN

PADDING = Padding(45, 60)


def made(name: str, rotation: float = 45.0) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.zeros(1, 3, 45, 60)
    image[..., 10:35, 20:40] = 1.0
    mask = torch.zeros(1, 1, 45, 60)
    mask[..., 10:35, 20:40] = 1.0
    number, picture, planes = next(iter(variants(PADDING.pad(image), PADDING.pad(mask), PADDING, [name], rotation)))
    assert number == AUGMENTATIONS.index(name) + 1
    assert picture.shape[-2:] == planes.shape[-2:] == (48, 64)
    return PADDING.unpad(picture), PADDING.unpad(planes)


def test_colour_variants_leave_the_mask_alone() -> None:
    for name in ("brighter", "darker", "posterised", "sharpened", "blurred"):
        assert made(name)[1].sum() == 25 * 20


def test_zooming_scales_the_mask_area() -> None:
    assert abs(made("zoomed_out")[1].sum() / (25 * 20) - 0.25) < 0.02
    assert made("zoomed_in")[1].sum() / (25 * 20) > 1.9


def test_rotation_keeps_the_area_and_turns_both_ways() -> None:
    left, right = made("rotated_left")[1], made("rotated_right")[1]
    assert abs(left.sum() / (25 * 20) - 1) < 0.03
    assert torch.allclose(left, right.flip(3), atol=1e-3), "the picture is symmetric, so the two are mirror images"
    assert torch.allclose(made("rotated_left", 0.0)[1], made("brighter")[1], atol=1e-5)


def test_what_a_variant_uncovers_is_the_mean_colour() -> None:
    picture, _ = made("zoomed_out")
    assert torch.allclose(picture[..., 0, 0], torch.zeros(1, 3))


def test_brightness_is_of_the_display_encoded_picture() -> None:
    picture, _ = made("darker")
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_DEVIATION))
    assert torch.allclose((picture * deviation + mean)[..., 0, 0], mean[..., 0, 0] / 2, atol=1e-5)
