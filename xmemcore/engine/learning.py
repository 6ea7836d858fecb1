"""Learn the shot: tune a network on the artist's own keyframes before it propagates them, unless that would not help.

Half of the steps are a rehearsal. It learns from every second keyframe and is asked for the others, which it has never seen. The gain
there decides how many steps all keyframes get, and whether any. The loss on the keyframes themselves falls in every shot, also
in those where learning harms, so it decides nothing.

The value encoder and the decoder are tuned, without the few layers that a frame's kept features depend on: the features of a
plate stay valid, for this shot and for every other node that sees the plate.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.jaccard import jaccard
from xmemcore.engine.losses import dice, hard_cross_entropy
from xmemcore.engine.sequence import Roles, segment
from xmemcore.engine.staging import Key, StagedClip, learnable, stage_clip
from xmemcore.network.xmem import PLATE_PARTS, STRIDE, XMem
from xmemcore.protocol.failures import Cancelled

STEPS_A_SECOND = 1.0
"""Steps for each second that the artist allows. A step of the compact network takes about a second of one core, less on an
accelerator. With a fixed rate, equal settings give equal steps, and equal steps equal weights, however busy the machine is."""
FEWEST_STEPS = 10
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
"""State that AdamW keeps for each weight."""


@dataclass(frozen=True)
class LearningConfig:
    """How a shot is learned; part of the signature of what was learned."""

    steps: int = 60
    """Steps of rehearsal and learning together."""
    rate: float = 2e-4
    clips: int = 2
    """Clips in one step."""
    frames: int = 5
    """Frames in one clip."""
    size: int = 320
    """Pixels of a clip's side."""
    hardest: float = 0.5
    """Share of the pixels whose cross entropy counts."""
    stops: tuple[float, ...] = (0.5, 1.0)
    """Shares of the rehearsal after which its gain is measured."""
    mixes: tuple[float, ...] = (0.5, 1.0)
    """Shares of the tuned weights that are tried in a mix with the weights as they were."""
    least_gain: float = 0.004
    """Least mean J that unseen keyframes must gain; below it the network stays as it was."""
    worst_loss: float = 0.01
    """Largest loss of J that any of them may have."""
    most_questions: int = 8
    """Unseen keyframes and objects that are asked for."""
    most_memory: int = 6
    """Keyframes in memory for one question."""
    seed: int = 0


def steps_for(seconds: float) -> int:
    """Turn what an artist allows into a number of steps; 0 stays 0."""
    return 0 if seconds <= 0 else max(FEWEST_STEPS, round(seconds * STEPS_A_SECOND))


