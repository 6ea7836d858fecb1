"""Single modules, memory readout and memory arithmetic against the public program's arrays.

Each array may be off by four times what float32 costs against float64 in the public program itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.parity.golden import clip
from xmemcore.engine.aggregation import aggregate, others_of
from xmemcore.engine.frames import Padding
from xmemcore.engine.permanent import elements_first
from xmemcore.memory.affinity import best_elements, element_side, gather, query_side, similarity, top_k_softmax
from xmemcore.memory.config import MemoryConfig
from xmemcore.memory.temporary import Elements, TemporaryMemory, evict
from xmemcore.network.xmem import XMem

ROUNDING = 4.0
FLOOR = 1e-6


class Comparison:
    """Compare arrays with a golden file's, within what rounding costs there."""

    def __init__(self, path: Path) -> None:
        self.golden = np.load(path)
        self.noise = dict(zip(self.golden["noise_keys"].tolist(), self.golden["noise_max_mean_rms"].tolist()))
        self.worst: tuple[float, str] = (0.0, "nothing")

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(self.golden[name])

    def __contains__(self, name: str) -> bool:
        return name in self.golden.files

    def close(self, name: str, ours: Tensor) -> None:
        """Assert that an array agrees."""
        expected = self[name]
        assert ours.shape == expected.shape, f"{name}: {tuple(ours.shape)} is not {tuple(expected.shape)}"
        most, mean, rms = self.noise.get(name, (1e-5, 1e-6, float(expected.abs().max())))
        error = (ours - expected).abs()
        allowed = ROUNDING * most + FLOOR * max(rms, 1.0)
        self.worst = max(self.worst, (float(error.max()) / allowed, name))
        assert error.max() <= allowed, f"{name}: largest error {error.max():.1e}, allowed {allowed:.1e}"
        assert error.mean() <= ROUNDING * mean + FLOOR * max(rms, 1.0), f"{name}: mean error {error.mean():.1e}"


@pytest.fixture
def compare(module_case: Path, capsys) -> Comparison:
    comparison = Comparison(module_case)
    yield comparison
    with capsys.disabled():
        print(f"\n{module_case.stem}: worst is {comparison.worst[1]}, {comparison.worst[0]:.2f} of what is allowed")


@torch.inference_mode()
def test_every_module_gives_the_golden_arrays(compare: Comparison, network: XMem) -> None:
    if "tiny/in.image" not in compare:
        pytest.skip("the case has no module arrays")
    padding = Padding(*compare["tiny/in.image"].shape[-2:])
    assert list(padding.sides) == compare["tiny/in.pad_lrtb"].tolist()
    image = padding.pad(compare["tiny/in.image"][None])
    features = _checked_key(compare, "tiny/", network, image)
    masks = aggregate(padding.pad(compare["tiny/in.mask"][None].float()))
    compare.close("tiny/mask_soft", masks[0])
    objects = masks[:, 1:]

    seen = _listen(network)
    empty = network.empty_sensory(2, *image.shape[-2:])
    value, sensory = network.encode_value(image, features, objects, others_of(objects), empty, deep_update=True)
    for layer in ("layer1", "layer2", "layer3"):
        compare.close(f"tiny/value.{layer}", seen[f"value_encoder.{layer}"])
    compare.close("tiny/value.bn1", seen["value_encoder.bn1"])
    compare.close("tiny/value.fuser.attention.channel", seen["value_encoder.fuser.attention.ChannelGate"])
    compare.close("tiny/value.fuser.attention", seen["value_encoder.fuser.attention"])
    compare.close("tiny/value", value)
    compare.close("tiny/hidden_after_value", sensory)

    query_image = padding.pad(compare["tiny/in.query_image"][None])
    query = network.plate_terms(network.encode_key(query_image))
    for part in ("key", "shrinkage", "selection"):
        compare.close(f"tiny/query.{part}", getattr(query, part))
    scores = similarity(features.key.flatten(2), features.shrinkage.flatten(2), query.key.flatten(2), query.selection.flatten(2))
    compare.close("tiny/similarity", scores)
    affinity = top_k_softmax(scores, 20)
    compare.close("tiny/affinity", affinity)
    compare.close("tiny/usage", affinity.sum(dim=2))
    readout = (value.flatten(3) @ affinity[:, None]).unflatten(3, value.shape[-2:])
    compare.close("tiny/readout", readout)

    compare.close("tiny/decoder.skip8", query.skip8)
    after, logits = network.decode(query, readout, sensory, update_sensory=True)
    compare.close("tiny/decoder.fuser.attention", seen["decoder.fuser.attention"])
    compare.close("tiny/decoder.g8", seen["decoder.up_16_8"][None])
    compare.close("tiny/decoder.g4", seen["decoder.up_8_4"][None])
    compare.close("tiny/decoder.logits_quarter", seen["decoder.pred"])
    compare.close("tiny/hidden_after_decoder", after)
    planes = aggregate(torch.sigmoid(logits))
    compare.close("tiny/prob", planes)
    objects = planes[:, 1:]
    value2, hidden2 = network.encode_value(query_image, query, objects, others_of(objects), after, deep_update=True)
    compare.close("tiny/value2", value2)
    compare.close("tiny/hidden_after_value2", hidden2)


