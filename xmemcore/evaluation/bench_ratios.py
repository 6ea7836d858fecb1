"""`bench --full`: this program beside its own plain mode in everyday work: many keys, several objects, a second round, 4K.

Each ratio is the plain mode's seconds over the product's. Both are measured in turn in one run; where a side ran twice, its faster time
counts. The
engine's ratios are measured in this process, without mattes; the others from file to file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xmemcore.engine.boxes import boxes
from xmemcore.engine.planes import drawn
from xmemcore.engine.propagation import Propagation, frames_asked
from xmemcore.evaluation.bench_exr import NETWORK_ALONE, exr_overhead
from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.demo_shot import DemoShot
from xmemcore.evaluation.studies import picture_of, write_clip
from xmemcore.network.checkpoint import load_network
from xmemcore.network.inference import prepared
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.listener import Listener
from xmemcore.shot.machine.device import choose_device
from xmemcore.shot.machine.footprint import peak_mb
from xmemcore.shot.plan.plan import plan
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.propagate import propagate
from xmemcore.shot.run.gap_workers import cores_of_a_gap
from xmemcore.shot.store.cache import FeatureFolder
from xmemcore.shot.suggest import suggest

FRAMES_OF_THE_OFFICIAL_SIZE = 6
MOST_KEYS = 20
TWO_K, FOUR_K = (2048, 1152), (4096, 2160)
FRAMES_IN_4K = 24
REPEATS = 2


def ratios(
    clip: Clip,
    frames: int,
    compact: str,
    official: str,
    device: str,
    size: int,
    listener: Listener,
    precision: str = "auto",
    only: Collection[str] = (),
) -> dict[str, Any]:
    """Measure the ratios of one clip.

    Args:
        clip: with dense masks.
        frames: of the clip, from its start, that the compact model is measured on.
        compact: file of a trained model.
        official: file of a model of the official size; untrained, so that its boxes are made from the true masks.
        device: cpu, cuda or mps.
        size: short side that the network sees.
        listener: told of the progress.
        precision: level of rounding of the product.
        only: of MEASUREMENTS; empty: all.

    Returns:
        `ratios` by name, and under `measured` the seconds behind them.
    """
    with tempfile.TemporaryDirectory(prefix="xmem-roto-bench-") as name:
        bench = _Ratios(clip, frames, compact, official, device, size, precision, Path(name), listener)
        for measurement, measure in MEASUREMENTS.items():
            if not only or measurement in only:
                measure(bench)
    return {"ratios": bench.ratios, "measured": {**bench.measured, "peak_mb": peak_mb()}}


class _Ratios:
    """One clip, ready to be measured on."""

    def __init__(
        self, clip: Clip, frames: int, compact: str, official: str, device: str, size: int, precision: str, folder: Path, listener: Listener
    ) -> None:
        self.ratios: dict[str, float] = {}
        self.measured: dict[str, Any] = {}
        self._clip, self._device, self._size, self._precision, self._listener = clip, device, size, precision, listener
        self._compact, self._official, self._folder = compact, official, folder
        self._few = min(FRAMES_OF_THE_OFFICIAL_SIZE, len(clip), frames)
        self._count = min(frames, len(clip))
        self._length = min(len(clip), max(self._count, 3 * MOST_KEYS))
        self._splits: dict[int, Clip] = {}

    def official_first(self, objects: int) -> None:
        """A first pass of the official size: keyframe and frames, features included."""
        plain, product = (self._request(objects, self._official, self._few, 1, plain) for plain in (True, False))
        cells = _true_cells(product)
        self._note(f"official_{objects}_first", engine_seconds(plain), engine_seconds(product, cells))
        self.measured["official_share_of_boxes"] = share_of_boxes(cells)

    def official_second(self) -> None:
        """A second round of the official size: a key more, and what the first round kept."""
        plain, product = (self._request(1, self._official, self._few, 2, plain) for plain in (True, False))
        cells = _true_cells(product)
        store = FeatureFolder(self._folder / "features")
        first = replace(product, keyframes=product.keyframes[:1] if product.keyframes else None)
        seconds = engine_seconds(first, cells, store)
        second = engine_seconds(product, cells, store, known=1)
        self.ratios["official_1_second_of_first"] = round(second / seconds, 2)
        self._note("official_1_second", engine_seconds(plain), second)

    def compact_first(self, objects: int) -> None:
        """A first pass from file to file."""
        plain, product = (self._request(objects, self._compact, self._count, 1, plain) for plain in (True, False))
        name = f"compact_{objects}_first" if objects == 1 else f"compact_{objects}_objects"
        self._note(name, *_alternately(lambda: _again(plain), lambda: _again(product), REPEATS if objects == 1 else 1))

    def compact_keys(self, keys: int) -> None:
        """A predicted frame, with so many keys over the clip."""
        known = min(keys, self._length // 2)
        plain, product = (self._request(1, self._compact, self._count, known, plain, self._length) for plain in (True, False))
        seconds = _alternately(lambda: engine_seconds(plain, known=known), lambda: engine_seconds(product, known=known))
        self._note(f"compact_{keys}_keys", *seconds)

    def compact_second(self) -> None:
        """A second round of the compact model from file to file, and a suggestion after it."""
        cached = replace(
            self._request(1, self._compact, self._count, 1, False),
            use_cache=True,
            cache=str(self._folder / "cache"),
            out=str(self._folder / "second" / "matte.%04d.exr"),  # where no other measurement has left mattes
        )
        first = propagate(cached)
        assert len(first.written) == self._count, "a first round finds no mattes"
        last = self._split(1).frame_number(self._count - 1)
        second = propagate(replace(cached, keyframes=(*(cached.keyframes or ()), last))).seconds
        unchanged = propagate(replace(cached, keyframes=(*(cached.keyframes or ()), last))).seconds
        self.measured["compact_1_second"] = {"first": first.seconds, "second": second, "unchanged": unchanged, "frames": self._count}
        self.ratios["compact_1_second_of_first"] = round(second / first.seconds, 2)
        began = time.perf_counter()
        picked = suggest(
            SuggestRequest(
                plate=cached.plate,
                masks=cached.masks,
                keyframes=cached.keyframes,
                model=self._compact,
                device=self._device,
                size=self._size,
                cache=cached.cache,
                mattes=cached.out,
            )
        )
        seconds = round(time.perf_counter() - began, 2)
        self.measured["suggest"] = {"seconds": seconds, "frames": self._count, "picks": len(picked.suggestions)}

    def compact_io(self, name: str, shape: tuple[int, int]) -> None:
        """What large EXRs add to the compact model."""
        io = exr_overhead(FRAMES_IN_4K, self._size, self._device, self._listener, self._compact, shape)
        self.measured[name] = io
        self.ratios[name] = round(io["seconds_exr"] / io["seconds_small"], 2)

    def _note(self, name: str, plain: float, product: float) -> None:
        self.measured[name] = {"plain": round(plain, 3), "ours": round(product, 3)}
        self.ratios[name] = round(plain / product, 2)
        self._listener.message(f"{name}: {self.ratios[name]:.2f}")

    def _split(self, objects: int) -> Clip:
        if objects not in self._splits:
            self._splits[objects] = in_strips(self._clip, objects, self._length, self._folder / f"split{objects}")
        return self._splits[objects]

    def _request(self, objects: int, model: str, frames: int, keys: int, plain: bool, spread: int | None = None) -> PropagateRequest:
        return replace(
            evenly_keyed(self._split(objects), frames, keys, spread or frames),
            out=str(self._folder / f"mattes{objects}{plain}" / "matte.%04d.exr"),
            model=model,
            device=self._device,
            size=self._size,
            precision="auto" if plain else self._precision,
            plain=plain,
        )


MEASUREMENTS: dict[str, Callable[[_Ratios], None]] = {
    "official_1_first": lambda bench: bench.official_first(1),
    "official_3_first": lambda bench: bench.official_first(3),
    "official_1_second": lambda bench: bench.official_second(),
    "compact_1_first": lambda bench: bench.compact_first(1),
    "compact_5_keys": lambda bench: bench.compact_keys(5),
    "compact_20_keys": lambda bench: bench.compact_keys(MOST_KEYS),
    "compact_3_objects": lambda bench: bench.compact_first(3),
    "compact_8_objects": lambda bench: bench.compact_first(8),
    "compact_1_second": lambda bench: bench.compact_second(),
    "compact_2k_io": lambda bench: bench.compact_io("compact_2k_io", TWO_K),
    "compact_4k_io": lambda bench: bench.compact_io("compact_4k_io", FOUR_K),
}
"""Measurements that can be asked for one by one; `compact_1_second` measures a suggestion too."""


def _alternately(plain: Callable[[], float], product: Callable[[], float], repeats: int = REPEATS) -> tuple[float, float]:
    """Run both in turn; give the fastest of each."""
    pairs = [(plain(), product()) for _ in range(repeats)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _again(request: PropagateRequest) -> float:
    """Delete the mattes of earlier repeats, and propagate."""
    for matte in Path(request.out).parent.glob("matte.*.exr"):
        matte.unlink()
    return propagate(request).seconds


def evenly_keyed(clip: Clip, frames: int, keys: int, spread: int) -> PropagateRequest:
    """Ask the network alone for the first frames of a clip, from so many keys that lie evenly on its first `spread` frames."""
    places = sorted({number * (spread - 1) // max(1, keys - 1) for number in range(keys)})
    return replace(
        NETWORK_ALONE,
        plate=clip.plate,
        masks=clip.mask_files,
        keyframes=tuple(clip.frame_number(place) for place in places),
        frames=f"{clip.frame_number(0)}-{clip.frame_number(frames - 1)}",
    )


def engine_seconds(
    request: PropagateRequest, where: Mapping[int, Tensor] | None = None, store: FeatureFolder | None = None, known: int = 0
) -> float:
    """Run the engine over a request's frames; give the seconds of learning all keyframes but the `known` first, and of the sweeps."""
    opened = open_propagate(request)
    planned = plan(opened)
    device = choose_device(request.device)
    network = load_network(opened.model.path, device)
    network = network if request.plain else prepared(network, opened.precision)
    (planned_group,) = planned.groups
    group = planned_group.group
    with ShotFrames(opened.content, network, device, store) as frames, cores_of_a_gap(frames.lane is not None):
        propagation = Propagation(network, frames, group.annotations, len(group.objects), planned.config_of(planned_group), where)
        began = time.perf_counter()
        for number, index in enumerate(planned_group.permanent):
            for look in propagation.looks:
                look.learn(index)
            if number < known:
                began = time.perf_counter()
        for gap in planned_group.gaps:
            wanted = set(opened.wanted) & set(gap.delivers)
            frames.expect(frames_asked(gap, wanted, [propagation]), twice=gap.blend)
            for _ in propagation.run(gap, wanted):
                pass
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began


