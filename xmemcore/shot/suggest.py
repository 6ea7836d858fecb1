"""Choose the frames of a shot to key next, and say why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from xmemcore.engine.coverage import compared, glimpse
from xmemcore.engine.selection import STRATEGIES, Situation, Strategy
from xmemcore.engine.suggestion import Pick, View, dissimilarity, view
from xmemcore.network.backend import backend_of
from xmemcore.network.catalogue import resolve, verify
from xmemcore.network.checkpoint import load_network
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.frames import counted
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.places import cache_root
from xmemcore.protocol.requests import SuggestRequest
from xmemcore.protocol.results import Suggestion, SuggestResult
from xmemcore.shot.annotations.annotations import Annotations, NothingAnnotated
from xmemcore.shot.device import choose_device, choose_precision, limit_memory
from xmemcore.shot.doubt import LOST, SIGHT_NUMBERS, Doubt, Sight, doubts, expected_j, sight
from xmemcore.shot.inputs import Shot, open_shot, wanted_indices
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.mattes import MatteSequence, read_mattes
from xmemcore.shot.plate.frame_source import Encoding, PlateContent, ShotFrames
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.reasons import first_key_reason, mended, reason
from xmemcore.shot.store.cache import digest, features_folder, node_folder
from xmemcore.shot.store.looks import Looks
from xmemcore.shot.store.state import NodeManifest

LEAST_SHARE = 1e-3
"""Frames scoring below this share of the first pick's score are not suggested."""

FEW_MATTES = 0.5
"""Share of the plate's frames below which the artist is told that there are few mattes."""


def suggest(request: SuggestRequest, listener: Listener | None = None) -> SuggestResult:
    """Name the next frames worth keying; none when the keyframes explain every frame.

    Without a roto and without masks, the best first frame is named.

    Raises:
        RequestError, MachineError, Cancelled.
    """
    began = time.monotonic()
    listener = listener or Silence()
    request.require_possible_here()
    strategy = STRATEGIES[request.method]
    shot = _opened(request, strategy)
    for warning in (*shot.plate.warnings, *shot.annotations.warnings):
        listener.warning(warning)
    obj = _object(request.object, shot.annotations.objects)
    mattes = _mattes(request.mattes, shot, listener) if request.mattes is not None else None
    keyed = [index for frame, index in shot.indices.items() if obj is None or obj in shot.annotations.known(frame)]
    wanted = set(wanted_indices(shot.plate, request.frames)[0])
    node = cache_root(request.cache), request.node_id or shot.default_node_id()
    sights = Looks(*node, "sights") if request.use_cache and strategy.judges else None
    masks = _Masks(mattes, shot, obj, shot.plate.canvas.working_size(request.size), sights)
    judged = _judged(masks, listener) if strategy.judges and mattes is not None else []
    eligible = [index in wanted and _may_be_keyed(masks, index, strategy, request.min_pixels) for index in range(len(shot.plate.frames))]
    seen = _looked(request, strategy, masks, keyed, eligible, node, listener) if strategy.sees else _Seen()
    if sights is not None:
        sights.save()
    situation = Situation(
        tuple(keyed),
        eligible,
        seen.views.__getitem__,
        request.seed,
        listener.progress,
        listener.cancelled,
        glimpse=seen.glimpses.__getitem__,
        errors=_errors(judged) or None,
        mends=lambda index: mended(index, judged),
    )
    picks = list(strategy.picks(situation, request.count))
    suggestions, before = [], list(keyed)
    for pick in picks:
        if pick.score < LEAST_SHARE * picks[0].score:
            break
        suggestions.append(_suggestion(strategy, pick, before, len(keyed), seen.views, masks, judged))
        before.append(pick.index)
    small = [index for index, may in enumerate(eligible) if not may and index in wanted and index not in keyed and not masks.hidden(index)]
    lost = _lost(judged) if strategy.judges else masks.lost()
    numbers, by_frame = shot.plate.frames, _expected(judged)
    left = [j for index, j in enumerate(by_frame) if index not in keyed]
    expected = round(float(np.mean(left)), 3) if left else None
    return SuggestResult(
        suggestions=tuple(suggestions),
        object=request.object,
        scores=dict(zip(numbers, picks[0].scores.tolist() if picks else [0.0] * len(numbers))),
        message=_message(suggestions, request, [numbers[index] for index in small], expected),
        lost_frames=tuple(numbers[index] for index in lost),
        encoded_frames=seen.encoded_frames,
        seconds=round(time.monotonic() - began, 3),
        expected_j=expected,
        expected={numbers[index]: round(j, 3) for index, j in enumerate(by_frame)},
    )


