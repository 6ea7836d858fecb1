"""Two questions about the choice of keys that take long: shots of hundreds of frames, and what the best choice would give.

A long shot is one clip, played to and fro, around another: even spacing knows nothing of where one ends. The best choice is greedy by
truth: of every fourth frame the one whose key raises J&F the most, found by a propagate for each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.evaluation.clips import Clip, NothingToScore, require_scorable
from xmemcore.evaluation.earlier import earlier
from xmemcore.evaluation.evaluate import EvaluationSettings, Keys, score_clip
from xmemcore.evaluation.studies import long_shot
from xmemcore.network.catalogue import Model
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.listener import Listener

LONG_SHOTS = (("car-shadow", "motocross-jump"), ("dog", "horsejump-high"))
"""Clip to and fro, clip in the middle; of the half that coverage was not tuned on."""
LONG_FRAMES = 300
LONG_WAYS = ("coverage", "uniform")
ORACLE_CLIPS = ("car-shadow", "horsejump-high", "motocross-jump")
ORACLE_STEP = 4
"""Frames from one that the best choice tries to the next."""
KEYS = 6
"""Keys at most; the first one is on the first frame."""


def run_keys(model: Model, device: str, clips: Sequence[Clip], out: Path, size: int, listener: Listener) -> list[Path]:
    """Answer what has no answer yet for this model, and write a table and a page after each answer.

    Raises:
        NothingToScore: none of the clips that are needed is there.
    """
    named = {clip.name: clip for clip in clips}
    choices = PropagateRequest(plate="", model=str(model.path), device=device, size=size)
    file, page = out / "keys.json", out / "keys.md"
    content = earlier(file, "answers", model, size=size)
    answers: dict[str, dict[str, Any]] = content["answers"]

    def keep(name: str, k: int, annotated: Sequence[int], jf: float) -> None:
        answers.setdefault(name, {})[str(k)] = {"annotated": list(annotated), "JF": round(jf, 4)}
        listener.message(f"{name}, {k} keys: J&F {jf:.3f}")
        write_text(file, json.dumps(content, indent=1))
        write_text(page, page_text(content))

    asked = False
    for first, second in LONG_SHOTS:
        if {first, second} <= named.keys():
            asked = True
            name = f"{first} around {second}"
            wanted = [way for way in LONG_WAYS if str(KEYS) not in answers.get(f"{name}: {way}", {})]
            if wanted:
                clip = long_shot(named[first], named[second], out / "clips" / f"{first}-{second}", LONG_FRAMES)
                _ways(clip, name, wanted, choices, keep, listener)
    for name in ORACLE_CLIPS:
        if name in named:
            asked = True
            _best(named[name], choices, answers.get(f"{name}: best", {}), keep, listener)
    if not asked:
        raise NothingToScore(
            "None of the clips is there that the choice of keys is studied on: " + ", ".join(ORACLE_CLIPS) + " and others."
        )
    return [page]


Keep = Callable[[str, int, Sequence[int], float], None]
"""Takes the question, the number of keys, their indices, and J&F."""


def _ways(clip: Clip, name: str, ways: Sequence[str], choices: PropagateRequest, keep: Keep, listener: Listener) -> None:
    """Score a clip with two to six keys, chosen in each of some ways."""
    with ClipShot(clip) as shot:
        for way in ways:
            keys = Keys(shot, EvaluationSettings(select=way, choices=choices), listener.cancelled)
            for k in range(2, KEYS + 1):
                keep(f"{name}: {way}", k, keys.annotated(k), keys.result(k).scored.jf)


def _best(clip: Clip, choices: PropagateRequest, known: dict[str, Any], keep: Keep, listener: Listener) -> None:
    """Choose each next key by the truth, among every fourth frame; what is known of an earlier run is not tried again."""
    require_scorable(clip, KEYS)
    keys = [next(iter(clip.masks))]
    with ClipShot(clip) as shot:
        for k in range(2, KEYS + 1):
            if str(k) in known:
                keys = known[str(k)]["annotated"]
                continue
            tried = {}
            for index in list(clip.masks)[::ORACLE_STEP]:
                if index not in keys:
                    annotated = tuple(sorted((*keys, index)))
                    run = shot.propagate(annotated, choices, listener.cancelled)
                    tried[annotated] = score_clip(clip, shot.labels(run), annotated, run.fps).scored.jf
            best = max(tried, key=lambda annotated: tried[annotated])
            keys = list(best)
            keep(f"{clip.name}: best", k, keys, tried[best])
            keep(f"{clip.name}: mean of what was tried", k, [], sum(tried.values()) / len(tried))


def page_text(content: dict[str, Any]) -> str:
    """Tell the answers: J&F by number of keys."""
    numbers = range(2, KEYS + 1)
    lines = [f"# Which keys: {content['model']}, short side {content['size']}\n"]
    lines += ["| J&F | " + " | ".join(f"{k} keys" for k in numbers) + " | mean |", "|---" * (len(numbers) + 2) + "|"]
    for name, by_k in content["answers"].items():
        values = [by_k[str(k)]["JF"] if str(k) in by_k else None for k in numbers]
        known = [value for value in values if value is not None]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {sum(known) / len(known):.3f} |")
    return "\n".join(lines) + "\n"
