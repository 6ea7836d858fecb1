"""A second suggestion measures only the pairs of frames that are new, and says what one that measures all of them says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engine.noted_pairs import note_pairs
from tests.shot.made_shot import write_frame
from tests.shot.store.suggested_shot import FIRST, LAST, damage, keyed, said, suggested_shot, tensors_of
from xmemcore.protocol.requests import SuggestRequest
from xmemcore.shot.store.cache import LOOKS, CacheFolder, cache_files
from xmemcore.shot.store.pairs import KeptNearness
from xmemcore.shot.suggest import suggest

FRAMES = LAST - FIRST + 1
ALL_PAIRS = FRAMES * (FRAMES - 1) // 2


@pytest.fixture
def asked(tmp_path: Path) -> SuggestRequest:
    return suggested_shot(tmp_path)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    return note_pairs(monkeypatch)


def kept_file(request: SuggestRequest) -> Path:
    root = Path(str(request.cache))
    kept = KeptNearness(root, "node")
    path = kept._files.path(kept._key)
    assert path in [file.path for file in cache_files(root, "node")], "the cache's limit counts it"
    return path


def test_one_more_key_measures_no_pair_again(asked: SuggestRequest, measured: list[frozenset[str]]) -> None:
    """Mattes have changed and so have weights; the pairs have not, and every number is as if nothing had been kept."""
    before = suggest(asked)
    assert len(measured) == ALL_PAIRS
    keyed(asked, 1001, 1007)
    measured.clear()
    kept = suggest(asked)
    assert not measured and said(kept) != said(before)
    kept_file(asked).unlink()
    anew = suggest(asked)
    assert len(measured) == ALL_PAIRS and said(anew) == said(kept)


def test_a_changed_frame_is_measured_with_all_others(asked: SuggestRequest, measured: list[frozenset[str]]) -> None:
    suggest(asked)
    write_frame(Path(asked.plate.replace("%04d", "1006")), 1006, brightness=0.5)
    measured.clear()
    kept = suggest(asked)
    assert len(measured) == FRAMES - 1 and len(frozenset.intersection(*measured)) == 1
    kept_file(asked).unlink()
    assert said(suggest(asked)) == said(kept)


def test_without_a_cache_nothing_is_kept(asked: SuggestRequest, measured: list[frozenset[str]]) -> None:
    alone = replace(asked, use_cache=False)
    assert said(suggest(alone)) == said(suggest(alone)) and len(measured) == 2 * ALL_PAIRS
    assert not (Path(str(asked.cache)) / "node" / LOOKS).exists()


@pytest.mark.parametrize("kind", ["bytes", "names", "twice", "shape", "precision", "numbers", "foreign"])
def test_a_damaged_file_is_dropped_and_made_again(asked: SuggestRequest, measured: list[frozenset[str]], kind: str) -> None:
    first = suggest(asked)
    path = kept_file(asked)
    content, tensors = path.read_bytes(), tensors_of(path)
    changed = {
        "names": {"names": tensors["names"][:, :-1]},
        "twice": {"names": tensors["names"][[0, *range(FRAMES - 1)]]},
        "shape": {"table": tensors["table"][1:]},
        "precision": {"table": tensors["table"].float()},
        "numbers": {"table": torch.full_like(tensors["table"], float("nan"))},
        "foreign": {"names": torch.zeros(0, 20, dtype=torch.uint8)},
    }
    damage(path, changed.get(kind))
    measured.clear()
    assert said(suggest(asked)) == said(first) and len(measured) == ALL_PAIRS
    assert path.read_bytes() == content


def test_what_cannot_be_written_is_only_slower(asked: SuggestRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    first = suggest(asked)
    kept_file(asked).unlink()

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(CacheFolder, "save", full)
    assert said(suggest(asked)) == said(first)
