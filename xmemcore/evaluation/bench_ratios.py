"""`bench --full`: this program beside its own plain mode where its users are: many keys, several objects, a second round, 4K.

Each ratio is plain seconds over ours, both from one run, one after the other; where a side ran twice, its faster time counts. The
engine's ratios are measured in this process, without mattes; the others from file to file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from xmemcore.engine.boxes import boxes, cells_of
from xmemcore.engine.permanent import soft_masks
from xmemcore.engine.propagation import Propagation, asks_for
from xmemcore.evaluation.bench_exr import exr_overhead
from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.studies import picture_of, write_clip
from xmemcore.network.checkpoint import load_network
from xmemcore.network.inference import prepared
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.shot.device import choose_device
from xmemcore.shot.listener import Listener
from xmemcore.shot.plan import ShotPlan
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import FeatureFolder
from xmemcore.shot.suggest import suggest

FRAMES_OF_THE_OFFICIAL_SIZE = 6
MOST_KEYS = 20
FOUR_K = (4096, 2160)
FRAMES_IN_4K = 8
REPEATS = 2


def ratios(clip: Clip, frames: int, compact: str, official: str, device: str, size: int, listener: Listener) -> dict[str, Any]:
    """Measure every ratio of one clip.

    Args:
        clip: with dense masks.
        frames: of the clip, from its start, that the compact model is measured on.
        compact: file of a trained model.
        official: file of a model of the official size; untrained, so that its boxes are made from the true masks.
        device: cpu, cuda or mps.
        size: short side that the network sees.
        listener: told of the progress.

    Returns:
        `ratios` by name, and under `measured` the seconds behind them.
    """
    measured: dict[str, Any] = {}
    found: dict[str, float] = {}

    def note(name: str, plain: float, ours: float) -> None:
        measured[name] = {"plain": round(plain, 3), "ours": round(ours, 3)}
        found[name] = round(plain / ours, 2)
        listener.message(f"{name}: {found[name]:.2f}")

    with tempfile.TemporaryDirectory(prefix="xmem-roto-bench-") as name:
        folder = Path(name)
        few = min(FRAMES_OF_THE_OFFICIAL_SIZE, len(clip), frames)
        count = min(frames, len(clip))
        length = min(len(clip), max(count, 3 * MOST_KEYS))
        clips = {objects: _split(clip, objects, length, folder / f"split{objects}") for objects in (1, 3, 8)}

        def request(objects: int, model: str, frames: int, keys: int, plain: bool, spread: int | None = None) -> PropagateRequest:
            split = clips[objects]
            places = sorted({index * ((spread or frames) - 1) // max(1, keys - 1) for index in range(keys)})
            return PropagateRequest(
                plate=split.plate,
                masks=split.mask_files,
                keyframes=tuple(split.frame_number(place) for place in places),
                frames=f"{split.frame_number(0)}-{split.frame_number(frames - 1)}",
                out=str(folder / f"mattes{objects}{plain}" / "matte.%04d.exr"),
                model=model,
                device=device,
                size=size,
                use_cache=False,
                plain=plain,
                edges="plain",  # what edges cost is measured by itself
            )

        for objects in (1, 3):
            plain, ours = (request(objects, official, few, 1, plain) for plain in (True, False))
            cells = _true_cells(ours)
            note(f"official_{objects}_first", _engine(plain), _engine(ours, cells))
        plain, ours = (request(1, official, few, 2, plain) for plain in (True, False))
        store = FeatureFolder(folder / "features")
        _engine(replace(ours, keyframes=ours.keyframes[:1] if ours.keyframes else None), _true_cells(ours), store)
        cells = _true_cells(ours)
        note("official_1_second", _engine(plain), _engine(ours, cells, store, known=1))

        plain, ours = (request(1, compact, count, 1, plain) for plain in (True, False))
        note("compact_1_first", *_alternately(lambda: _again(plain), lambda: _again(ours)))
        keys = min(MOST_KEYS, length // 2)
        plain, ours = (request(1, compact, count, keys, plain, spread=length) for plain in (True, False))
        note("compact_20_keys", *_alternately(lambda: _engine(plain, known=keys), lambda: _engine(ours, known=keys)))
        plain, ours = (request(8, compact, count, 1, plain) for plain in (True, False))
        note("compact_8_objects", *_alternately(lambda: _again(plain), lambda: _again(ours), 1))

        cached = replace(request(1, compact, count, 1, False), use_cache=True, cache=str(folder / "cache"))
        first = propagate(cached).seconds
        second = propagate(replace(cached, keyframes=(*(cached.keyframes or ()), clip.frame_number(count - 1)))).seconds
        measured["compact_1_second"] = {"first": first, "second": second}
        found["compact_1_second_of_first"] = round(second / first, 2)
        began = time.perf_counter()
        picked = suggest(
            SuggestRequest(
                plate=cached.plate,
                masks=cached.masks,
                keyframes=cached.keyframes,
                model=compact,
                device=device,
                size=size,
                cache=cached.cache,
                mattes=cached.out,
            )  # fmt: skip
        )
        measured["official_share_of_boxes"] = share_of_boxes(_true_cells(request(1, official, few, 1, False)))
        measured["suggest"] = {"seconds": round(time.perf_counter() - began, 2), "frames": count, "picks": len(picked.suggestions)}
        io = exr_overhead(FRAMES_IN_4K, size, device, listener, compact, FOUR_K)
        measured["compact_4k_io"] = io
        found["compact_4k_io"] = round(io["seconds_exr"] / io["seconds_small"], 2)
    return {"ratios": found, "measured": measured}


def _alternately(plain: Callable[[], float], ours: Callable[[], float], repeats: int = REPEATS) -> tuple[float, float]:
    """Run both in turn; give the fastest of each."""
    pairs = [(plain(), ours()) for _ in range(repeats)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _again(request: PropagateRequest) -> float:
    """Propagate from nothing, whatever an earlier repeat left."""
    for matte in Path(request.out).parent.glob("matte.*.exr"):
        matte.unlink()
    return propagate(request).seconds


def _engine(
    request: PropagateRequest, where: Mapping[int, Tensor] | None = None, store: FeatureFolder | None = None, known: int = 0
) -> float:
    """Run the engine over a request's frames; give the seconds of learning all keyframes but the `known` first, and of the sweeps."""
    plan = ShotPlan(request)
    device = choose_device(request.device)
    network = load_network(plan.model.path, device)
    network = network if request.plain else prepared(network, plan.precision)
    (group,), (gaps,), (keys,) = plan.groups, plan.gaps, plan.memory_keys
    with ShotFrames(plan.content, network, device, store) as frames:
        propagation = Propagation(network, frames, group.annotations, len(group.objects), plan.config, where)
        began = time.perf_counter()
        for number, index in enumerate(keys):
            with frames.learning():
                propagation.learn(index)
            if number < known:
                began = time.perf_counter()
        for gap in gaps:
            wanted = set(plan.wanted) & set(gap.delivers)
            steps = [index for visit in gap.visits(wanted) for index in visit.indices]
            frames.expect([i for i in steps if asks_for(i, group.annotations, len(group.objects), plan.config)], twice=gap.blend)
            for _ in propagation.run(gap, wanted):
                pass
        return time.perf_counter() - began


