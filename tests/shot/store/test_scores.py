"""A second suggestion by Algorithm 1 measures only the pairs whose frames or masks are new, and gives the same scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.shot.store.suggested_shot import LAST, damage, keyed, said, suggested_shot, tensors_of
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.requests import SuggestRequest
from xmemcore.shot.listener import Silence
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.store.cache import cache_files
from xmemcore.shot.store.scores import KeptScores
from xmemcore.shot.suggest import suggest
from xmemcore.shot.suggestion import shot_views


@pytest.fixture
def published(tmp_path: Path) -> SuggestRequest:
    return replace(suggested_shot(tmp_path), method="published", min_pixels=0)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count the pairs that are measured, and the frames that are looked at."""
    counts = {"pairs": 0, "frames": 0}
    measure: Callable = shot_views.dissimilarity
    frame: Callable = ShotFrames.frame

    def counting(*views: object) -> float:
        counts["pairs"] += 1
        return measure(*views)

    def looking(self: ShotFrames, index: int) -> object:
        counts["frames"] += 1
        return frame(self, index)

    monkeypatch.setattr(shot_views, "dissimilarity", counting)
    monkeypatch.setattr(ShotFrames, "frame", looking)
    return counts


def kept_file(request: SuggestRequest) -> Path:
    root = Path(str(request.cache))
    kept = KeptScores(root, "node")
    path = kept._files.path(kept._key)
    assert path in [file.path for file in cache_files(root, "node")], "the cache's limit counts it"
    return path


def test_the_same_suggestion_again_looks_at_no_frame(published: SuggestRequest, work: dict[str, int]) -> None:
    first = suggest(published)
    assert work["pairs"] and work["frames"]
    work.update(pairs=0, frames=0)
    assert said(suggest(published)) == said(first) and work == {"pairs": 0, "frames": 0}


def test_a_changed_matte_is_compared_again(published: SuggestRequest, work: dict[str, int]) -> None:
    before = suggest(published)
    mattes = Path(str(published.mattes))
    (mattes / "matte.1004.exr").write_bytes((mattes / "matte.1007.exr").read_bytes())
    work.update(pairs=0)
    kept = suggest(published)
    measured = work["pairs"]
    kept_file(published).unlink()
    work.update(pairs=0)
    assert said(suggest(published)) == said(kept) != said(before) and 1 <= measured < work["pairs"]


def test_one_more_key_gives_what_all_pairs_measured_anew_give(published: SuggestRequest) -> None:
    first = suggest(published)
    keyed(published, 1001, first.suggestions[0].frame)
    kept = suggest(published)
    kept_file(published).unlink()
    assert said(suggest(published)) == said(kept)


def test_without_mattes_one_more_key_measures_its_own_pairs_alone(published: SuggestRequest, work: dict[str, int]) -> None:
    alone = replace(published, mattes=None, count=1)
    suggest(alone)
    keyed(published, 1001, 1004)
    work.update(pairs=0)
    kept = suggest(alone)
    assert work["pairs"] == LAST - 1000 - 2
    kept_file(published).unlink()
    assert said(suggest(alone)) == said(kept)


def test_scores_of_another_alpha_are_not_taken(published: SuggestRequest, work: dict[str, int]) -> None:
    suggest(published)
    other = replace(published, alpha=0.25)
    kept = suggest(other)
    kept_file(published).unlink()
    assert said(suggest(other)) == said(kept) and said(kept) != said(suggest(published))


def test_what_a_cancelled_suggestion_measured_is_kept(published: SuggestRequest, work: dict[str, int]) -> None:
    class Impatient(Silence):
        def cancelled(self) -> bool:
            return work["pairs"] >= 5

    with pytest.raises(Cancelled):
        suggest(published, Impatient())
    work.update(pairs=0)
    whole = suggest(published)
    measured = work["pairs"]
    kept_file(published).unlink()
    work.update(pairs=0)
    assert said(suggest(published)) == said(whole) and work["pairs"] == measured + 5


@pytest.mark.parametrize("kind", ["bytes", "names", "precision", "negative", "place", "numbers"])
def test_a_damaged_file_is_dropped_and_made_again(published: SuggestRequest, kind: str) -> None:
    first = suggest(published)
    path = kept_file(published)
    content, tensors = path.read_bytes(), tensors_of(path)
    changed = {
        "names": {"names": tensors["names"][[0, *range(len(tensors["names"]) - 1)]]},
        "precision": {"scores": tensors["scores"].float()},
        "negative": {"scores": -tensors["scores"]},
        "place": {"pairs": tensors["pairs"] + len(tensors["names"])},
        "numbers": {"scores": torch.full_like(tensors["scores"], float("nan"))},
    }
    damage(path, changed.get(kind))
    assert said(suggest(published)) == said(first)
    assert path.read_bytes() == content