@dataclass(frozen=True)
class _Seen:
    """What a strategy has seen of the frames."""

    views: list[View] = field(default_factory=list)
    glimpses: dict[int, torch.Tensor] = field(default_factory=dict)
    encoded_frames: int = 0


def _may_be_keyed(masks: _Masks, index: int, strategy: Strategy, min_pixels: int) -> bool:
    """Say whether a frame is worth a suggestion: something can be keyed on it, and where nothing is judged its mask is large enough."""
    if masks.objects and masks.hidden(index):
        return False
    return strategy.judges or _large_enough(masks.pixels(index), min_pixels)


def _looked(
    request: SuggestRequest,
    strategy: Strategy,
    masks: _Masks,
    keyed: Sequence[int],
    eligible: Sequence[bool],
    node: tuple[Path, str],
    listener: Listener,
) -> _Seen:
    """Look at the frames as the strategy does: by glimpses where it judges, else by views."""
    with ExitStack() as stack:
        known = NodeManifest.load(node_folder(*node)) if request.use_cache else None
        frames = _frames(request, masks.shot, listener, stack, None if known is None else known.plate_files)
        if not strategy.judges:
            views = _views(frames, masks, request.alpha if request.mattes is not None else 0.0, listener)
            return _Seen(views=views, encoded_frames=frames.encoded_frames)
        may = [index for index, allowed in enumerate(eligible) if allowed and index not in keyed]
        looks = Looks(*node, "glimpses") if request.use_cache else None
        glimpses = _glimpses(frames, compared(len(eligible), keyed, may), looks, listener)
        return _Seen(glimpses=glimpses, encoded_frames=frames.encoded_frames)


def _opened(request: SuggestRequest, strategy: Strategy) -> Shot:
    """Open the shot; without annotations the plate alone, for a strategy that can choose the first key."""
    if request.roto is None and request.masks is None and strategy.judges:
        return Shot(Plate.open(request.plate, request.colorspace, request.view), NothingAnnotated())
    return open_shot(request)


def _suggestion(
    strategy: Strategy,
    pick: Pick,
    before: Sequence[int],
    keyed: int,
    views: Sequence[View],
    masks: _Masks,
    judged: Sequence[Sequence[Doubt]],
) -> Suggestion:
    """Make the suggestion that an artist reads of a pick."""
    numbers = masks.shot.plate.frames
    if not before:
        return Suggestion(numbers[pick.index], pick.score, None, first_key_reason(pick.score))
    closest = _closest(views, before, pick.index)
    if not strategy.judges:
        sentence = _reason(strategy, masks, pick.index, closest, before[keyed:], numbers)
        return Suggestion(numbers[pick.index], pick.score, numbers[closest], sentence)
    names = [masks.shot.annotations.objects[obj] for obj in masks.objects]
    why = reason(pick.index, closest, before, judged, names, numbers, before[keyed:])
    return Suggestion(
        numbers[pick.index], pick.score, numbers[closest], why.sentence, why.object, numbers[why.first], numbers[why.last], why.wrong
    )


