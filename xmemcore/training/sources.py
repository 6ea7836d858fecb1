"""Which pictures a training uses, as something that a loader's process can build for itself."""

from __future__ import annotations

from dataclasses import dataclass

from xmemcore.training.clips import ClipSource, StagedClips
from xmemcore.training.procedural import Procedural, Thin
from xmemcore.training.recipe import Recipe
from xmemcore.training.stills import Stills


@dataclass(frozen=True)
class FromStills:
    """Clips from photographs, some from generated pictures."""

    folder: str
    recipe: Recipe

    def __call__(self) -> ClipSource:
        stills = Stills(self.folder)
        return StagedClips(stills, Thin(stills), Procedural(), self.recipe.procedural, self.recipe.scene, self.recipe.seed)


@dataclass(frozen=True)
class FromNothing:
    """Clips from generated pictures alone."""

    recipe: Recipe

    def __call__(self) -> ClipSource:
        pictures = Procedural()
        return StagedClips(pictures, Thin(pictures), None, 0.0, self.recipe.scene, self.recipe.seed)