@dataclass
class Learned:
    """The result of a learning."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    """Tuned weights by name, rounded to half precision; empty: the network is better as it was."""
    gain: float = 0.0
    """Mean J that unseen keyframes gained in the rehearsal."""
    reason: str = ""
    """Sentence for the artist."""

    @property
    def used(self) -> bool:
        return bool(self.weights)


def learn(
    network: XMem,
    groups: Sequence[Sequence[Key]],
    config: LearningConfig,
    begin: Mapping[str, Tensor] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
    unfinished: Mapping[str, Tensor] | None = None,
    keep: Callable[[dict[str, Tensor]], None] = lambda state: None,
) -> Learned:
    """Learn a shot from its keyframes.

    Args:
        network: as it propagates; it is not changed.
        groups: the keyframes of each competition group.
        config: how.
        begin: weights of an earlier round, from which learning goes on. The rehearsal begins without them: they were tuned
            on those keyframes, so their answers would prove nothing.
        cancelled: asked before every step.
        report: told how many steps of how many are done.
        unfinished: what an interrupted call has kept; the same weights come out as without the interruption.
        keep: called with the state when the learning is cancelled.

    Raises:
        Cancelled.
    """
    groups = [sorted(keys, key=lambda key: key.frame) for keys in groups if learnable(keys)]
    studied, questions = rehearsal_of(groups, config)
    if not questions:
        return Learned(reason="One keyframe cannot say whether learning this shot helps. Key a second frame that shows the object.")
    with _one_thread(next(network.parameters()).device):
        return _learned(network, groups, studied, questions, config, begin, cancelled, report, unfinished, keep)


def _learned(
    network: XMem,
    groups: Sequence[Sequence[Key]],
    studied: Sequence[Sequence[Key]],
    questions: Sequence[Question],
    config: LearningConfig,
    begin: Mapping[str, Tensor] | None,
    cancelled: Callable[[], bool],
    report: Callable[[int, int], None],
    unfinished: Mapping[str, Tensor] | None,
    keep: Callable[[dict[str, Tensor]], None],
) -> Learned:
    """Rehearse, and learn where that helps; arguments of `learn`."""
    half = config.steps // 2
    state = dict(unfinished or {})
    verdict = _Verdict.of(state)
    tuner = Tuner(network, config, half, purpose=1) if verdict.open else None
    try:
        if tuner is not None:
            tuner.restore(state)
            _rehearse(network, tuner, studied, questions, verdict, _Steps(cancelled, report, 0, 2 * half))
            state = {}
            if verdict.gain < config.least_gain:
                return Learned(gain=verdict.gain, reason="Learning this shot would not help: keyframes that were held back say so.")
            verdict.open = False
        tuner = Tuner(network, config, half, purpose=2, begin=begin)
        tuner.restore(state)
        tuner.run(groups, verdict.stop, _Steps(cancelled, report, half, 2 * half))
    except Cancelled:
        if tuner is not None:
            keep(tuner.state() | verdict.state())
        raise
    report(2 * half, 2 * half)
    reason = f"Learned this shot: keyframes held back are found better, by {verdict.gain:.3f} in J."
    return Learned(tuner.weights(verdict.mix), verdict.gain, reason)


def _rehearse(
    network: XMem, tuner: Tuner, studied: Sequence[Sequence[Key]], questions: Sequence[Question], verdict: _Verdict, steps: _Steps
) -> None:
    """Learn from some keyframes, ask for the others, and note which stop and which mix answers best."""
    config = tuner.config
    if not verdict.before:
        verdict.before = tuple(recall(network, question) for question in questions)
    for stop in sorted({max(1, round(stop * tuner.steps)) for stop in config.stops}):
        if stop <= verdict.asked:
            continue
        tuner.run(studied, stop, steps)
        for mix in config.mixes:
            tuned = tuner.mixed(mix)
            changes = np.array([recall(tuned, question) for question in questions]) - np.array(verdict.before)
            if changes.mean() > verdict.gain and changes.min() >= -config.worst_loss:
                verdict.stop, verdict.mix, verdict.gain = stop, mix, float(changes.mean())
        verdict.asked = stop


@dataclass
class _Verdict:
    """What the rehearsal has found so far."""

    stop: int = 0
    mix: float = 0.0
    gain: float = 0.0
    asked: int = 0
    """Steps after which the last answers were taken."""
    open: bool = True
    """Whether the rehearsal goes on."""
    before: tuple[float, ...] = ()
    """J of each question before anything was learned."""

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> _Verdict:
        if "verdict" not in state:
            return cls()
        stop, mix, gain, asked, is_open, *before = state["verdict"].tolist()
        return cls(int(stop), mix, gain, int(asked), bool(is_open), tuple(before))

    def state(self) -> dict[str, Tensor]:
        numbers = (self.stop, self.mix, self.gain, self.asked, self.open, *self.before)
        return {"verdict": torch.tensor(numbers, dtype=torch.float64)}


def with_weights(network: XMem, weights: Mapping[str, Tensor]) -> XMem:
    """Copy a network and put tuned weights in."""
    tuned = copy.deepcopy(network)
    missing = tuned.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=False)
    assert not missing.unexpected_keys, missing.unexpected_keys
    return tuned.eval().requires_grad_(False)


def tunable(name: str) -> bool:
    """Say whether a weight of this name is tuned."""
    return name.startswith(("value_encoder.", "decoder.")) and not name.startswith(PLATE_PARTS)


class Tuner:
    """A copy of a network that learns, step by step; the same seed and purpose take the same steps."""

    def __init__(self, network: XMem, config: LearningConfig, steps: int, purpose: int, begin: Mapping[str, Tensor] | None = None) -> None:
        self.config, self.steps = config, steps
        self._start, self._purpose = network, purpose
        # Statistics of batch norms stay as they are: two clips are too few to renew them.
        self.network = with_weights(network, begin or {})
        self._tuned = {name: weight.requires_grad_(True) for name, weight in self.network.named_parameters() if tunable(name)}
        self._optimiser = torch.optim.AdamW(self._tuned.values(), lr=config.rate, weight_decay=0.0)
        self.step = 0

    def run(self, groups: Sequence[Sequence[Key]], until: int, steps: _Steps) -> None:
        """Take steps until so many are done; raises Cancelled."""
        while self.step < until:
            steps.before(self.step)
            rng = np.random.default_rng([self.config.seed, self._purpose, self.step])
            self._take([stage_clip(rng, groups, self.config.size, self.config.frames) for _ in range(self.config.clips)])
            self.step += 1

    def state(self) -> dict[str, Tensor]:
        """Give all that is needed to go on later with the same result."""
        tensors = {"step": torch.tensor([self.step])}
        for name, weight in self._tuned.items():
            moments = self._optimiser.state.get(weight, {})
            # A tensor without a dimension has no bytes that a check sum could see.
            tensors |= {f"{kind}/{name}": torch.atleast_1d(moments[kind]) for kind in _MOMENTS if kind in moments}
            tensors[f"weight/{name}"] = weight.detach()
        return tensors

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state; an empty state changes nothing."""
        if not state:
            return
        self.step = int(state["step"])
        with torch.no_grad():
            for name, weight in self._tuned.items():
                weight.copy_(state[f"weight/{name}"])
                # A part that no clip has asked for yet has no moments.
                if f"exp_avg/{name}" in state:
                    self._optimiser.state[weight] = {kind: state[f"{kind}/{name}"].clone() for kind in _MOMENTS}
                    self._optimiser.state[weight]["step"] = state[f"step/{name}"].reshape(()).clone()

    def _take(self, clips: list[StagedClip]) -> None:
        progress = self.step / max(1, self.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = self.config.rate * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * progress))) * min(1.0, (self.step + 1) / 5)
        self._optimiser.zero_grad(set_to_none=True)
        device = next(self.network.parameters()).device
        for clip in clips:
            labels = clip.labels.to(device)
            with _quick(device):
                losses = [
                    hard_cross_entropy(competing, labels[:, t], self.config.hardest) + dice(competing, labels[:, t])
                    for t, competing in segment(
                        self.network, clip.frames.to(device), labels, clip.objects, Roles(clip.annotated, clip.remembered)
                    )
                ]
            (torch.stack(losses).mean() / len(clips)).backward()
        norm = torch.nn.utils.clip_grad_norm_(list(self._tuned.values()), 1.0)
        if torch.isfinite(norm):
            self._optimiser.step()

    def weights(self, mix: float) -> dict[str, Tensor]:
        """Give the tuned weights, mixed with those of the start and rounded to half precision."""
        start = dict(self._start.named_parameters())
        return {name: torch.lerp(start[name].float(), weight.detach().float(), mix).half().cpu() for name, weight in self._tuned.items()}

    def mixed(self, mix: float) -> XMem:
        """Give the network as it would be used."""
        return with_weights(self._start, self.weights(mix))