def _true_cells(request: PropagateRequest) -> dict[int, Tensor]:
    """Find the cells of each object in the clip's masks, by index, grown as the cells of a matte are."""
    opened = open_propagate(replace(request, keyframes=None))
    (planned_group,) = plan(opened).groups
    group = planned_group.group
    device = choose_device(request.device)
    return {
        index: drawn(annotation, len(group.objects), opened.content.padding, device, boxed=False).cells()
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


def demo_clip(folder: Path, width: int, height: int, frames: int) -> Clip:
    """Draw the shot of the demo as display-encoded pictures with masks, at least 8 frames."""
    shot = DemoShot(width, height, max(frames, 8))
    pictures = ((np.clip(shot.plate(frame), 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)[..., ::-1] for frame in shot.frames)
    return write_clip(folder, pictures, ((shot.matte(frame) >= 0.5).astype(np.uint8) for frame in shot.frames))


def in_strips(clip: Clip, objects: int, frames: int, folder: Path) -> Clip:
    """Write the start of a clip with its masks made one, and that cut into upright strips of equal area: one for each object.

    A frame without a mask has that of the nearest one that has, which is as large, and speed is all that is asked of it.
    """

    def label(index: int) -> np.ndarray:
        mask = clip.labels(min(clip.masks, key=lambda known: abs(known - index))) > 0
        columns = np.nonzero(mask)[1]
        cuts = np.quantile(columns, np.linspace(0, 1, objects + 1)[1:-1]) if len(columns) else np.empty(0)
        strips = np.searchsorted(cuts, np.arange(mask.shape[1]), side="right") + 1
        return np.where(mask, strips[None], 0).astype(np.uint8)

    return write_clip(folder, (picture_of(clip, index) for index in range(frames)), (label(index) for index in range(frames)))
