"""The colour spaces that the core decodes itself, and what Nuke, OCIO configurations and artists call them."""

from __future__ import annotations

import re
from typing import Dict, Optional, Tuple

COLORSPACES = ("linear", "acescg", "srgb", "logc3", "logc4", "slog3")
"""Scene-linear Rec.709; ACEScg; display values; ARRI LogC3 at EI 800 and LogC4 with their wide gamuts; S-Log3 with S-Gamut3.Cine."""

OCIO_PREFIX = "ocio:"
"""Begins the name of any space of an OCIO configuration."""

ROLES = ("scene_linear", "rendering", "default")
"""OCIO roles. The configuration says which space a role is; without a configuration it is scene-linear Rec.709, as in Nuke."""

_NAMES: Dict[str, Tuple[str, ...]] = {
    "linear": (
        "linear", "lin", "scene linear rec709", "linear rec.709 (srgb)", "lin_rec709", "lin_srgb", "linear srgb", "lin_rec709_srgb",
        "utility - linear - rec.709", "utility - linear - srgb", "linear - rec.709", "linear - srgb", "linear bt.709", "linear rec.709",
        "lin_rec709_scene", "linear bt709", "linear rec709",
    ),
    "acescg": ("acescg", "aces - acescg", "lin_ap1", "linear ap1", "linear acescg", "lin_ap1_scene", "acescg linear"),
    "srgb": (
        "srgb", "srgb - texture", "utility - srgb - texture", "srgb encoded rec.709 (srgb)", "srgb_texture", "srgb_tx", "srgb texture",
        "srgb_encoded_rec709_srgb", "srgb_rec709_scene", "input - generic - srgb - texture", "srgb - display", "output - srgb", "srgbf",
    ),
    "logc3": (
        "logc3", "log c3", "logc", "alexav3logc", "arri logc3 (ei800)", "arri_logc3_ei800", "arri logc3", "logc3ei800_alexawide",
        "input - arri - v3 logc (ei800) - wide gamut", "v3 logc (ei800) - wide gamut", "v3logc (ei800)", "alexa v3 logc",
    ),
    "logc4": ("logc4", "log c4", "arrilogc4", "arri logc4", "arri_logc4", "input - arri - logc4"),
    "slog3": (
        "slog3", "s-log3", "s-log3 s-gamut3.cine", "slog3_sgamut3cine", "slog3_sgamutcine", "input - sony - s-log3 - s-gamut3.cine",
        "s-log3 - s-gamut3.cine", "sony s-log3",
    ),
}  # fmt: skip


def canonical(name: str) -> Optional[str]:
    """Find which of COLORSPACES a name means, whatever its case and punctuation; None for any other."""
    # "ACEScg\tScene" names the family after a tab; "scene_linear (ACES - ACEScg)" a role, with what it stands for; "Utility/Raw" a family.
    space = name.split("\t")[0].strip()
    inside = _inside_of_role(space)
    for text in (inside, inside.rpartition("/")[2]):
        if _plain(text) in _BY_NAME:
            return _BY_NAME[_plain(text)]
    return None


def role(name: str) -> Optional[str]:
    """Give the OCIO role that a name means, whatever its case; None for a name that is no role."""
    text = name.split("\t")[0].strip().lower().replace(" ", "_")
    return text if text in ROLES else None


def _inside_of_role(space: str) -> str:
    if space.endswith(")") and "(" in space and role(space[: space.index("(")]) is not None:
        return space[space.index("(") + 1 : -1]
    return space


def _plain(name: str) -> str:
    """Reduce a name to lower-case words, in which spellings of one space agree."""
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()


_BY_NAME = {_plain(name): space for space, names in _NAMES.items() for name in names}