class _Masks:
    """The union of the objects, or one object, at every frame where it is known or propagated; at working size."""

    def __init__(
        self, mattes: MatteSequence | None, shot: Shot, obj: int | None, size: tuple[int, int], looks: Looks | None = None
    ) -> None:
        self._looks = looks
        self.shot = shot
        self.obj = obj
        self._size = size
        self._propagated = mattes
        self._layers = layer_names(shot.annotations.objects)
        self._layer = None if obj is None else self._layers[obj]
        self._areas: dict[int, int | None] = {}

    @property
    def objects(self) -> list[int]:
        """The objects that count."""
        return list(range(len(self.shot.annotations.objects))) if self.obj is None else [self.obj]

    def sights(self, index: int) -> list[Sight | None]:
        """Reduce each object's matte at a frame; None where it is unknown."""
        frame = self.shot.plate.frames[index]
        annotations: Annotations = self.shot.annotations
        known = annotations.known(frame)
        names = self._kept_names(frame)
        kept = [None if self._looks is None or obj not in names else self._looks.get(names[obj]) for obj in self.objects]
        layers: dict[str, np.ndarray] = {}
        if self._propagated is not None and frame in self._propagated.frames and not known.issuperset(self.objects):
            if any(look is None for look, obj in zip(kept, self.objects) if obj not in known):
                layers = self._propagated.read(frame, self.shot.plate.canvas).layers
        seen: list[Sight | None] = []
        for obj, look in zip(self.objects, kept):
            if obj in known:
                mask = annotations.network_mask(frame, obj, self._size)
                seen.append(sight(np.zeros(self._size, np.float32) if mask is None else mask.unpacked()))
            elif look is not None and len(look) == SIGHT_NUMBERS:
                seen.append(Sight.of_numbers(look.tolist()))
            elif self._layers[obj] in layers:
                found = sight(cv2.resize(layers[self._layers[obj]], self._size[::-1], interpolation=cv2.INTER_AREA))
                if self._looks is not None and obj in names:
                    found = Sight.of_numbers(self._looks.put(names[obj], torch.tensor(found.numbers())).tolist())
                seen.append(found)
            else:
                seen.append(None)
        return seen

    def _kept_names(self, frame: int) -> dict[int, str]:
        """Name what is seen of each object's matte at a frame, by what the matte says that it was made from; {} where it proves nothing."""
        if self._looks is None or self._propagated is None or frame not in self._propagated.frames:
            return {}
        matte = matte_proof.read(self._propagated.path(frame))
        if matte is None or matte.record is None:
            return {}
        made_of = matte.record.signature, self.shot.plate.canvas.key, self._size
        return {obj: digest(*made_of, self._layers[obj]) for obj in self.objects}

    def mask(self, index: int) -> np.ndarray | None:
        """Give (h, w) in [0, 1]; None where it is unknown."""
        frame = self.shot.plate.frames[index]
        annotations = self.shot.annotations
        matte = None
        absent = annotations.absent(frame)
        there = [obj for obj in self.objects if obj not in absent]
        if not there:
            return np.zeros(self._size, np.float32)
        if all(obj in annotations.known(frame) for obj in there):
            matte = np.maximum.reduce([annotations.matte(frame, obj) for obj in there])
        elif self._propagated is not None and frame in self._propagated.frames:
            found = self._propagated.read(frame, self.shot.plate.canvas)
            matte = found.union if self._layer is None else found.layers.get(self._layer)
        if matte is None:
            return None
        return cv2.resize(matte, self._size[::-1], interpolation=cv2.INTER_AREA)

    def pixels(self, index: int) -> int | None:
        """Count mask pixels at working size; None where it is unknown."""
        if index not in self._areas:
            mask = self.mask(index)
            self._areas[index] = None if mask is None else int((mask > 0.5).sum())
        return self._areas[index]

    def lost(self) -> list[int]:
        """Find frames where the object is missing between frames that show it, and is not declared absent."""
        keyed = self.shot.indices.values()
        there = [index for index in range(len(self.shot.plate.frames)) if (self.pixels(index) or 0) > 0]
        if not there:
            return []
        return [index for index in range(there[0], there[-1]) if self.pixels(index) == 0 and index not in keyed and not self.hidden(index)]

    def hidden(self, index: int) -> bool:
        """Say whether the artist's word makes every object that is looked at absent: there is nothing to key."""
        return self.shot.annotations.absent(self.shot.plate.frames[index]).issuperset(self.objects)


def _judged(masks: _Masks, listener: Listener) -> list[list[Doubt]]:
    """Say for each object, frame by frame, what its mattes are expected to be wrong by."""
    shot = masks.shot
    listener.message("Looking at the mattes")
    seen = []
    for index in range(len(shot.plate.frames)):
        if listener.cancelled():
            raise Cancelled("Cancelled. Nothing was changed.")
        seen.append(masks.sights(index))
    found = []
    for place, obj in enumerate(masks.objects):
        keyed: dict[int, bool] = {}
        for index, frame in enumerate(shot.plate.frames):
            if obj in shot.annotations.absent(frame):
                keyed[index] = False
            elif obj in shot.annotations.known(frame):
                now = seen[index][place]
                keyed[index] = now is not None and now.seen
        found.append(doubts([sights[place] for sights in seen], keyed))
    return found


def _errors(judged: Sequence[Sequence[Doubt]]) -> list[float]:
    """Give the expected error of each frame, the mean over the objects; [] where nobody judged."""
    return np.mean([[doubt.error for doubt in doubts] for doubts in judged], axis=0).tolist() if judged else []


def _lost(judged: Sequence[Sequence[Doubt]]) -> list[int]:
    """List the frames on which some object is lost."""
    return sorted({index for doubts in judged for index, doubt in enumerate(doubts) if doubt.reason == LOST})


def _expected(judged: Sequence[Sequence[Doubt]]) -> list[float]:
    """Give the expected J of each frame, the mean over the objects; [] where nobody judged."""
    return np.mean([[expected_j(doubt.error) for doubt in doubts] for doubts in judged], axis=0).tolist() if judged else []


def _object(name: str | None, objects: Sequence[str]) -> int | None:
    if name is None:
        return None
    if name not in objects:
        raise RequestError(f"No object is called {name!r}. The annotations have: {', '.join(map(repr, objects))}.")
    return list(objects).index(name)


