"""Working and long-term memory stay bounded, and what was annotated stays out of them."""

from __future__ import annotations

import torch

from xmemcore.memory.config import MemoryConfig
from xmemcore.memory.temporary import Elements, TemporaryMemory, consolidate, evict, newborn

CELLS = 6


def frame(seed: int) -> Elements:
    draw = torch.Generator().manual_seed(seed)
    key = torch.randn(CELLS, 4, generator=draw)
    return newborn(key, 1 + torch.rand(CELLS, generator=draw), torch.randn(CELLS, 3, generator=draw), torch.rand(CELLS, 4, generator=draw))


def used(seed: int, size: int) -> Elements:
    draw = torch.Generator().manual_seed(seed)
    key = torch.randn(size, 4, generator=draw)
    return Elements(
        key, torch.ones(size), torch.randn(size, 3, generator=draw), torch.rand(size, generator=draw), torch.ones(size), key.sigmoid()
    )


def test_memory_of_a_long_shot_is_bounded() -> None:
    config = MemoryConfig(min_working_frames=2, max_working_frames=4, prototypes=5, max_long_term_elements=20)
    memory = TemporaryMemory(config)
    for seed in range(200):
        memory.add(frame(seed))
        memory.count_usage(torch.rand(len(memory), generator=torch.Generator().manual_seed(seed)))
        assert len(memory.working) < config.max_working_frames * CELLS
        assert memory.long_term is None or len(memory.long_term) <= config.max_long_term_elements


def test_newest_frames_survive_consolidation_in_full() -> None:
    memory = TemporaryMemory(MemoryConfig(min_working_frames=2, max_working_frames=4, prototypes=5))
    frames = [frame(seed) for seed in range(4)]
    for each in frames:
        memory.add(each)
    assert torch.equal(memory.working.key, torch.cat([frames[2].key, frames[3].key]))
    assert len(memory.long_term) == 5


def test_prototypes_are_the_most_used_and_take_in_their_neighbours() -> None:
    candidates = used(1, 9)
    prototypes = consolidate(candidates, 3)
    best = candidates.usage.argsort(descending=True)[:3]
    assert torch.equal(prototypes.key, candidates.key[best])
    for row, chosen in enumerate(best):
        scores = torch.stack(
            [
                -candidates.shrinkage[n] / 2 * (candidates.selection[chosen] * (candidates.key[n] - candidates.key[chosen]).square()).sum()
                for n in range(9)
            ]
        )
        assert torch.allclose(prototypes.value[row], torch.softmax(scores, 0) @ candidates.value, atol=1e-5)


def test_eviction_keeps_the_most_used() -> None:
    elements = used(2, 10)
    remaining = evict(elements, 4)
    assert sorted(remaining.usage.tolist()) == sorted(elements.usage.tolist())[-4:]


def test_eviction_to_the_present_size_keeps_everything() -> None:
    elements = used(2, 10)
    assert evict(elements, 10) is elements


def test_frame_that_was_added_last_can_be_forgotten() -> None:
    memory = TemporaryMemory(MemoryConfig())
    memory.add(frame(1))
    once = memory.segments()[0].side.clone()
    memory.add(frame(2), "second")
    memory.forget_last()
    assert len(memory) == len(frame(1)) and torch.equal(memory.segments()[0].side, once)
    memory.add(frame(3))
    assert len(memory) == 2 * len(frame(1)) and torch.equal(memory.segments()[0].side[: len(frame(1))], once)
