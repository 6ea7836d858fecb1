"""Whole shots from what training clips are made of, with a mask for every frame, on disk as `evaluate` reads them.

What is tuned must not be tuned on the clips that judge it: it is tuned on these.
"""

from __future__ import annotations

from pathlib import Path

from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.studies import write_clip
from xmemcore.protocol.failures import RequestError
from xmemcore.training.recipe import Recipe
from xmemcore.training.scene import ClipShape, SceneConfig
from xmemcore.training.sources import FromNothing, FromStills

RENDERED = 0.5
"""Share of the shots whose object is a rendered body, where there are scenes."""


def write_shots(out: Path, count: int, stills: str | None, scenes: str | None, seed: int, size: int, frames: int) -> list[Clip]:
    """Draw shots of one object into a folder.

    Args:
        out: a folder of its own for each shot, `shot_00` and so on; must be empty or new.
        count: of shots.
        stills: folder of photographs; None: pictures are generated.
        scenes: folder of rendered scenes; best of at least as many frames; None: no rendered bodies.
        seed: of all choices; each shot is the same whatever their number.
        size: pixels of a side.
        frames: of a shot.

    Raises:
        RequestError: the folder is in use, or there are no such photographs or scenes. OSError.
    """
    if out.exists() and any(out.iterdir()):
        raise RequestError(f"{out} is not empty. Name a new folder for the shots.")
    recipe = Recipe(seed=seed, rendered=RENDERED, scene=SceneConfig(partial=0, shaded=0.2, camouflaged=0.1))
    source = (FromStills(stills, recipe, scenes or "") if stills else FromNothing(recipe, scenes or ""))()
    shape = ClipShape(size, frames, regular=True)
    clips = []
    for number in range(count):
        drawn = source.clip(number, shape, in_order=True)
        clips.append(write_clip(out / f"shot_{number:02d}", drawn.frames[..., ::-1], drawn.labels))
    return clips