@torch.inference_mode()
def test_whole_frames_are_read_and_decoded_as_recorded(compare: Comparison, network: XMem, shared: Path) -> None:
    for name in sorted({n.split("/")[0] for n in compare.golden.files if n.endswith("/memory_frames")}):
        _check_frames(compare, f"{name}/", network, shared)


def _check_frames(compare: Comparison, at: str, network: XMem, shared: Path) -> None:
    numbers = [*compare[f"{at}memory_frames"].tolist(), int(compare[f"{at}query_frame"])]
    case = {"video": str(compare.golden[f"{at}video"]), "clip_frames": numbers}
    source = clip(shared, network, case, [], 1, int(compare[f"{at}size"]))
    frames = [source.frame(index) for index in range(3)]
    query = network.plate_terms(frames[2].features)
    for part in ("key", "shrinkage", "selection"):
        compare.close(f"{at}query.{part}", getattr(query, part))
    for level in ("f16", "f8", "f4"):
        channels, y, x, height, width = compare[f"{at}query/{level}.crop_spec"].tolist()
        compare.close(f"{at}query/{level}.crop", getattr(query, level)[0, :channels, y : y + height, x : x + width])
    keys, shrinkages, values, sensory = [], [], [], None
    for number, frame in enumerate(frames[:2]):
        shape = compare[f"{at}mask{number}_shape"].tolist()
        bits = np.unpackbits(compare.golden[f"{at}mask{number}"])[: int(np.prod(shape))].reshape(shape)
        objects = aggregate(source.padding.pad(torch.from_numpy(bits).float()[None]))[:, 1:]
        empty = network.empty_sensory(objects.shape[1], *frame.image.shape[-2:])
        value, hidden = network.encode_value(frame.image, frame.features, objects, others_of(objects), empty, deep_update=True)
        sensory = hidden if sensory is None else sensory
        compare.close(f"{at}mem{number}.key", frame.features.key)
        compare.close(f"{at}mem{number}.shrinkage", frame.features.shrinkage)
        if number == 0:
            compare.close(f"{at}mem0.value", value)
            compare.close(f"{at}mem0.hidden", hidden)
        else:
            compare.close(f"{at}mem1.value_crop", value[:, :, :64, 2:10, 2:10])
        keys.append(elements_first(frame.features.key))
        shrinkages.append(frame.features.shrinkage.flatten())
        values.append(elements_first(value.flatten(1, 2)))

    # The product's own path: elements first, no dense affinity.
    side = element_side(torch.cat(keys), torch.cat(shrinkages))
    scores = query_side(elements_first(query.key), elements_first(query.selection)) @ side.T
    compare.close(f"{at}similarity_every7", scores.T[None, ::7, ::7])
    where, affinity = best_elements(scores, 30)
    usage = torch.zeros(len(side)).scatter_add_(0, where.flatten(), affinity.flatten())
    compare.close(f"{at}usage", usage[None])
    objects = sensory.shape[1]
    readout = gather(torch.cat(values), where, affinity).T.unflatten(0, (objects, -1)).unflatten(2, query.key.shape[-2:])[None]
    compare.close(f"{at}readout", readout)
    after, logits = network.decode(query, readout, sensory, update_sensory=True)
    compare.close(f"{at}hidden_after_decoder", after)
    compare.close(f"{at}prob", aggregate(torch.sigmoid(logits)))


