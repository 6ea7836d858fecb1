"""Reading permanent and temporary memory, against the formulas."""

from __future__ import annotations

import pytest
import torch

from tests import reference
from xmemcore.memory.affinity import top_k_softmax
from xmemcore.memory.config import MemoryConfig
from xmemcore.memory.permanent import Entry, PermanentMemory
from xmemcore.memory.reading import ShotMemory
from xmemcore.memory.temporary import TemporaryMemory, newborn

KEY_DIM, VALUE_DIM, CELLS = 5, 3, 7
# Float32 sums in another order than the float64 loop.
ROUNDING = 1e-4
FEW = MemoryConfig(top_k=4)


def entry(seed: int, objects: tuple[int, ...], cells: int = CELLS) -> Entry:
    draw = torch.Generator().manual_seed(seed)
    values = {obj: torch.randn(cells, VALUE_DIM, generator=draw) for obj in range(4)}
    return Entry(
        torch.randn(cells, KEY_DIM, generator=draw),
        1 + torch.rand(cells, generator=draw),
        {obj: values[obj] for obj in objects},
    )


def query(seed: int, positions: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(positions, KEY_DIM, generator=draw), torch.rand(positions, KEY_DIM, generator=draw)


def shot_memory(objects: int, *entries: tuple[int, Entry], config: MemoryConfig = FEW) -> ShotMemory:
    permanent = PermanentMemory(objects)
    for frame, each in entries:
        permanent.put(frame, each)
    return ShotMemory(permanent, TemporaryMemory(config, objects))


@pytest.mark.parametrize("top_k", [1, 4, 30])
@pytest.mark.parametrize("dense", [False, True])
def test_readout_is_the_formula(top_k: int, dense: bool) -> None:
    first, second = entry(1, (0, 1)), entry(2, (0, 1))
    memory = shot_memory(2, (3, first), (8, second), config=MemoryConfig(top_k=top_k, dense=dense))
    key, selection = query(3)
    readout = memory.read(key, selection)
    scores = reference.similarity(torch.cat((first.key, second.key)), torch.cat((first.shrinkage, second.shrinkage)), key, selection)
    for obj in range(2):
        expected, _ = reference.readout(scores, torch.cat((first.values[obj], second.values[obj])), top_k)
        assert torch.allclose(readout.value([obj])[0].T.double(), expected, atol=ROUNDING)


@pytest.mark.parametrize("dense", [False, True])
def test_unknown_object_draws_nothing_from_that_frame(dense: bool) -> None:
    both, first_only = entry(1, (0, 1)), entry(2, (0,))
    memory = shot_memory(2, (0, both), (1, first_only), config=MemoryConfig(top_k=4, dense=dense))
    key, selection = query(3)
    readout = memory.read(key, selection)
    alone = shot_memory(2, (0, both)).read(key, selection)
    assert torch.allclose(readout.value([1])[0], alone.value([1])[0], atol=ROUNDING)
    assert not torch.allclose(readout.value([0])[0], alone.value([0])[0], atol=ROUNDING)


def test_object_that_nothing_knows_is_not_answered() -> None:
    readout = shot_memory(2, (0, entry(1, (0,)))).read(*query(2))
    assert readout.answered.tolist() == [True, False]
    assert not readout.value([1])[0].any()


def test_order_of_annotations_does_not_matter() -> None:
    entries = [(frame, entry(frame, (0, 1))) for frame in (4, 0, 9)]
    key, selection = query(5)
    forth = shot_memory(2, *entries).read(key, selection)
    back = shot_memory(2, *reversed(entries)).read(key, selection)
    assert torch.equal(forth.value([0, 1]), back.value([0, 1]))


def test_removing_one_annotation_leaves_the_others_as_they_were() -> None:
    memory = shot_memory(2, (0, entry(1, (0, 1))), (4, entry(2, (0, 1))), (9, entry(3, (0, 1))))
    memory.permanent.remove(4)
    without = shot_memory(2, (0, entry(1, (0, 1))), (9, entry(3, (0, 1))))
    key, selection = query(5)
    assert memory.permanent.frames == (0, 9)
    assert torch.equal(memory.read(key, selection).value([0, 1]), without.read(key, selection).value([0, 1]))


def test_replacing_an_annotation_forgets_the_old_one() -> None:
    memory = shot_memory(2, (0, entry(1, (0, 1))))
    memory.permanent.put(0, entry(2, (0, 1)))
    assert len(memory.permanent) == CELLS
    key, selection = query(5)
    assert torch.equal(memory.read(key, selection).value([0, 1]), shot_memory(2, (0, entry(2, (0, 1)))).read(key, selection).value([0, 1]))


def test_permanent_and_temporary_memory_compete_for_the_same_top_k() -> None:
    first, second = entry(1, (0, 1)), entry(2, (0, 1))
    memory = shot_memory(2, (0, first))
    memory.temporary.add(
        newborn(second.key, second.shrinkage, torch.cat((second.values[0], second.values[1]), dim=1), second.key.sigmoid())
    )
    key, selection = query(3)
    readout = memory.read(key, selection)
    scores = reference.similarity(torch.cat((second.key, first.key)), torch.cat((second.shrinkage, first.shrinkage)), key, selection)
    expected, usage = reference.readout(scores, torch.cat((second.values[0], first.values[0])), 4)
    assert torch.allclose(readout.value([0])[0].T.double(), expected, atol=ROUNDING)
    assert torch.allclose(memory.temporary.working.use.double(), usage[:CELLS], atol=ROUNDING)
    assert torch.allclose(memory.temporary.working.life, torch.ones(CELLS))


@pytest.mark.parametrize(("better_by", "answers"), [(0.0, "permanent"), (3e-6, "permanent"), (1e-3, "temporary")])
def test_of_elements_that_match_equally_well_but_for_rounding_the_permanent_one_answers(better_by: float, answers: str) -> None:
    annotation = entry(1, (0,))
    memory = shot_memory(1, (0, annotation), config=MemoryConfig(top_k=1))
    # Similarity is proportional to shrinkage, so the temporary elements score better by this share; each has another value.
    memory.temporary.add(
        newborn(annotation.key, annotation.shrinkage * (1 - better_by), annotation.values[0] + 10, annotation.key.sigmoid())
    )
    key, selection = query(3)
    value = {"permanent": annotation.values[0], "temporary": annotation.values[0] + 10}[answers]
    scores = reference.similarity(annotation.key, annotation.shrinkage, key, selection)
    assert torch.allclose(memory.read(key, selection).value([0])[0].T, value[scores.argmax(dim=0)], atol=ROUNDING)


def test_reading_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = shot_memory(2, (0, entry(1, (0, 1))), (1, entry(2, (0,))))
    key, selection = query(3)
    whole = memory.read(key, selection).value([0, 1])
    monkeypatch.setattr("xmemcore.memory.segment.SCORES_AT_ONCE", 3 * 2 * CELLS)
    assert torch.allclose(memory.read(key, selection).value([0, 1]), whole, atol=1e-6)


@pytest.mark.parametrize("dense", [False, True])
def test_values_of_some_positions_are_those_of_all(dense: bool) -> None:
    first, second = entry(1, (0, 1)), entry(2, (0,))
    memory = shot_memory(2, (0, first), (1, second), config=MemoryConfig(top_k=4, dense=dense))
    memory.temporary.add(newborn(second.key, second.shrinkage, torch.cat((second.values[0], first.values[1]), dim=1), second.key.sigmoid()))
    readout, some = memory.read(*query(3)), torch.tensor([2, 7, 10])
    for objects in ([0, 1], [1]):
        assert torch.equal(readout.value(objects, some), readout.value(objects)[..., some])


def test_weak_matches_do_not_underflow_in_half_precision() -> None:
    scores = torch.full((1, 40, 2), -60000.0, dtype=torch.float16)
    affinity = top_k_softmax(scores, 30)
    assert torch.isfinite(affinity).all()
    assert torch.allclose(affinity.sum(dim=1), torch.ones(1, 2, dtype=torch.float16), atol=1e-2)


def test_nothing_remembered_reads_as_none() -> None:
    assert ShotMemory(PermanentMemory(1), TemporaryMemory(MemoryConfig())).read(*query(1)) is None
