"""From what a plate stores to what the network sees: display-encoded Rec.709 in [0, 1].

Scene-linear light goes through the sRGB curve up to 0.8 and is rolled off towards 1 above, so that no highlight wraps or clips flat.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xmemcore.protocol.failures import RequestError

SHOULDER = 0.8
"""Display value up to which the sRGB curve is left alone."""

Chromaticity = tuple[float, float]

D65: Chromaticity = (0.3127, 0.3290)
ACES_WHITE: Chromaticity = (0.32168, 0.33767)

REC_709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
AP1 = ((0.713, 0.293), (0.165, 0.830), (0.128, 0.044))
"""ACEScg; Academy, S-2014-004."""
ALEXA_WIDE_GAMUT_3 = ((0.6840, 0.3130), (0.2210, 0.8480), (0.0861, -0.1020))
"""ARRI, "ALEXA LogC Curve, Usage in VFX" (2017)."""
ARRI_WIDE_GAMUT_4 = ((0.7347, 0.2653), (0.1424, 0.8576), (0.0991, -0.0308))
"""ARRI, "LogC4, Logarithmic Color Space" (2022)."""
S_GAMUT_3 = ((0.730, 0.280), (0.140, 0.855), (0.100, -0.050))
"""Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3"."""

_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))
"""Cone response; Lam, "Metamerism and Colour Constancy" (1985)."""


class ColorspaceUnknown(RequestError):
    """No colour space of that name."""


def encoder(colorspace: str) -> Callable[[np.ndarray], np.ndarray]:
    """Give the function that encodes pixels of a colour space for the network.

    It takes float16 or float32 (..., 3), finite, and gives float32 in [0, 1].

    Raises:
        ColorspaceUnknown.
    """
    if colorspace not in _ENCODERS:
        raise ColorspaceUnknown(f"There is no colour space {colorspace!r} here. Choose one of: {', '.join(_ENCODERS)}.")
    return _ENCODERS[colorspace]


def display_encoded(linear: np.ndarray) -> np.ndarray:
    """Encode scene-linear Rec.709 light, (...) float, for display.

    Unchanged sRGB up to 0.8; above, it nears 1 with a slope that joins the curve's. Negative light is black.
    """
    light = np.maximum(linear.astype(np.float32, copy=False), 0)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-6), 1 / 2.4) - 0.055)
    excess = np.maximum(curve - SHOULDER, 0)
    room = 1 - SHOULDER
    return np.where(curve <= SHOULDER, curve, SHOULDER + room * excess / (excess + room)).astype(np.float32)


def logc3_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode LogC3 at EI 800. Source: ARRI, "ALEXA LogC Curve, Usage in VFX"."""
    cut, a, b, c, d, e, f = 0.010591, 5.555556, 0.052272, 0.247190, 0.385537, 5.367655, 0.092809
    return np.where(signal > e * cut + f, (np.power(10.0, (signal - d) / c) - b) / a, (signal - f) / e).astype(np.float32)


def logc4_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode LogC4. Source: ARRI, "LogC4, Logarithmic Color Space"."""
    a, b, c = (2**18 - 16) / 117.45, (1023 - 95) / 1023, 95 / 1023
    s = 7 * np.log(2) * 2 ** (7 - 14 * c / b) / (a * b)
    t = (2 ** (14 * (-c / b) + 6) - 64) / a
    return np.where(signal >= 0, (np.exp2(14 * (signal - c) / b + 6) - 64) / a, signal * s + t).astype(np.float32)


def slog3_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode S-Log3. Source: Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3"."""
    log = np.power(10.0, (signal * 1023 - 420) / 261.5) * (0.18 + 0.01) - 0.01
    return np.where(signal >= 171.2102946929 / 1023, log, (signal * 1023 - 95) * 0.01125 / (171.2102946929 - 95)).astype(np.float32)


def _linear(pixels: np.ndarray) -> np.ndarray:
    # A half has 65536 values: looking them up is faster than two powers for each pixel.
    if pixels.dtype == np.float16:
        return _HALF_TABLE[pixels.view(np.uint16)]
    return display_encoded(pixels)


def _srgb(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels.astype(np.float32, copy=False), 0, 1)


def _to_rec709(primaries: tuple[Chromaticity, ...], white: Chromaticity) -> np.ndarray:
    """Give the (3, 3) matrix from a space's linear light to Rec.709's; white stays white."""
    return (np.linalg.inv(_to_xyz(REC_709, D65)) @ _adaptation(white, D65) @ _to_xyz(primaries, white)).astype(np.float32)


def _to_xyz(primaries: tuple[Chromaticity, ...], white: Chromaticity) -> np.ndarray:
    columns = np.stack([_xyz(primary) for primary in primaries], axis=1)
    return columns * np.linalg.solve(columns, _xyz(white))


def _adaptation(source: Chromaticity, target: Chromaticity) -> np.ndarray:
    gain = (_BRADFORD @ _xyz(target)) / (_BRADFORD @ _xyz(source))
    return np.linalg.inv(_BRADFORD) @ (gain[:, None] * _BRADFORD)


def _xyz(chromaticity: Chromaticity) -> np.ndarray:
    x, y = chromaticity
    return np.array((x / y, 1.0, (1 - x - y) / y))


def _in_gamut(matrix: np.ndarray, decode: Callable[[np.ndarray], np.ndarray] | None = None) -> Callable[[np.ndarray], np.ndarray]:
    def encode(pixels: np.ndarray) -> np.ndarray:
        wide = pixels.astype(np.float32, copy=False)
        return display_encoded((decode(wide) if decode else wide) @ matrix.T)

    return encode


with np.errstate(invalid="ignore"):
    _HALF_TABLE = display_encoded(np.nan_to_num(np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32), nan=0.0, posinf=65504.0))

_ENCODERS = {
    "linear": _linear,
    "acescg": _in_gamut(_to_rec709(AP1, ACES_WHITE)),
    "srgb": _srgb,
    "logc3": _in_gamut(_to_rec709(ALEXA_WIDE_GAMUT_3, D65), logc3_to_linear),
    "logc4": _in_gamut(_to_rec709(ARRI_WIDE_GAMUT_4, D65), logc4_to_linear),
    "slog3": _in_gamut(_to_rec709(S_GAMUT_3, D65), slog3_to_linear),
}
COLORSPACES = tuple(_ENCODERS)
