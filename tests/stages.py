"""Where the processor time of a frame goes, and how far that is from what the machine can multiply, as a table and a picture.

    OMP_NUM_THREADS=1 python -m tests.stages CLIP --frames 24 --picture docs/images/profile.svg

One thread computes, so that a stage's time is its own whatever else runs. The clip's first frame is keyed, in the second round its last
one too. The limit is what each stage multiplies in the whole frame, at the speed of one large product on this machine.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from torch.utils.flop_counter import FlopCounterMode

from xmemcore.engine.planes import Whole
from xmemcore.evaluation.bench_ratios import in_strips
from xmemcore.evaluation.clips import find_clips
from xmemcore.memory.reading import ShotMemory
from xmemcore.memory.searches import Searches
from xmemcore.network.catalogue import resolve
from xmemcore.network.checkpoint import load_network
from xmemcore.network.xmem import XMem
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.propagate import propagate

STAGES: dict[str, tuple[tuple[type, str], ...]] = {
    "key encoder": ((XMem, "encode_key"),),
    "search of memory": ((ShotMemory, "read"),),
    "decoder": ((XMem, "decode"), (XMem, "part_of"), (XMem, "surroundings"), (Whole, "aggregated")),
    "value encoder": ((XMem, "encode_value"), (XMem, "reinforce")),
}
REST, BEHIND = "the rest of the sweep", "reading and writing, behind it"
COLOURS = ("#4878a8", "#d08030", "#589858", "#a05898", "#909090", "#c8c8c8")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the seconds of processor time that each stage takes in this thread, without the stages called inside it."""
    spent: Counter[str] = Counter()
    inside: list[float] = []
    own = threading.current_thread()

    def timed(stage: str, call: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(call)
        def run(*args: object, **named: object) -> object:
            if threading.current_thread() is not own:
                return call(*args, **named)
            began = time.thread_time()
            inside.append(0.0)
            try:
                return call(*args, **named)
            finally:
                took = time.thread_time() - began
                spent[stage] += took - inside.pop()
                if inside:
                    inside[-1] += took

        return run

    with ExitStack() as stack:
        for stage, calls in STAGES.items():
            for owner, name in calls:
                stack.enter_context(mock.patch.object(owner, name, timed(stage, getattr(owner, name))))
        began, thread = time.process_time(), time.thread_time()
        yield spent
        thread = time.thread_time() - thread
        spent[BEHIND] = time.process_time() - began - thread
        spent[REST] = thread - sum(spent[stage] for stage in STAGES)


def limit(height: int, width: int) -> dict[str, float]:
    """Say how many seconds each stage of one frame takes at least: one memory frame is searched, every fifth frame is remembered."""
    network = load_network(resolve(None).path, torch.device("cpu"))
    image, mask = torch.rand(1, 3, height, width), torch.rand(1, 1, height, width)
    sensory = network.empty_sensory(1, height, width)
    cells = height * width // 256
    queries, elements = torch.rand(cells, 129), torch.rand(cells, 129)
    product = 2 * cells * cells * 129
    took = []
    with torch.inference_mode():

        def least(call: Callable[[], object]) -> float:
            with FlopCounterMode(display=False) as counter:
                call()
            return float(counter.get_total_flops()) / speed

        features = network.encode_key(image)
        value, _ = network.encode_value(image, features, mask, mask, sensory, True)
        for _ in range(9):
            began = time.thread_time()
            _ = queries @ elements.T
            took.append(time.thread_time() - began)
        speed = product / min(took)
        return {
            "key encoder": least(lambda: network.encode_key(image)),
            "search of memory": product / speed,
            "decoder": least(lambda: network.decode(features, value, sensory, True)),
            "value encoder": least(lambda: network.encode_value(image, features, mask, mask, sensory, True)) / 5,
        }


def measure(clip: str, frames: int) -> dict[str, dict[str, float]]:
    """Give the milliseconds of a frame by run and stage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split = in_strips(find_clips(clip)[0], 1, frames, folder / "clip")
        request = PropagateRequest(
            plate=split.plate,
            masks=split.mask_files,
            keyframes=(split.frame_number(0),),
            cache=str(folder / "cache"),
            out=str(folder / "matte.%04d.exr"),
            device="cpu",
            edges="plain",
            carry=False,
            crop="off",
        )
        both = (split.frame_number(0), split.frame_number(frames - 1))
        second = replace(request, keyframes=both)
        plain = replace(request, plain=True, use_cache=False, out=str(folder / "plain.%04d.exr"))
        anew = replace(second, out=str(folder / "anew.%04d.exr"))
        padding = open_propagate(request).content.padding
        runs = {}
        for run, wanted in (("plain mode", plain), ("first round", request), ("second round", second)):
            with counted() as spent:
                propagate(wanted)
            runs[run] = spent
        with mock.patch.object(Searches, "among", lambda self, tables: None), counted() as spent:
            propagate(anew)
        runs["second round, all searched"] = spent
    shown = {run: {stage: 1000 * spent[stage] / frames for stage in (*STAGES, REST, BEHIND)} for run, spent in runs.items()}
    shown["the machine's limit"] = {stage: 1000 * seconds for stage, seconds in limit(*padding.padded).items()}
    return shown


def picture(runs: dict[str, dict[str, float]]) -> str:
    """Draw a bar for each run, as SVG."""
    scale = 620 / max(sum(stages.values()) for stages in runs.values())
    parts = []
    for row, (run, stages) in enumerate(runs.items()):
        x, y = 190.0, 20 + 34 * row
        parts.append(f'<text x="180" y="{y + 17}" text-anchor="end">{run}</text>')
        for colour, stage in zip(COLOURS, (*STAGES, REST, BEHIND)):
            width = scale * stages.get(stage, 0)
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="24" fill="{colour}"/>')
            x += width
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 17}">{sum(stages.values()):.0f} ms</text>')
    below = 20 + 34 * len(runs) + 10
    for place, (colour, stage) in enumerate(zip(COLOURS, (*STAGES, REST, BEHIND))):
        x, y = 190 + 230 * (place % 3), below + 22 * (place // 3)
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/><text x="{x + 18}" y="{y + 11}">{stage}</text>')
    style = 'font-family="sans-serif" font-size="13"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{below + 50}" {style}>\n' + "\n".join(parts) + "\n</svg>\n"


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", help="a folder with frames and masks")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    runs = measure(chosen.clip, chosen.frames)
    print(f"{'milliseconds of a frame':32s}" + "".join(f"{run:>28s}" for run in runs))
    for stage in (*STAGES, REST, BEHIND):
        print(f"{stage:32s}" + "".join(f"{stages.get(stage, 0):28.1f}" for stages in runs.values()))
    if chosen.picture:
        chosen.picture.write_text(picture(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
