"""Choose the frames of a shot to key next, and say why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import takewhile

import numpy as np
import torch

from xmemcore.engine.coverage import compared, glimpse, look
from xmemcore.engine.frames import Padding
from xmemcore.engine.nearness import Nearness
from xmemcore.engine.selection import STRATEGIES, Situation, Strategy
from xmemcore.engine.suggestion import Pick, View
from xmemcore.network.backend import backend_of
from xmemcore.network.catalogue import resolve, verify
from xmemcore.network.checkpoint import load_network
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.frames import counted
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.places import cache_root
from xmemcore.protocol.requests import SuggestRequest
from xmemcore.protocol.results import Suggestion, SuggestResult
from xmemcore.protocol.words import listed, plural
from xmemcore.roto.shapes import NothingKeyed
from xmemcore.shot.annotations.annotations import NothingAnnotated, position
from xmemcore.shot.inputs.inputs import Shot, open_shot, wanted_indices
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.machine.device import choose_device, choose_precision, limit_memory
from xmemcore.shot.machine.freed_memory import keep_freed_memory
from xmemcore.shot.mattes.mattes import MatteSequence, read_mattes
from xmemcore.shot.plate.frame_source import Encoding, PlateContent, ShotFrames
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.store.cache import features_folder, node_folder
from xmemcore.shot.store.looks import Looks
from xmemcore.shot.store.pairs import KeptNearness
from xmemcore.shot.store.scores import KeptScores
from xmemcore.shot.store.state import NodeManifest
from xmemcore.shot.suggestion.doubt import GIVE_OR_TAKE, Judgement
from xmemcore.shot.suggestion.reasons import Reason, first_key_reason, mended, reason, wrong_stretches
from xmemcore.shot.suggestion.shot_masks import LookedAt, ShotMasks
from xmemcore.shot.suggestion.shot_views import ShotViews

LEAST_SHARE = 1e-3
"""Frames scoring below this share of the first pick's score are not suggested."""

WRONG_SHOWN = 5
"""Stretches that a sentence names."""
FEW_MATTES = 0.5
"""Share of the plate's frames below which the artist is told that there are few mattes."""


