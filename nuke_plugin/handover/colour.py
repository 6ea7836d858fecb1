"""Which of the core's encodings the script's working space is. What we do not know is refused, never taken for Rec.709."""

from __future__ import annotations

from xmemcore.protocol.failures import RequestError

REC709_NAMES = {
    "linear", "scene_linear_rec709", "linear rec.709 (srgb)", "lin_rec709", "lin_srgb", "linear srgb", "utility - linear - rec.709",
    "utility - linear - srgb", "linear - rec.709", "linear bt.709", "linear rec.709",
}  # fmt: skip
ACESCG_NAMES = {"acescg", "aces - acescg", "lin_ap1", "linear ap1", "linear acescg"}
ROLES = {"scene_linear", "rendering", "default"}
"""OCIO roles: what they stand for depends on the configuration."""
ACES_CONFIGS = ("aces", "fn-nuke_cg", "fn-nuke_studio", "cg-config", "studio-config")


class WorkingSpaceUnknown(RequestError):
    """The script works in a colour space that the core has no curve for."""


def encoding(colour_management: str, config: str, working_space: str) -> str:
    """Name the core's encoding of scene-linear pixels rendered from this script.

    Args:
        colour_management: Root's knob, `Nuke` or `OCIO`.
        config: Root's `OCIO_config`.
        working_space: Root's `workingSpaceLUT`.

    Raises:
        WorkingSpaceUnknown.
    """
    space = working_space.split("\t")[0].strip()
    # "scene_linear (ACES - ACEScg)": a role, with what it stands for.
    inside = space[space.index("(") + 1 : -1] if space.endswith(")") and "(" in space and space.split(" (")[0].lower() in ROLES else space
    name = inside.lower()
    if colour_management != "OCIO" or config == "nuke-default":
        if name in REC709_NAMES | ROLES:
            return "linear"
    if name in ACESCG_NAMES:
        return "acescg"
    if name in REC709_NAMES:
        return "linear"
    if name in ROLES and config.lower().startswith(ACES_CONFIGS):
        return "acescg"
    raise WorkingSpaceUnknown(
        f"The script's working space is {working_space!r}, which the core does not know. Convert the plate to ACEScg or linear Rec.709 "
        "before the plate input, and choose that in the colour space knob."
    )
