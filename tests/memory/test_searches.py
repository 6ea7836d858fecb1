"""A search that begins with what earlier ones have found gives what a search of everything gives, to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from xmemcore.memory import segment
from xmemcore.memory.config import MemoryConfig
from xmemcore.memory.permanent import Entry, PermanentMemory
from xmemcore.memory.reading import ShotMemory
from xmemcore.memory.searches import MOST_LISTS, Found, Searches, Tables
from xmemcore.memory.segment import Buffers, Segment, best_in_order
from xmemcore.memory.temporary import TemporaryMemory, newborn

DIM, CELLS, QUERIES, K = 129, 70, 60, 30


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def table(name: str) -> Tensor:
    """Give the keys of a frame; those of `-` are flat, so that all its elements match equally well."""
    return torch.ones(CELLS, DIM) if name == "-" else drawn(ord(name), CELLS, DIM)


def memory_of(names: str) -> Segment:
    """Lay frames of one letter out as memory."""
    side = torch.cat([table(name) for name in names])
    return Segment(side, torch.zeros(1, len(side), 2), tables=Tables(tuple(names), (CELLS,) * len(names)), keeps_coarse=True)


@pytest.mark.parametrize("values", [3, 40, 100_000])
@pytest.mark.parametrize("count", [20, 31, 75, 700])
def test_of_equal_scores_the_first_are_the_best(values: int, count: int) -> None:
    scores = torch.randint(values, (9, count), generator=torch.Generator().manual_seed(count)).float()
    best, where = best_in_order(scores, K)
    for row, found in zip(scores.tolist(), where.tolist()):
        assert found == sorted(sorted(range(count), key=lambda place: (-row[place], place))[:K])
    assert torch.equal(best, scores.gather(1, where))


@pytest.mark.parametrize("shortlist_from", [1 << 30, 2 * CELLS, 1])
@pytest.mark.parametrize(
    "rounds", [("a", "ab"), ("b", "ab"), ("bd", "abcd", "abcde"), ("a", "aab"), ("a-", "ab-"), ("-", "--a"), ("ab", "ba"), ("ab", "b")]
)
def test_search_after_others_is_a_search_of_everything(
    monkeypatch: pytest.MonkeyPatch, rounds: tuple[str, ...], shortlist_from: int
) -> None:
    monkeypatch.setattr(segment, "SHORTLIST_FROM", shortlist_from)
    monkeypatch.setattr(segment, "_multiplies_bfloat16", lambda device: True)
    monkeypatch.setattr(segment, "SCORES_AT_ONCE", 12_000)  # three blocks of queries, and two of elements where there are five frames
    searches, queries = Searches("q"), drawn(5, QUERIES, DIM)
    for names in rounds:
        scores, where = memory_of(names).best(queries, K, None, Buffers(), searches)
        expected, there = memory_of(names).best(queries, K, None, Buffers())
        assert torch.equal(where, there) and torch.equal(scores, expected)


def test_only_tables_that_are_new_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[list[tuple[int, int]]] = []
    plain = Segment._searched
    monkeypatch.setattr(Segment, "_searched", lambda self, q, k, runs, *rest: searched.append(runs) or plain(self, q, k, runs, *rest))
    searches, queries = Searches("q"), drawn(5, QUERIES, DIM)
    for names in ("bd", "bd", "abcd", "ce"):
        memory_of(names).best(queries, K, None, Buffers(), searches)
    first, second, third = ((place * CELLS, (place + 1) * CELLS) for place in range(3))
    assert searched == [[first, second], [first, third], [first, second]]


def test_few_lists_are_kept_and_none_that_another_one_holds() -> None:
    searches = Searches("q")
    for name in "abcdefg":
        searches.keep(Found((name,), torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int32)))
    assert [found.tables for found in searches.lists] == [(name,) for name in "defg"] and MOST_LISTS == 4
    searches.keep(Found(("d", "x", "g"), torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int32)))
    assert [found.tables for found in searches.lists] == [("e",), ("f",), ("d", "x", "g")]


@pytest.mark.parametrize("place", [-1, CELLS, 1 << 20])
def test_list_of_elements_that_are_not_there_is_not_believed(place: int) -> None:
    wrong = Found(("a",), torch.zeros(QUERIES, K), torch.full((QUERIES, K), place, dtype=torch.int32))
    scores, _ = memory_of("a").best(drawn(5, QUERIES, DIM), K, None, Buffers(), Searches("q", [wrong]))
    assert torch.equal(scores, memory_of("a").best(drawn(5, QUERIES, DIM), K, None, Buffers())[0])


def test_readout_of_a_second_round_is_the_same_to_the_bit() -> None:
    """One more key, memory frames that were there and others, and consolidation in between."""

    def read(keys: str, frames: str, searches: Searches | None) -> tuple[Tensor, Tensor]:
        permanent = PermanentMemory(1)
        for place, name in enumerate(keys):
            key, shrinkage, values = drawn(ord(name), CELLS, DIM), 1 + drawn(1, CELLS).abs(), {0: drawn(place, CELLS, 3)}
            permanent.put(place, Entry(key, shrinkage, values, coverage=torch.rand(1, CELLS), name=name))
        config = MemoryConfig(min_working_frames=2, max_working_frames=4, prototypes=9)
        memory = ShotMemory(permanent, TemporaryMemory(config))
        for name in frames:
            key = drawn(ord(name), CELLS, DIM)
            frame = newborn(key, 1 + drawn(1, CELLS).abs(), drawn(2, CELLS, 3), key.sigmoid(), coverage=drawn(3, CELLS, 1).sigmoid())
            memory.temporary.add(frame, name)
            readout = memory.read(drawn(8, QUERIES, DIM), drawn(9, QUERIES, DIM).sigmoid(), searches)
        assert readout is not None and readout.presence is not None
        return readout.value([0]), readout.presence

    torch.manual_seed(0)
    kept = Searches("q")
    read("ac", "stuvw", kept)
    for keys, frames in (("abc", "stuvw"), ("abcd", "stxvw"), ("d", "wvuts")):
        torch.manual_seed(1)
        again = read(keys, frames, kept)
        torch.manual_seed(1)
        anew = read(keys, frames, None)
        assert all(torch.equal(one, other) for one, other in zip(again, anew))