def suggest(request: SuggestRequest, listener: Listener | None = None) -> SuggestResult:
    """Name the next frames worth keying; none when the keyframes explain every frame.

    Without a key the best first frame is named.

    Raises:
        RequestError, MachineError, Cancelled.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        run = _SuggestRun(request, listener or Silence(), stack)
        run.look()
        picks = run.picks()
        return run.result(picks, began)


class _SuggestRun:
    """One suggestion: what is known of the shot, what is seen of its frames, and what an artist reads of the picks."""

    def __init__(self, request: SuggestRequest, listener: Listener, stack: ExitStack) -> None:
        """Open the shot; the stack closes what is opened later."""
        request.require_possible_here()
        self.request, self.listener, self.strategy = request, listener, STRATEGIES[request.method]
        self.shot = shot = _opened(request, self.strategy)
        for warning in (*shot.plate.warnings, *shot.annotations.warnings):
            listener.warning(warning)
        self.node = cache_root(request.cache), request.node_id or shot.default_node_id()
        obj = _object(request.object, shot.annotations.objects)
        mattes = _mattes(request.mattes, shot, listener) if request.mattes is not None else None
        self.keyed = [index for frame, index in shot.indices.items() if obj is None or obj in shot.annotations.known(frame)]
        self.wanted = set(wanted_indices(shot.plate, request.frames)[0])
        sights = self._kept("sights") if self.strategy.judges else None
        self.masks = ShotMasks(shot, obj, shot.plate.canvas.working_size(request.size), mattes, sights)
        self.judgement = Judgement(())
        self.told: list[Reason] = []
        self.eligible = [index in self.wanted and self._may_be_keyed(index) for index in range(len(shot.plate.frames))]
        self.frames: ShotFrames | None = None
        self.views: ShotViews | None = None
        self.looks: dict[int, torch.Tensor] = {}
        self._stack = stack

    def _kept(self, kind: str) -> Looks | None:
        """Open what earlier suggestions have kept; None where nothing is to be kept."""
        return Looks(*self.node, kind) if self.request.use_cache else None

    def _may_be_keyed(self, index: int) -> bool:
        """Say whether a frame is worth a suggestion: something can be keyed on it, and where nothing is judged its mask is large enough."""
        if self.masks.objects and self.masks.hidden(index):
            return False
        if self.strategy.judges:
            return True
        pixels = self.masks.pixels(index)
        return pixels is None or pixels >= self.request.min_pixels

    def look(self) -> None:
        """Look at the frames as the strategy does: roughly where it judges, and at the mattes too; else by views, or not at all."""
        request = self.request
        if not self.strategy.sees:
            return
        known = NodeManifest.load(node_folder(*self.node)) if request.use_cache else None
        self.frames = frames = _frames(request, self.shot, self.listener, self._stack, None if known is None else known.plate_files)
        may = [index for index, allowed in enumerate(self.eligible) if allowed and index not in self.keyed]
        if self.strategy.judges:
            seen = compared(len(self.eligible), self.keyed, may)
            self.looks = _looks(frames, seen, self._kept("frames"), self.listener)
            self._judge(frames.padding)
        else:
            kept = KeptScores(*self.node) if request.use_cache else None
            alpha = request.alpha if request.mattes is not None else 0.0
            self.views = ShotViews(frames, self.masks, alpha, kept, self.listener)
            self.views.look(sorted(self.keyed), may)

    def _judge(self, padding: Padding) -> None:
        """Say what the mattes are expected to be wrong by."""
        if self.masks.mattes is not None:
            self.listener.message("Looking at the mattes")
            self.judgement = self.masks.judged(LookedAt(self.looks, padding), self.listener.cancelled)
            unseen = [self.shot.annotations.objects[obj] for obj in self.masks.unseen]
            if unseen:
                whose = f"{listed(unseen)} {'has' if len(unseen) == 1 else 'have'}"
                self.listener.warning(f"{whose} no matte in {self.request.mattes}, so nothing can look wrong there. Propagate first.")
        self.masks.save()

    def picks(self) -> list[Pick]:
        """Let the strategy choose."""
        kept = KeptNearness(*self.node) if self.request.use_cache and self.strategy.judges else None
        nearness = Nearness() if kept is None else kept.load()
        situation = Situation(
            tuple(self.keyed),
            self.eligible,
            _unseen if self.views is None else self.views.view,
            self.request.seed,
            self.listener.progress,
            self.listener.cancelled,
            glimpse=lambda index: glimpse(self.looks[index]),
            covered=self.masks.covered,
            errors=self.judgement.errors() or None,
            mends=lambda index: mended(index, self.judgement.doubts),
            apart=None if self.views is None else self.views.apart,
            nearness=nearness,
        )
        try:
            picks = list(self.strategy.picks(situation, self.request.count))
        except Cancelled:
            if self.views is not None:
                self.views.save(forgetting=False)
            raise
        if kept is not None:
            kept.save(nearness)
        return picks

    def result(self, picks: Sequence[Pick], began: float) -> SuggestResult:
        """Give the result of the run, which began at this time."""
        numbers, by_frame = self.shot.plate.frames, self.judgement.expected()
        suggestions = self._suggestions(picks)
        lost = self._lost()
        unkeyed = [j for index, j in enumerate(by_frame) if index not in self.keyed]
        expected = round(float(np.mean(unkeyed)), 3) if unkeyed else None
        elsewhere = self._elsewhere(suggestions)
        if self.views is not None:
            self.views.save(forgetting=True)
        message = _message(suggestions, self.request, [numbers[index] for index in self._left_out()], expected, elsewhere)
        if lost and not elsewhere:
            message += f" On {counted(lost)} the matte is empty, between frames that have it."
        return SuggestResult(
            suggestions=tuple(suggestions),
            object=self.request.object,
            scores=dict(zip(numbers, picks[0].scores.tolist() if picks else [0.0] * len(numbers))),
            message=message,
            lost_frames=tuple(lost),
            encoded_frames=0 if self.frames is None else self.frames.encoded_frames,
            seconds=round(time.monotonic() - began, 3),
            expected_j=expected,
            expected={numbers[index]: round(j, 3) for index, j in enumerate(by_frame)},
        )

    def _names(self) -> list[str]:
        """Name the objects that are looked at."""
        return [self.shot.annotations.objects[obj] for obj in self.masks.objects]

    def _lost(self) -> list[int]:
        """List the frames on which an object is missing between frames that show it, and that no reason of a suggestion names."""
        if self.strategy.judges:
            by_object = zip(self._names(), self.judgement.lost())
            lost = sorted({index for name, at in by_object for index in at if not any(why.tells(name, index) for why in self.told)})
        else:
            lost = self.masks.lost()
        return [self.shot.plate.frames[index] for index in lost]

    def _elsewhere(self, suggestions: Sequence[Suggestion]) -> list[str]:
        """Say what looks wrong where nothing is suggested for it; [] where some suggestion is for what looks wrong."""
        if any(pick.wrong for pick in suggestions):
            return []
        return wrong_stretches(self.judgement.doubts, self._names(), self.shot.plate.frames)

    def _left_out(self) -> list[int]:
        """List the wanted frames that may not be picked because their mask is small."""
        may_not = [index for index, may in enumerate(self.eligible) if not may]
        return [index for index in may_not if index in self.wanted and index not in self.keyed and not self.masks.hidden(index)]

    def _suggestions(self, picks: Sequence[Pick]) -> list[Suggestion]:
        """Make the suggestions of the picks that are worth keying, each beside the keys and those before it."""
        worth = list(takewhile(lambda pick: pick.score >= LEAST_SHARE * picks[0].score, picks))
        picked = [pick.index for pick in worth]
        return [self._suggestion(pick, picked, picked[:place]) for place, pick in enumerate(worth)]

    def _suggestion(self, pick: Pick, picked: Sequence[int], earlier: Sequence[int]) -> Suggestion:
        """Make the suggestion that an artist reads of a pick; its reason is added to what was told.

        Args:
            pick: the frame.
            picked: indices of all picks.
            earlier: those before this one.
        """
        numbers, before = self.shot.plate.frames, [*self.keyed, *earlier]
        if not before:
            return Suggestion(numbers[pick.index], pick.score, None, first_key_reason(pick.score))
        closest = _closest(self.views, before, pick.index)
        if not self.strategy.judges:
            return Suggestion(numbers[pick.index], pick.score, numbers[closest], self._what_is_special(pick.index, closest, earlier))
        why = reason(pick.index, self.masks.keys(), before, self.judgement.doubts, self._names(), numbers, picked, self.told)
        self.told.append(why)
        return Suggestion(
            numbers[pick.index],
            pick.score,
            numbers[closest],
            why.sentence,
            why.object,
            tuple(dict.fromkeys(name for name, _, _ in why.besides if name != why.object)),
            numbers[why.first],
            numbers[why.last],
            why.wrong,
        )

    def _what_is_special(self, index: int, closest: int, picked: Sequence[int]) -> str:
        """Say for a strategy that does not judge what is special about a frame, beside the nearest frame that is keyed or picked before it.

        Where several objects are looked at, it is their union, and the sentence says so.
        """
        near, beside = self.shot.plate.frames[closest], ", suggested before it" if closest in picked else ""
        if not self.strategy.sees:
            return f"{self.strategy.reason}; closest is {near}{beside}"
        names = self._names() if self.request.mattes is not None else []
        whom = "all objects: " if len(names) > 1 else f"{names[0]}: " if names else ""
        mattes = "their mattes together are" if len(names) > 1 else "the matte is"
        now, then = self.masks.pixels(index), self.masks.pixels(closest)
        if now and then and now < then / 2:
            sign = f"{whom}{mattes} {_times(then / now)} smaller than on"
        elif now and then and now > then * 2:
            sign = f"{whom}{mattes} {_times(now / then)} larger than on"
        else:
            whom = whom if self.request.alpha > 0 else ""  # else the whole picture is compared
            sign = f"{whom}it looks least like any keyed {'or suggested ' if picked else ''}frame; closest is"
        return f"{sign} {near}{beside}"


def _opened(request: SuggestRequest, strategy: Strategy) -> Shot:
    """Open the shot; while nothing is keyed the plate alone, for a strategy that can choose the first key.

    What is said of objects needs annotations that have them.
    """
    first_key = strategy.judges and all(said is None for said in (request.mattes, request.object, request.absent, request.approved))
    if request.roto is None and request.masks is None and not strategy.judges:
        raise RequestError(
            f"Method {request.method} goes on from keyed frames. Give their roto or masks, or let coverage name the first one."
        )
    if request.roto is not None or request.masks is not None or not first_key:
        try:
            return open_shot(request)
        except NothingKeyed:
            if not first_key:
                raise
    return Shot(Plate.open(request.plate, request.colorspace, request.view), NothingAnnotated())


def _object(name: str | None, objects: Sequence[str]) -> int | None:
    return None if name is None else position(name, objects)


def _mattes(pattern: str, shot: Shot, listener: Listener) -> MatteSequence:
    """Open the mattes, check that they are of this shot, and warn when they are few."""
    mattes = read_mattes(pattern)
    mattes.require_layers(layer_names(shot.annotations.objects))
    mattes, strange = mattes.of_format(shot.plate.canvas.display)
    if strange:
        listener.warning(strange)
    frames = shot.plate.frames
    here = len(set(frames).intersection(mattes.frames))
    if not here:
        raise RequestError(
            f"No frame of the plate has a matte in {pattern}: it holds {counted(mattes.frames)}. Name the mattes of this shot."
        )
    if here < FEW_MATTES * len(frames):
        listener.warning(f"Only {here} of {len(frames)} frames have a matte in {pattern}; the others are judged by the plate alone.")
    return mattes


def _frames(request: SuggestRequest, shot: Shot, listener: Listener, stack: ExitStack, known: Mapping[str, str] | None) -> ShotFrames:
    device = choose_device(request.device)
    keep_freed_memory()
    limit_memory(device, request.gpu_memory)
    model = resolve(request.model)
    precision = choose_precision(request.precision, request.device)
    network = backend_of(load_network(model.path, device), precision)
    encoding = Encoding(verify(model), request.size, "area", shot.plate.encoding, shot.plate.canvas.key, precision, exact=False)
    store = features_folder(cache_root(request.cache)) if request.use_cache else None
    return stack.enter_context(
        ShotFrames(PlateContent(shot.plate, encoding, known), network, device, store, listener.warning, searching=False)
    )


def _unseen(index: int) -> View:
    raise AssertionError("a strategy that compares no views asked for one")


def _looks(frames: ShotFrames, indices: Sequence[int], kept: Looks | None, listener: Listener) -> dict[int, torch.Tensor]:
    """Look at frames once, roughly; at those that an earlier suggestion has seen, not even once: 110 kB a frame are held."""
    seen: dict[int, torch.Tensor] = {}
    if kept is not None:
        for index in indices:
            if listener.cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            found = kept.get(frames.content.digest(index))
            if found is not None:
                seen[index] = found
    new = [index for index in indices if index not in seen]
    if new:
        listener.message(f"Looking at {plural(len(new), 'frame')}")
    frames.expect(new)
    for index in new:
        if listener.cancelled():
            raise Cancelled("Cancelled. Nothing was changed.")
        found = look(frames.frame(index).features.key).cpu().half()
        seen[index] = found.float() if kept is None else kept.put(frames.content.digest(index), found)
    if kept is not None:
        kept.save()
    return seen


def _closest(views: ShotViews | None, before: Sequence[int], index: int) -> int:
    """Find the frame that explains a pick best; the nearest in time for a strategy without views."""
    if views is None:
        return min(before, key=lambda other: (abs(other - index), other))
    return min(before, key=lambda other: views.apart(other, index))


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def _message(
    suggestions: Sequence[Suggestion], request: SuggestRequest, left_out: Sequence[int], expected: float | None, elsewhere: Sequence[str]
) -> str:
    """Write the sentences above the suggestions.

    Args:
        suggestions: the most useful first.
        request: that was made.
        left_out: frames whose masks are too small to be suggested.
        expected: J of the frames without a key; None where no mattes were judged.
        elsewhere: what looks wrong though no suggestion is for it.
    """
    others = "all others"
    if left_out:
        few = f"their mattes have under {request.min_pixels} pixels: {counted(left_out)}"
        others = f"all others but {len(left_out)} that were left out ({few})"
    wrong = f"No suggested frame puts right what looks wrong: {listed(elsewhere, WRONG_SHOWN)}." if elsewhere else ""
    if not suggestions:
        if wrong:
            return wrong
        return f"Nothing is worth keying: the keyed frames explain {others}."
    best = suggestions[0]
    if expected is not None:
        quality = f"The mattes are expected to reach J {expected:.2f}, give or take {GIVE_OR_TAKE}."
        if not any(pick.wrong for pick in suggestions):
            return f"{wrong or 'Nothing looks wrong.'} {quality} One more key would help most on frame {best.frame}: {best.reason}."
        return f"Key frame {best.frame} next: {best.reason}. {quality}"
    if best.nearest_keyframe is None:
        return f"Key frame {best.frame} first: {best.reason}."
    if len(suggestions) < request.count:
        some = "1 frame is" if len(suggestions) == 1 else f"{len(suggestions)} frames are"
        return f"{some} worth keying; the keyed frames explain {others}."
    return f"Key frame {best.frame} next: {best.reason}."
