"""The studies with their clips and annotations fixed: what is measured, and the page that tells it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from xmemcore.evaluation import parts, studies
from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.evaluation.clips import Clip, NothingToScore
from xmemcore.evaluation.earlier import earlier
from xmemcore.evaluation.evaluate import EvaluationSettings, Keys
from xmemcore.network.catalogue import Model
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.listener import Listener

LONG_FIRST, LONG_SECOND, LONG_ANNOTATIONS = "blackswan", "libby", 6
ACTOR, STAGE = "dog", "car-shadow"
PRESENT, ABSENT = (0, 18), (42, 50)
"""Indices of the look-alike shot: with the object, and after it has left."""
AWAY = ("blackswan", "car-shadow", "cows", "dog")
"""Clips whose objects are away for a while, with the keys of the look-alike shot."""
WORDS = "nothing", "one frame", "a range"
"""What is said of the frames on which such an object is away; one frame is the one in their middle."""
PART_ANNOTATIONS = 5

Answer = dict[str, Any]


def run_studies(model: Model, device: str, clips: Sequence[Clip], out: Path, size: int, listener: Listener) -> list[Path]:
    """Run the studies whose clips are there and that have no answer yet for this model.

    Returns:
        What was written for people to read.

    Raises:
        NothingToScore: none of the clips that the studies need is there.
    """
    named = {clip.name: clip for clip in clips}
    file = out / "studies.json"
    content = earlier(file, "answers", model, size=size)
    choices = PropagateRequest(plate="", model=str(model.path), device=device, size=size)
    questions = _questions(choices, named, out, listener)
    if not questions:
        raise NothingToScore(f"The studies need clips that are not there: {LONG_FIRST}, {LONG_SECOND}, {ACTOR}, {STAGE} and others.")
    for number, (name, ask) in enumerate(questions.items()):
        if name not in content["answers"]:
            listener.message(f"Study: {name}")
            content["answers"][name] = ask()
            write_text(file, json.dumps(content, indent=1))
        listener.progress(number + 1, len(questions))
    page = out / "studies.md"
    page.write_text(page_text(content), encoding="utf-8")
    return [page]


def _questions(choices: PropagateRequest, named: dict[str, Clip], out: Path, listener: Listener) -> dict[str, Callable[[], Answer]]:
    questions: dict[str, Callable[[], Answer]] = {}
    if {LONG_FIRST, LONG_SECOND} <= set(named):

        def long() -> Answer:
            clip = studies.long_shot(named[LONG_FIRST], named[LONG_SECOND], out / "clips" / "long")
            return asdict(studies.drift(clip, LONG_ANNOTATIONS, choices, listener.cancelled))

        def long_forward() -> Answer:
            clip = studies.long_shot(named[LONG_FIRST], named[LONG_SECOND], out / "clips" / "long")
            return asdict(studies.drift(clip, LONG_ANNOTATIONS, replace(choices, order="forward"), listener.cancelled))

        questions["long shot, outward"] = long
        questions["long shot, forward"] = long_forward
    if {ACTOR, STAGE} <= set(named):
        ways: dict[str, tuple[tuple[int, ...], tuple[str, ...] | None]] = {
            "without absence": ((), None),
            "one absence": (ABSENT[:1], None),
            "two absences": (ABSENT, None),
            "an absent range": ((), (f"1:{ABSENT[0]}-{ABSENT[1]}",)),
        }
        for label, (absent, ranges) in ways.items():

            def alike(absent: tuple[int, ...] = absent, ranges: tuple[str, ...] | None = ranges) -> Answer:
                clip = studies.look_alike(named[ACTOR], named[STAGE], out / "clips" / "look-alike")
                return asdict(studies.absence(clip, PRESENT, absent, replace(choices, absent=ranges), listener.cancelled))

            questions[f"look-alike, {label}"] = alike
    if {ACTOR, STAGE} <= set(named):
        for name, way, word in itertools.product(AWAY, studies.WAYS, WORDS):
            if name in named:

                def gone(name: str = name, way: str = way, word: str = word) -> Answer:
                    stage = named[ACTOR if name == STAGE else STAGE]
                    clip = studies.away(named[name], stage, out / "clips" / f"away-{name}-{way}", way)
                    return _away(choices, clip, word, listener)

                questions[f"away, {name}, {way}, {word}"] = gone
    for part in parts.read_parts():
        if part.clip in named:

            def partial(part: parts.Part = part) -> Answer:
                return _part_and_whole(choices, named[part.clip], part, out, listener)

            questions[f"part of {part.clip}"] = partial
    return questions


def _away(choices: PropagateRequest, clip: Clip, word: str, listener: Listener) -> Answer:
    """Judge a shot whose object is away for a while, frame by frame, with a word of WORDS said about it."""
    empty = [index for index in range(len(clip)) if not clip.labels(index).any()]
    absent = empty[len(empty) // 2 :][:1] if word == "one frame" else []
    # Layers of our own clips are named by label, and frames count from 0.
    said = (f"1:{empty[0]}-{empty[-1]}",) if word == "a range" else None
    return asdict(studies.judged(clip, PRESENT, absent, replace(choices, absent=said), listener.cancelled))


def _part_and_whole(choices: PropagateRequest, clip: Clip, part: parts.Part, out: Path, listener: Listener) -> Answer:
    """Score one part with five annotations, and the whole object with the same frames annotated."""
    settings = EvaluationSettings(choices=choices)
    piece = parts.write_part(clip, part, out / "clips" / f"part-{clip.name}")
    answers = {}
    for name, scored in (("part", piece), ("whole", clip)):
        with ClipShot(scored, keep=False) as shot:
            answers[name] = Keys(shot, settings, listener.cancelled).result(PART_ANNOTATIONS).as_json()
    return answers


def page_text(content: dict[str, Any]) -> str:
    """Tell the answers."""
    answers = content["answers"]
    lines = [f"# Studies: {content['model']}, short side {content['size']}\n"]
    long = {name: a for name, a in answers.items() if name.startswith("long")}
    if long:
        lines += ["## Long shots\n", f"{LONG_FIRST} to and fro, {LONG_SECOND} in the middle, {LONG_ANNOTATIONS} annotations.\n"]
        lines += ["| | frames | J, first hundred | J, last hundred | difference |", "|---|---|---|---|---|"]
        for name, a in long.items():
            lines.append(f"| {name} | {a['frames']} | {a['j_first']:.3f} | {a['j_last']:.3f} | {a['j_last'] - a['j_first']:+.3f} |")
        lines.append("")
    alike = {name: a for name, a in answers.items() if name.startswith("look-alike")}
    if alike:
        lines += ["## Look-alikes\n", "Two copies of one object; the annotated one leaves. What is taken for it afterwards:\n"]
        lines += ["| | J while it is there | frames with something wrong | pixels a frame |", "|---|---|---|---|"]
        lines += [f"| {name} | {a['j_present']:.3f} | {a['wrong_share']:.0%} | {a['wrong_pixels']:.0f} |" for name, a in alike.items()]
        lines.append("")
    lines += _away_rows(answers)
    pieces = {name: a for name, a in answers.items() if name.startswith("part of")}
    if pieces:
        lines += ["## Parts of objects\n", f"One side of a line that is fixed to the object, {PART_ANNOTATIONS} annotations.\n"]
        lines += ["| | J | F | hold J | J of the whole object | difference |", "|---|---|---|---|---|---|"]
        for name, a in pieces.items():
            part, whole = a["part"], a["whole"]
            more = f"{part['J_hold']:.3f} | {whole['J']:.3f} | {part['J'] - whole['J']:+.3f}"
            lines.append(f"| {name} | **{part['J']:.3f}** | {part['F']:.3f} | {more} |")
        lines.append("")
    return "\n".join(lines)


def _away_rows(answers: Mapping[str, Answer]) -> list[str]:
    """Tell what a word about an absent object costs where it is there, and what is left of it where it is not."""
    lines = []
    for name, way in itertools.product(AWAY, studies.WAYS):
        asked = [answers.get(f"away, {name}, {way}, {word}") for word in WORDS]
        if None in asked:
            continue
        silent, *told = [a for a in asked if a is not None]
        j = [np.mean(list(a["overlaps"].values())) for a in (silent, *told)]
        worst = [min((a["overlaps"][i] - before, int(i)) for i, before in silent["overlaps"].items()) for a in told]
        wrong = [f"{np.mean(list(a['wrong'].values())):.0f}" for a in (silent, *told)]
        cells = [f"{j[0]:.3f}", *(f"{now - j[0]:+.3f}" for now in j[1:]), *(f"{by:+.3f} ({i})" for by, i in worst), *wrong]
        lines.append(f"| {name}, {way} | " + " | ".join(cells) + " |")
    return lines and [
        "## Away for a while\n",
        "J where the object is there, with nothing said; what one absent frame and an absent range change, on the mean and on the worst "
        "frame; pixels that are taken for it where it is not.\n",
        "| | J | one frame | a range | worst, one frame | a range | pixels, nothing said | one frame | a range |",
        "|---|---|---|---|---|---|---|---|---|",
        *lines,
        "",
    ]