def test_memory_arithmetic_is_the_public_programs(compare: Comparison) -> None:
    if "synthetic/mk" not in compare:
        pytest.skip("the case has no arithmetic")
    mk, ms, qk, qe, mv = (compare[f"synthetic/{name}"] for name in ("mk", "ms", "qk", "qe", "mv"))
    full = similarity(mk, ms, qk, qe)
    compare.close("synthetic/similarity.full", full)
    compare.close("synthetic/similarity.no_selection", similarity(mk, ms, qk, None))
    compare.close("synthetic/similarity.no_shrinkage", similarity(mk, None, qk, qe))
    compare.close("synthetic/similarity.neither", similarity(mk, None, qk, None))
    sparse = query_side(qk[0].T, qe[0].T) @ element_side(mk[0].T, ms[0, 0]).T
    compare.close("synthetic/similarity.full", sparse.T[None])
    for name, k in (("topall", None), ("top30", 30), ("top5", 5)):
        affinity = top_k_softmax(full, k)
        compare.close(f"synthetic/affinity.{name}", affinity)
        compare.close(f"synthetic/usage.{name}", affinity.sum(dim=2))
        compare.close(f"synthetic/readout.{name}", mv @ affinity)
        where, weight = best_elements(sparse, k or mk.shape[2])
        ours = gather(mv.flatten(0, 1).T.contiguous(), where, weight)
        compare.close(f"synthetic/readout.{name}", ours.T.unflatten(0, (mv.shape[0], -1)))


def test_consolidation_and_eviction_are_the_public_programs(compare: Comparison) -> None:
    if "synthetic/consolidate.key" not in compare:
        pytest.skip("the case has no consolidation")
    key, shrinkage, selection, value = (compare[f"synthetic/consolidate.{part}"] for part in ("key", "shrinkage", "selection", "value"))
    memory = TemporaryMemory(MemoryConfig(min_working_frames=2, max_working_frames=4, prototypes=16))
    use, life = compare["synthetic/consolidate.use_count"].flatten(), compare["synthetic/consolidate.life_count"].flatten()
    cells = key.shape[2] * key.shape[3]
    for number in range(len(key)):
        rows = slice(number * cells, (number + 1) * cells)
        newest = number == len(key) - 1
        memory.add(
            Elements(
                elements_first(key[number : number + 1]),
                shrinkage[number].flatten(),
                elements_first(value[number].flatten(0, 1)[None]),
                use=torch.zeros(cells) if newest else use[rows],
                life=torch.full((cells,), 1e-7) if newest else life[rows],
                selection=elements_first(selection[number : number + 1]),
            )
        )
    compare.close("synthetic/consolidate.out_long_key", memory.long_term.key.T[None])
    compare.close("synthetic/consolidate.out_long_shrinkage", memory.long_term.shrinkage[None, None])
    compare.close("synthetic/consolidate.out_long_value", memory.long_term.value.T.unflatten(0, (value.shape[1], -1)))
    assert len(memory.working) == int(compare["synthetic/consolidate.out_work_size"])
    compare.close("synthetic/consolidate.out_work_key", memory.working.key.T[None])
    compare.close("synthetic/consolidate.out_work_use_count", memory.working.use[None, None])

    old = compare["synthetic/evict.key"][0].T
    numbered = torch.arange(len(old), dtype=torch.float32)
    elements = Elements(old, numbered, old, *(compare[f"synthetic/evict.{part}"].flatten() for part in ("use_count", "life_count")))
    survivors = evict(elements, int(compare["synthetic/evict.max_size"])).shrinkage
    assert survivors.long().tolist() == compare["synthetic/evict.survivors"].tolist()


def test_aggregation_and_padding_are_the_public_programs(compare: Comparison) -> None:
    if "synthetic/aggregate.in" not in compare:
        pytest.skip("the case has no aggregation")
    compare.close("synthetic/aggregate.prob", aggregate(compare["synthetic/aggregate.in"][None])[0])
    for name in (name for name in compare.golden.files if name.startswith("synthetic/pad.")):
        padding = Padding(*(int(side) for side in name.rsplit(".", 1)[1].split("x")))
        assert [*padding.sides, *padding.padded] == compare[name].tolist()


def _checked_key(compare: Comparison, at: str, network: XMem, image: Tensor):
    seen = _listen(network)
    features = network.encode_key(image)
    compare.close(f"{at}key_encoder.bn1", seen["key_encoder.bn1"])
    for part in ("f4", "f8", "f16", "key", "shrinkage", "selection"):
        compare.close(f"{at}{part}", getattr(features, part))
    return features


def _listen(network: XMem) -> dict[str, Tensor]:
    """Catch what every module gives from now on, by its name."""
    seen: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        module._forward_hooks.clear()
        module.register_forward_hook(lambda _module, _inputs, output, name=name: seen.__setitem__(name, output))
    return seen