def _mattes(pattern: str, shot: Shot, listener: Listener) -> MatteSequence:
    """Open the mattes, check that they are of this shot, and warn when they are few."""
    mattes = read_mattes(pattern)
    mattes.require_layers(layer_names(shot.annotations.objects))
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
    limit_memory(device, request.gpu_memory)
    model = resolve(request.model)
    precision = choose_precision(request.precision, request.device)
    network = backend_of(load_network(model.path, device), precision)
    encoding = Encoding(verify(model), request.size, "area", shot.plate.encoding, shot.plate.canvas.key, precision, exact=False)
    store = features_folder(cache_root(request.cache)) if request.use_cache else None
    return stack.enter_context(ShotFrames(PlateContent(shot.plate, encoding, known), network, device, store, listener.warning))


def _views(frames: ShotFrames, masks: _Masks, alpha: float, listener: Listener) -> list[View]:
    """Look at every frame once. Keys alone are held: 0.8 MB a frame at 480 lines."""
    listener.message(f"Looking at {len(frames)} frames")
    frames.expect(range(len(frames)))
    views = []
    for index in range(len(frames)):
        if listener.cancelled():
            raise Cancelled("Cancelled. Nothing was changed.")
        mask = masks.mask(index) if alpha > 0 else None
        features = frames.frame(index).features
        padded = None if mask is None else frames.padding.pad(torch.from_numpy(mask).to(features.key.device))
        views.append(view(features, padded, alpha if mask is not None else 0.0))
    return views


def _glimpses(frames: ShotFrames, indices: Sequence[int], looks: Looks | None, listener: Listener) -> dict[int, torch.Tensor]:
    """Look at frames once, roughly; at those that an earlier suggestion has seen, not even once: 30 kB a frame are held."""
    seen: dict[int, torch.Tensor] = {}
    if looks is not None:
        for index in indices:
            if listener.cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            found = looks.get(frames.content.digest(index))
            if found is not None:
                seen[index] = found
    new = [index for index in indices if index not in seen]
    listener.message(f"Looking at {len(new)} frames")
    frames.expect(new)
    for index in new:
        if listener.cancelled():
            raise Cancelled("Cancelled. Nothing was changed.")
        found = glimpse(frames.frame(index).features.key).cpu().half()
        seen[index] = found.float() if looks is None else looks.put(frames.content.digest(index), found)
    if looks is not None:
        looks.save()
    return seen


def _large_enough(pixels: int | None, least: int) -> bool:
    return pixels is None or pixels >= least


def _closest(views: Sequence[View], before: Sequence[int], index: int) -> int:
    """Find the frame that explains a pick best; the nearest in time for a strategy without views."""
    if not views:
        return min(before, key=lambda other: (abs(other - index), other))
    return min(before, key=lambda other: dissimilarity(views[other], views[index]))


def _reason(strategy: Strategy, masks: _Masks, index: int, closest: int, picked: Sequence[int], numbers: Sequence[int]) -> str:
    """Say what is special about a frame, from its mask and the nearest frame that is keyed or picked before it."""
    if not strategy.sees:
        return f"{strategy.reason}; closest is {numbers[closest]}"
    now, then = masks.pixels(index), masks.pixels(closest)
    if now and then and now < then / 2:
        sign = f"the matte is {_times(then / now)} smaller than on"
    elif now and then and now > then * 2:
        sign = f"the matte is {_times(now / then)} larger than on"
    else:
        sign = f"it looks least like any keyed {'or suggested ' if picked else ''}frame; closest is"
    return f"{sign} {numbers[closest]}{', suggested before it' if closest in picked else ''}"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def _message(suggestions: Sequence[Suggestion], request: SuggestRequest, left_out: Sequence[int], expected: float | None) -> str:
    others = "all others"
    if left_out:
        few = f"their mattes have under {request.min_pixels} pixels: {counted(left_out)}"
        others = f"all others but {len(left_out)} that were left out ({few})"
    if not suggestions:
        return f"Nothing is worth keying: the keyed frames explain {others}."
    best = suggestions[0]
    if expected is not None:
        quality = f"The mattes are expected to reach J {expected:.2f}."
        if not any(pick.wrong for pick in suggestions):
            return f"Nothing looks wrong. {quality} One more key would help most on frame {best.frame}: {best.reason}."
        return f"Key frame {best.frame} next: {best.reason}. {quality}"
    if len(suggestions) < request.count:
        some = "1 frame is" if len(suggestions) == 1 else f"{len(suggestions)} frames are"
        return f"{some} worth keying; the keyed frames explain {others}."
    if best.nearest_keyframe is None:
        return f"Key frame {best.frame} first: {best.reason}."
    return f"Key frame {best.frame} next: {best.reason}."
