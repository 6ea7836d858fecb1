"""Encode a plate's pixels for the network: display-encoded Rec.709 in [0, 1].

Scene-linear light goes through the sRGB curve up to 0.8 and is rolled off towards 1 above, so that no highlight wraps or clips flat.
Camera spaces are decoded to scene-linear light first, and their primaries turned into Rec.709's. OpenColorIO, where it is
installed, decodes any other space (`ocio:NAME`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from xmemcore.protocol.colorspaces import COLORSPACES, OCIO_PREFIX, canonical, role
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.plate import gamut, ocio

SHOULDER = 0.8
"""Display value up to which the sRGB curve is unchanged."""

BRIGHTEST = 65504.0
"""Largest light that half precision can hold; infinity counts as this."""

STRIP_PIXELS = 1 << 18
"""Pixels encoded at a time: 3 MB of floats."""

Curve = Callable[[np.ndarray], np.ndarray]


def settled(colorspace: str) -> str:
    """Give the name of a colour space as we and its configuration write it.

    Args:
        colorspace: one of COLORSPACES or a name that Nuke or OCIO gives it, or `ocio:` and a space of $OCIO or OCIO's own configuration.

    Raises:
        RequestError.
    """
    if colorspace[: len(OCIO_PREFIX)].lower() == OCIO_PREFIX:
        return OCIO_PREFIX + ocio.space(colorspace[len(OCIO_PREFIX) :].strip())
    name = canonical(colorspace)
    if name is None and role(colorspace):
        # Without a configuration, scene-linear means Rec.709, as in Nuke.
        return OCIO_PREFIX + ocio.space(colorspace) if ocio.chosen() else "linear"
    if name is None:
        raise RequestError(
            f"There is no colour space {colorspace[:80]!r} here. Choose one of: {', '.join(COLORSPACES)}; or write ocio:NAME for a space "
            "of an OCIO configuration."
        )
    return name


def signature(colorspace: str) -> str:
    """Name the decoding of a settled colour space: a configuration may change under an unchanged name."""
    if colorspace.startswith(OCIO_PREFIX):
        return f"{colorspace} {ocio.signature(colorspace[len(OCIO_PREFIX) :])}"
    return colorspace


def display_encoded(planes: Sequence[np.ndarray], colorspace: str) -> np.ndarray:
    """Encode a picture for the network.

    Args:
        planes: red, green and blue, (h, w) each, as the file has them: float16 or float32, finite, or whole numbers whose largest value
            is 1.
        colorspace: which they are in.

    Returns:
        (h, w, 3) float32 in [0, 1]; black is 0 in every colour space.

    Raises:
        RequestError.
    """
    if colorspace not in COLORSPACES:
        colorspace = settled(colorspace)
    height, width = planes[0].shape
    encoded = np.empty((height, width, 3), np.float32)
    # In strips that fit the processor's cache; a large plate would otherwise be held in several copies.
    rows = max(STRIP_PIXELS // width, 1)
    for top in range(0, height, rows):
        encoded[top : top + rows] = _encoded([plane[top : top + rows] for plane in planes], colorspace)
    return encoded


def _encoded(stored: Sequence[np.ndarray], colorspace: str) -> np.ndarray:
    if colorspace == "srgb" and all(plane.dtype == np.uint8 for plane in stored):
        return cv2.LUT(cv2.merge(stored), _BYTE_TABLE)
    planes = [unit_range(plane) for plane in stored]
    if colorspace == "srgb":
        return cv2.merge([np.clip(plane.astype(np.float32, copy=False), 0, 1) for plane in planes])
    if colorspace == "linear":
        return cv2.LUT(cv2.merge([_bits(plane) for plane in planes]), _HALF_TABLE)
    wide = cv2.merge([plane.astype(np.float32, copy=False) for plane in planes])
    if colorspace.startswith(OCIO_PREFIX):
        light = np.nan_to_num(ocio.to_rec709(wide, colorspace[len(OCIO_PREFIX) :]), nan=0.0, posinf=BRIGHTEST, neginf=0.0)
        return _by_table(np.clip(light, -BRIGHTEST, BRIGHTEST))
    decode, matrix = _CAMERAS[colorspace]
    with np.errstate(over="ignore"):  # a signal far above 1 decodes to infinite light
        light = np.clip(wide if decode is None else decode(wide), -BRIGHTEST, BRIGHTEST)
    return _by_table(cv2.transform(light, matrix))


def unit_range(pixels: np.ndarray) -> np.ndarray:
    """Give whole numbers as float32 by their largest value, so that white is 1; floats as they are."""
    if pixels.dtype.kind in "ui":
        return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return np.ascontiguousarray(pixels)


def display_curve(light: np.ndarray) -> np.ndarray:
    """Encode scene-linear Rec.709 light, any shape, finite, for display: float32 in [0, 1).

    The sRGB curve up to 0.8; above, with the excess e over 0.8, 0.8 + 0.2 e / (e + 0.2): it nears 1, never gets there, and joins
    the curve with its slope. Negative light is black. Source of the curve: IEC 61966-2-1.
    """
    light = np.maximum(light.astype(np.float64), 0)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-6), 1 / 2.4) - 0.055)
    excess = np.maximum(curve - SHOULDER, 0)
    room = 1 - SHOULDER
    return np.where(curve <= SHOULDER, curve, SHOULDER + room * excess / (excess + room)).astype(np.float32)


def logc3_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode ARRI LogC3 at exposure index 800, any shape, to light; mid grey 0.391 is 0.18.

    Source: ARRI, "ALEXA Log C Curve, Usage in VFX" (2017), table of LogC to linear scene exposure.
    """
    cut, a, b, c, d, e, f = 0.010591, 5.555556, 0.052272, 0.247190, 0.385537, 5.367655, 0.092809
    return np.where(signal > e * cut + f, (np.power(10.0, (signal - d) / c) - b) / a, (signal - f) / e).astype(np.float32)