def _true_cells(request: PropagateRequest) -> dict[int, Tensor]:
    """By index, the cells where each object is by the masks of the clip, grown as a matte's are."""
    plan = ShotPlan(replace(request, keyframes=None))
    (group,) = plan.groups
    device = choose_device(request.device)
    return {
        index: cells_of(soft_masks(annotation, len(group.objects), plan.content.padding, device))
        for index, annotation in group.annotations.items()
    }


def share_of_boxes(cells: Mapping[int, Tensor]) -> float:
    """Give the mean share of the frame that the boxes around such cells cover."""
    shares = []
    for found in cells.values():
        height, width = found.shape[-2:]
        for box in boxes(found, found.float() * 0):
            shares.append(0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1]) / (height * width))
    return round(float(np.mean(shares)), 3)


def _split(clip: Clip, objects: int, frames: int, folder: Path) -> Clip:
    """Write the start of a clip with its masks made one, and that cut into upright strips of equal area: one for each object."""
    labels = []
    for index in range(frames):
        mask = clip.labels(index) > 0
        columns = np.nonzero(mask)[1]
        cuts = np.quantile(columns, np.linspace(0, 1, objects + 1)[1:-1]) if len(columns) else np.empty(0)
        strips = np.searchsorted(cuts, np.arange(mask.shape[1]), side="right") + 1
        labels.append(np.where(mask, strips[None], 0).astype(np.uint8))
    return write_clip(folder, [picture_of(clip, index) for index in range(frames)], labels)
