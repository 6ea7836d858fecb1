"""Descriptions of a training's pictures, from which a loader's process builds the source itself.

Nothing here needs torch, which would take memory in every such process.
"""

from __future__ import annotations

from dataclasses import dataclass

from xmemcore.training.clips import ClipSource, StagedClips
from xmemcore.training.procedural import Procedural, Thin
from xmemcore.training.recipe import Recipe
from xmemcore.training.rendered import Scenes
from xmemcore.training.stills import Stills


@dataclass(frozen=True)
class FromStills:
    """Clips from photographs, some from generated pictures."""

    folder: str
    recipe: Recipe
    scenes: str = ""
    """Folder of rendered scenes; empty: none."""

    def __call__(self) -> ClipSource:
        stills, recipe = Stills(self.folder), self.recipe
        scenes = Scenes(self.scenes) if self.scenes else None
        return StagedClips(stills, Thin(stills), Procedural(), recipe.procedural, recipe.scene, recipe.seed, scenes, recipe.rendered)


@dataclass(frozen=True)
class FromNothing:
    """Clips from generated pictures alone."""

    recipe: Recipe
    scenes: str = ""
    """Folder of rendered scenes; empty: none."""

    def __call__(self) -> ClipSource:
        pictures, recipe = Procedural(), self.recipe
        scenes = Scenes(self.scenes) if self.scenes else None
        return StagedClips(pictures, Thin(pictures), None, 0.0, recipe.scene, recipe.seed, scenes, recipe.rendered)
