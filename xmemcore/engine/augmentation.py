"""The eleven variants in which an annotation may also enter permanent memory.

Source: XMem++, arXiv 2307.15958, Table 5. Geometric variants are bilinear and filled with the mean colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.frames import Padding
from xmemcore.network.xmem import IMAGE_DEVIATION, IMAGE_MEAN

BRIGHTER, DARKER = 1.5, 0.5
POSTERISED_BITS = 3
SHARPNESS = 16.0
BLUR_SIGMA_PIXELS = 1.4
ZOOM_OUT, ZOOM_IN = 0.5, 1.5
SHEAR_DEGREES = 20.0

_COLOUR: dict[str, Callable[[Tensor], Tensor]] = {
    "brighter": lambda rgb: rgb * BRIGHTER,
    "darker": lambda rgb: rgb * DARKER,
    "posterised": lambda rgb: _posterised(rgb),
    "sharpened": lambda rgb: _sharpened(rgb),
    "blurred": lambda rgb: _gaussian(rgb, 7, BLUR_SIGMA_PIXELS),
}
_GEOMETRIC: dict[str, Callable[[float], Sequence[float]]] = {
    # Rows of the 2x2 map from a pixel of the variant to a pixel of the frame, about the centre.
    "rotated_left": lambda angle: _rotation(angle),
    "rotated_right": lambda angle: _rotation(-angle),
    "zoomed_out": lambda _: (1 / ZOOM_OUT, 0.0, 0.0, 1 / ZOOM_OUT),
    "zoomed_in": lambda _: (1 / ZOOM_IN, 0.0, 0.0, 1 / ZOOM_IN),
    "sheared_left": lambda _: (1.0, math.tan(math.radians(SHEAR_DEGREES)), 0.0, 1.0),
    "sheared_right": lambda _: (1.0, -math.tan(math.radians(SHEAR_DEGREES)), 0.0, 1.0),
}
AUGMENTATIONS = (*_COLOUR, *_GEOMETRIC)
"""Names of the variants. A variant's number in permanent memory is its position here, from 1."""


def variants(
    image: Tensor, masks: Tensor, padding: Padding, names: Sequence[str] | None, rotation_degrees: float
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Make an annotated frame's variants.

    Args:
        image: (1, 3, H, W), normalised and padded.
        masks: (1, K, H, W), padded.
        padding: of both.
        names: of the variants to make; None: all eleven.
        rotation_degrees: of the two rotations.

    Yields:
        The variant's number, its image and its masks, shaped as they came.
    """
    chosen = AUGMENTATIONS if names is None else names
    picture, planes = padding.unpad(image), padding.unpad(masks)
    for name in chosen:
        number = AUGMENTATIONS.index(name) + 1
        if name in _COLOUR:
            yield number, padding.pad(_recoloured(picture, _COLOUR[name])), masks
        else:
            matrix = _GEOMETRIC[name](rotation_degrees)
            # Zero is the mean colour of a normalised image, and "nothing" in a mask.
            yield number, padding.pad(_warped(picture, matrix)), padding.pad(_warped(planes, matrix))


def _recoloured(picture: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    mean, deviation = (picture.new_tensor(v).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_DEVIATION))
    rgb = (picture * deviation + mean).clamp(0, 1)
    return (change(rgb).clamp(0, 1) - mean) / deviation


def _posterised(rgb: Tensor) -> Tensor:
    step = 2 ** (8 - POSTERISED_BITS)
    return torch.floor(rgb * 255 / step) * step / 255


def _sharpened(rgb: Tensor) -> Tensor:
    smooth = F.avg_pool2d(F.pad(rgb, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return smooth + SHARPNESS * (rgb - smooth)


def _gaussian(rgb: Tensor, taps: int, sigma: float) -> Tensor:
    offsets = torch.arange(taps, device=rgb.device) - taps // 2
    kernel = torch.exp(-offsets.square() / (2 * sigma**2)).to(rgb)
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    half = taps // 2
    rgb = F.conv2d(F.pad(rgb, (half, half, 0, 0), mode="replicate"), kernel.unsqueeze(2), groups=3)
    return F.conv2d(F.pad(rgb, (0, 0, half, half), mode="replicate"), kernel.unsqueeze(3), groups=3)


def _rotation(degrees: float) -> tuple[float, float, float, float]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return c, -s, s, c


def _warped(x: Tensor, matrix: Sequence[float]) -> Tensor:
    height, width = x.shape[-2:]
    a, b, c, d = matrix
    # affine_grid works in units of half the width and half the height; the map is meant in pixels.
    theta = x.new_tensor([[a, b * height / width, 0.0], [c * width / height, d, 0.0]]).unsqueeze(0)
    grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
