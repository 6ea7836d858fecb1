"""Find the core's encoding for the script's working space. An unknown space is refused, never taken for Rec.709."""

from __future__ import annotations

from xmemcore.protocol.colorspaces import canonical, role
from xmemcore.protocol.failures import RequestError

SCENE_LINEAR = ("linear", "acescg")
"""Encodings that a working space can have."""

ACES_CONFIGS = ("aces", "fn-nuke_cg", "fn-nuke_studio", "cg-config", "studio-config")


def encoding(colour_management: str, config: str, working_space: str) -> str:
    """Name the core's encoding of scene-linear pixels rendered from this script.

    Args:
        colour_management: Root's knob, `Nuke` or `OCIO`.
        config: Root's `OCIO_config`.
        working_space: Root's `workingSpaceLUT`.

    Raises:
        RequestError.
    """
    name, of_role = canonical(working_space), role(working_space)
    if (colour_management != "OCIO" or config == "nuke-default") and (name == "linear" or of_role):
        return "linear"
    if name in SCENE_LINEAR:
        return name
    if of_role and config.lower().startswith(ACES_CONFIGS):
        return "acescg"
    raise RequestError(
        f"The script's working space is {working_space!r}, which the core does not know. Convert the plate to ACEScg or linear Rec.709 "
        "before the plate input, and choose that in the colour space knob."
    )