@dataclass(frozen=True)
class Question:
    """An object at a keyframe that the network has not learned from, asked with other keyframes in memory."""

    asked: Key
    known: tuple[Key, ...]
    obj: int


def rehearsal_of(groups: Sequence[Sequence[Key]], config: LearningConfig) -> tuple[list[list[Key]], list[Question]]:
    """Split keyframes into those that a rehearsal learns from and questions about the others; no questions where there are too few."""
    studied, questions = [], []
    for keys in groups:
        learned, left_out = list(keys[0::2]), list(keys[1::2])
        for obj in learnable(keys):
            known = [key for key in learned if obj in key.masks]
            for key in left_out:
                nearest = sorted(known, key=lambda other: abs(other.frame - key.frame))[: config.most_memory]
                if key.shows(obj) and any(other.shows(obj) for other in nearest):
                    questions.append(Question(key, tuple(nearest), obj))
        if learnable(learned):
            studied.append(learned)
    if len(questions) > config.most_questions:
        order = np.random.default_rng(config.seed).permutation(len(questions))[: config.most_questions]
        questions = [questions[n] for n in sorted(order)]
    return studied, questions if studied else []


@torch.no_grad()
def recall(network: XMem, question: Question) -> float:
    """Ask a network for an object at a keyframe, from the keyframes in memory alone; gives J."""
    keys = (*question.known, question.asked)
    device = next(network.parameters()).device
    frames = torch.stack([torch.from_numpy(key.picture) for key in keys])[None].to(device)
    masks = torch.stack([_plane(key, question.obj) for key in keys])[None].to(device)
    frames, masks = _fitted(frames), F.interpolate(masks, size=_sides(masks.shape[-2:]), mode="nearest")
    roles = Roles((True,) * len(question.known) + (False,), (False,) * len(keys))
    with _quick(device):
        ((_, competing),) = list(segment(network, frames, masks.long(), 1, roles))
    labels, truth = competing[0].argmax(dim=0) > 0, masks[0, -1] > 0
    return jaccard(labels.cpu().numpy(), truth.cpu().numpy())


def _plane(key: Key, obj: int) -> Tensor:
    mask = key.masks[obj]
    return torch.zeros(key.picture.shape[:2]) if mask is None else torch.from_numpy(mask).float()


def _sides(sides: Sequence[int]) -> tuple[int, int]:
    """Give the nearest sides that the network takes."""
    height, width = (max(STRIDE, round(side / STRIDE) * STRIDE) for side in sides)
    return height, width


def _fitted(frames: Tensor) -> Tensor:
    """Bring (1, T, H, W, 3) uint8 to sides that the network takes."""
    planes = frames[0].permute(0, 3, 1, 2).float()
    planes = F.interpolate(planes, size=_sides(planes.shape[-2:]), mode="bilinear", align_corners=False)
    return planes.round().to(torch.uint8).permute(0, 2, 3, 1)[None]


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """Compute on one core: sums of another number of threads round differently, and equal steps would give other weights on a machine
    with other cores. Threads that wait for each other on a busy machine would also be several times slower than one."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _quick(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where the processor has instructions for it."""
    able = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_is_built_for_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=able and device.type in ("cpu", "cuda"))


def _cpu_is_built_for_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@dataclass(frozen=True)
class _Steps:
    """Report how far rehearsal and learning are, and stop when cancelled."""

    cancelled: Callable[[], bool]
    report: Callable[[int, int], None]
    first: int
    total: int

    def before(self, step: int) -> None:
        """Begin a step; raises Cancelled."""
        if self.cancelled():
            raise Cancelled("Cancelled. The mattes that were finished stay.")
        self.report(self.first + step, self.total)