def logc4_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode ARRI LogC4, any shape, to light; mid grey 0.278 is 0.18.

    Source: ARRI, "ARRI LogC4 Logarithmic Color Space, Specification" (2022).
    """
    a, b, c = (2**18 - 16) / 117.45, (1023 - 95) / 1023, 95 / 1023
    s = 7 * np.log(2) * 2 ** (7 - 14 * c / b) / (a * b)
    t = (2 ** (14 * (-c / b) + 6) - 64) / a
    return np.where(signal >= 0, (np.exp2(14 * (signal - c) / b + 6) - 64) / a, signal * s + t).astype(np.float32)


def slog3_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode Sony S-Log3, any shape, to light; mid grey 420/1023 is 0.18.

    Source: Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3", appendix.
    """
    log = np.power(10.0, (signal * 1023 - 420) / 261.5) * (0.18 + 0.01) - 0.01
    return np.where(signal >= 171.2102946929 / 1023, log, (signal * 1023 - 95) * 0.01125 / (171.2102946929 - 95)).astype(np.float32)


def _by_table(light: np.ndarray) -> np.ndarray:
    """Encode light, (h, w) or (h, w, 3), rounded to half, which a display value does not show (1/2000 of it)."""
    # A half has 65536 values: looking them up is several times as fast as a power for each pixel.
    return cv2.LUT(_bits(light), _HALF_TABLE)


def _bits(light: np.ndarray) -> np.ndarray:
    """Give the bits of light that is rounded to half, uint16."""
    half = light if light.dtype == np.float16 else np.clip(light, 0, BRIGHTEST).astype(np.float16)
    return np.ascontiguousarray(half).view(np.uint16)


def _half_table() -> np.ndarray:
    values = np.arange(65536, dtype=np.uint32).astype(np.uint16).view(np.float16)
    with np.errstate(invalid="ignore"):  # among them are all the NaN of the half format
        finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=BRIGHTEST, neginf=-BRIGHTEST)
    return display_curve(finite)


_HALF_TABLE = _half_table()
_BYTE_TABLE = unit_range(np.arange(256, dtype=np.uint8))

# S-Log3 comes with two gamuts; files do not say which. Sony recommends .Cine for grading, and to a network the difference is small.
_CAMERAS: dict[str, tuple[Curve | None, np.ndarray]] = {
    "acescg": (None, gamut.to_rec709(gamut.AP1)),
    "logc3": (logc3_to_linear, gamut.to_rec709(gamut.ALEXA_WIDE_GAMUT_3)),
    "logc4": (logc4_to_linear, gamut.to_rec709(gamut.ARRI_WIDE_GAMUT_4)),
    "slog3": (slog3_to_linear, gamut.to_rec709(gamut.S_GAMUT_3_CINE)),
}
