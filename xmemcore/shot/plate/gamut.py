"""Convert a camera's primaries to Rec.709's, by a matrix made of chromaticities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Chromaticity = tuple[float, float]

_D65: Chromaticity = (0.3127, 0.3290)


@dataclass(frozen=True)
class Gamut:
    """Primaries and white of an RGB space."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity = _D65


REC_709 = Gamut((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
"""Source: ITU-R BT.709-6, table 1."""
AP1 = Gamut((0.713, 0.293), (0.165, 0.830), (0.128, 0.044), white=(0.32168, 0.33767))
"""ACEScg. Source: Academy, S-2014-004, "ACEScg"."""
ACES_AP0 = Gamut((0.7347, 0.2653), (0.0, 1.0), (0.0001, -0.077), white=(0.32168, 0.33767))
"""ACES2065-1. Source: SMPTE ST 2065-1."""
REC_2020 = Gamut((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
"""Source: ITU-R BT.2020-2."""
P3_D65 = Gamut((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
"""Source: SMPTE EG 432-1, with D65."""
ALEXA_WIDE_GAMUT_3 = Gamut((0.6840, 0.3130), (0.2210, 0.8480), (0.0861, -0.1020))
"""Source: ARRI, "ALEXA Log C Curve, Usage in VFX" (2017)."""
ARRI_WIDE_GAMUT_4 = Gamut((0.7347, 0.2653), (0.1424, 0.8576), (0.0991, -0.0308))
"""Source: ARRI, "ARRI LogC4 Logarithmic Color Space, Specification" (2022)."""
S_GAMUT_3_CINE = Gamut((0.766, 0.275), (0.225, 0.800), (0.089, -0.087))
"""Source: Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3"."""

_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))
"""Cone responses. Source: Lam, "Metamerism and Colour Constancy" (1985), as in ICC.1:2022, annex E."""


def to_rec709(gamut: Gamut) -> np.ndarray:
    """Give the (3, 3) float32 matrix from a gamut's linear light to Rec.709's; white stays white.

    Source: SMPTE RP 177 (matrix from chromaticities); Bradford adaptation between the whites.
    """
    adaptation = _adaptation(gamut.white, REC_709.white)
    return np.asarray(np.linalg.inv(_to_xyz(REC_709)) @ adaptation @ _to_xyz(gamut), np.float32)


def _to_xyz(gamut: Gamut) -> np.ndarray:
    columns = np.stack([_xyz(primary) for primary in (gamut.red, gamut.green, gamut.blue)], axis=1)
    return columns * np.linalg.solve(columns, _xyz(gamut.white))


def _adaptation(source: Chromaticity, target: Chromaticity) -> np.ndarray:
    gain = (_BRADFORD @ _xyz(target)) / (_BRADFORD @ _xyz(source))
    return np.linalg.inv(_BRADFORD) @ (gain[:, None] * _BRADFORD)


def _xyz(chromaticity: Chromaticity) -> np.ndarray:
    x, y = chromaticity
    return np.array((x / y, 1.0, (1 - x - y) / y))
