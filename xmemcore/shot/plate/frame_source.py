"""Give the engine plate frames: read ahead, encoded once, and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from threading import Lock
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from xmemcore.engine import second_look
from xmemcore.engine.frames import Frame, Padding, at_hand, normalise
from xmemcore.engine.second_look import halved, halved_image
from xmemcore.memory.searches import Searches
from xmemcore.network.backend import Backend
from xmemcore.network.features import Features, finer
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.flow import grey_of
from xmemcore.shot.plate.known_files import KnownFiles, SeenFile
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.plate.resampling import resampled
from xmemcore.shot.store.cache import FORMAT, CacheDamaged, FeatureFolder, digest, require_tensor
from xmemcore.shot.store.searches import load_searches, save_searches

READ_AHEAD_FRAMES = 2
KEPT_GREYS = 128
"""Small grey pictures that stay in memory, 0.2 MB each."""
KEPT_IMAGES = 8
"""Working images that stay in memory where only their hash was asked for, 5 MB each: most of them are asked for next."""
_EXACT = ("key", "shrinkage", "selection")
"""Features that are kept in float32: they are small, and a match is a difference of large numbers. Others are kept in half precision."""
_KEPT = frozenset((*_EXACT, "f16", "f8", "f4"))
"""Features that are kept. The decoder's plate terms are computed from them."""


@dataclass(frozen=True)
class Encoding:
    """Everything that a frame's features depend on besides its pixels."""

    model_sha256: str
    size: int
    resampling: str
    colorspace: str
    canvas: str
    precision: str
    """Level of rounding, as `network.inference` names it."""
    exact: bool
    """Features stay as computed, in float32, and are not kept (plain mode)."""

    def key(self, image: np.ndarray) -> str:
        """Name the features of a working image (h, w, 3)."""
        return digest(FORMAT, vars(self), image.shape, np.ascontiguousarray(image).data.cast("B"))


class PlateContent:
    """What each plate frame shows the network, by index: its working image and that image's hash."""

    def __init__(self, plate: Plate, encoding: Encoding, known: Mapping[str, str] | None = None) -> None:
        """Take a plate.

        Args:
            plate: of the shot.
            encoding: everything that the hashes depend on besides pixels.
            known: `files.remembered()` of an earlier run, empty before the first; None: nothing is kept for a later one.
        """
        self.plate = plate
        self.encoding = encoding
        self.files = KnownFiles(plate.colorspace, FORMAT, vars(encoding), plate.view, known=known)
        self._digests: dict[int, str] = {}
        self._images: OrderedDict[int, np.ndarray] = OrderedDict()
        self._greys: OrderedDict[int, np.ndarray] = OrderedDict()

    @property
    def padding(self) -> Padding:
        """How working images are padded."""
        return Padding(*self.plate.canvas.working_size(self.encoding.size))

    def read(self, index: int) -> np.ndarray:
        """Read a working image (h, w, 3) in [0, 1], and remember its hash. Safe to call from several threads."""
        image = self._images.pop(index, None)
        return self._read(index, self.files.see(self.plate.sequence.path(self.plate.frames[index]))) if image is None else image

    def grey(self, index: int) -> np.ndarray:
        """Give the small grey picture (h, w) uint8 in which motion is searched; reads the frame when it was not read lately."""
        grey = self._greys.get(index)
        return grey_of(self.read(index)) if grey is None else grey

    def digest(self, index: int) -> str:
        """Name a frame's content; reads the frame when it was not read yet and its file is not known."""
        if index not in self._digests:
            self.plate.require_same(self.plate.frames[index])  # what is read later is to be what was hashed
            seen = self.files.see(self.plate.sequence.path(self.plate.frames[index]))
            known = self.files.content(seen)
            if known is None:
                self._images[index] = self._read(index, seen)
                if len(self._images) > KEPT_IMAGES:
                    self._images.popitem(last=False)
            else:
                self.files.remember(seen, known)
                self._digests[index] = known
        return self._digests[index]

    def _read(self, index: int, seen: SeenFile | None) -> np.ndarray:
        image = self.plate.working_image(self.plate.frames[index], self.encoding.size, self.encoding.resampling)
        # The bytes of the file were hashed, which costs a fraction of hashing the picture; the same bytes give the same picture.
        known = self.files.content(seen) if self.files.unchanged(seen) else None
        self._digests[index] = known or self.encoding.key(image)
        self.files.remember(seen, self._digests[index])
        self._greys[index] = grey_of(image)
        if len(self._greys) > KEPT_GREYS:
            self._greys.popitem(last=False)
        return image


class FrameContent(Protocol):
    """What the network is shown of each plate frame."""

    plate: Plate
    encoding: Encoding

    @property
    def padding(self) -> Padding:
        """How the pictures are padded; the same for all."""

    def read(self, index: int) -> np.ndarray:
        """Read a picture (h, w, 3) in [0, 1]. Called from several threads."""

    def digest(self, index: int) -> str:
        """Name what a picture's features depend on."""


class CoarseContent:
    """The whole of each plate frame at a smaller size, made of the working image; see FrameContent."""

    def __init__(self, content: PlateContent, size: int) -> None:
        """Take the frames at another short side."""
        self.plate, self.encoding = content.plate, content.encoding
        self.padding = Padding(*content.plate.canvas.working_size(size))
        self._content = content

    def read(self, index: int) -> np.ndarray:
        """Reduce a working image."""
        return resampled(self._content.read(index), (self.padding.height, self.padding.width))

    def digest(self, index: int) -> str:
        """Name a frame's features."""
        return digest("coarse", self.padding.height, self.padding.width, self._content.digest(index))


class PartContent:
    """A part of each plate frame; see FrameContent."""

    def __init__(self, content: PlateContent, parts: Mapping[int, Box], size: tuple[int, int]) -> None:
        """Choose the parts.

        Args:
            content: of the shot.
            parts: the part of each frame by index, in pixels counted from the canvas's corner.
            size: height and width of every picture.
        """
        self.plate, self.encoding = content.plate, content.encoding
        self.padding = Padding(*size)
        self._parts = parts
        self._digests: dict[int, str] = {}

    def read(self, index: int) -> np.ndarray:
        """Read a part."""
        image = self.plate.part_image(self.plate.frames[index], self._parts[index], (self.padding.height, self.padding.width))
        self._digests[index] = self.encoding.key(image)
        return image

    def digest(self, index: int) -> str:
        """Name a part's features."""
        if index not in self._digests:
            self.read(index)
        return self._digests[index]


@dataclass(frozen=True)
class _Picture:
    """A frame that was read ahead."""

    make: Callable[[], Tensor]
    """Makes `image`."""
    digest: str
    features: Features | None
    searches: Searches | None
    warning: str | None

    @cached_property
    def image(self) -> Tensor:
        """(1, 3, h, w), normalised, unpadded. It is made when it is asked for, since a frame whose features are kept may do without."""
        return self.make()


@dataclass(frozen=True)
class _Arriving:
    """A frame that is on its way."""

    picture: Future[_Picture]
    features: Future[Features] | None
    """Its features, encoded when they are not kept; None: it is encoded when it is asked for."""


class ShotFrames:
    """Give the engine a plate's existing frames by index.

    For one thread only. A reader thread fetches the expected frames, and where cores compute, another one encodes them meanwhile.
    """

    def __init__(
        self,
        content: FrameContent,
        network: Backend,
        device: torch.device,
        store: FeatureFolder | None,
        warn: Callable[[str], None] = lambda text: None,
        searching: bool = True,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            content: what each frame shows.
            network: encodes.
            device: on which it does.
            store: keeps features, and what searches find; None: nothing is kept.
            warn: told what the artist should know.
            searching: whether memory is searched for the frames.
        """
        self.content = content
        self.network = network
        self.device = device
        self.store = store
        self.encoded_frames = 0
        """Key encodings computed so far; 0 when everything was kept from an earlier run."""
        self.warn = warn
        # A card searches faster than a disk is read; plain mode keeps nothing.
        self._searching = searching and device.type == "cpu" and not content.encoding.exact
        self._pinned: frozenset[int] = frozenset()
        self._kept: OrderedDict[int, tuple[_Picture, Features]] = OrderedDict()
        self._latest: tuple[int, Frame] | None = None
        self._picture: tuple[int, _Picture] | None = None
        self._half: HalfFrames | None = None
        self._expected: list[int] = []
        self._arriving: dict[int, _Arriving] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="plate-reader")
        # What memory and decoder do with a frame does not touch the next one's features. Plain mode does one thing after the other.
        ahead = device.type == "cpu" and network.is_small and not content.encoding.exact
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="frames-ahead") if ahead else None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="feature-writer")
        self._writing: Future[None] | None = None
        self._keeping = Lock()

    def __enter__(self) -> ShotFrames:
        return self

    def __exit__(self, *_: object) -> None:
        if self._half is not None:
            self._half.__exit__()
        self._reader.shutdown(cancel_futures=True)
        if self._lane is not None:
            self._lane.shutdown(cancel_futures=True)
        self._leave()
        self._writer.shutdown()

    def __len__(self) -> int:
        return len(self.content.plate.frames)

    @property
    def padding(self) -> Padding:
        """How working images are padded."""
        return self.content.padding

    @property
    def half(self) -> HalfFrames:
        """The same frames in half the size."""
        if self._half is None:
            self._half = HalfFrames(self)
        return self._half

    def picture(self, index: int) -> _Picture:
        """Give what is read of a frame; the latest frame, and one that is on its way, are not read again. From any thread."""
        latest, arriving = self._picture, self._arriving.get(index)
        if latest is not None and latest[0] == index:
            return latest[1]
        return self._read(index) if arriving is None else arriving.picture.result()

    def name(self, index: int) -> str | None:
        """Name a frame's features; None where no searches are kept."""
        return self.content.digest(index) if self._searching else None

    @property
    def lane(self) -> Executor | None:
        """A thread for what can be computed ahead; None where nothing is."""
        return self._lane

    def expect(self, indices: Iterable[int], twice: Collection[int] = ()) -> None:
        """Say which frames will be asked for, in order, and which of them a second time, so that they are held."""
        self.settle()  # the next frame may be the one just encoded
        self._expected = list(indices)
        self.hold(twice)
        self._fetch_ahead()

    def settle(self) -> None:
        """Wait until what was encoded and searched is kept."""
        self._leave()
        if self._writing is not None:
            self._writing.result()
        if self._half is not None:
            self._half.settle()

    def hold(self, twice: Collection[int]) -> None:
        """Hold these frames when they come, and no others."""
        self._pinned = frozenset(twice)
        self._kept = OrderedDict((index, features) for index, features in self._kept.items() if index in self._pinned)
        if self._half is not None:
            self._half.hold(twice)

    def frame(self, index: int) -> Frame:
        """Give one frame, encoded."""
        if self._latest is not None and self._latest[0] == index:
            return self._latest[1]  # the next group's turn at the same frame
        self._leave()
        picture, features = self._kept[index] if index in self._kept else self._fetched(index)
        if index in self._pinned:
            self._kept[index] = picture, features
        if not self.content.encoding.exact:
            features = Features(**{name: self._widened(name, tensor) for name, tensor in features.tensors().items()})
        frame = Frame(partial(self._padded, picture), features, picture.searches)
        self._latest, self._picture = (index, frame), (index, picture)
        return frame

    def _padded(self, picture: _Picture) -> Tensor:
        return self.padding.pad(picture.image.to(self.device, non_blocking=True))

    def _leave(self) -> None:
        """Keep what was searched for the latest frame; nothing more is until it comes again."""
        searches = self._latest[1].searches if self._latest is not None else None
        if self.store is not None and searches is not None and searches.changed:
            searches.changed = False
            self._write_behind(save_searches, searches.name, tuple(searches.lists))

    def _widened(self, name: str, tensor: Tensor) -> Tensor:
        """Bring a kept tensor to what the network computes in."""
        return tensor.to(self.device, torch.float32 if name in _EXACT else self.network.dtype)

    def _fetched(self, index: int) -> tuple[_Picture, Features]:
        if index in self._expected:
            self._expected = self._expected[self._expected.index(index) + 1 :]
        arriving = self._arriving.pop(index, None)
        picture = self._read(index) if arriving is None else arriving.picture.result()
        self._fetch_ahead()
        if picture.warning:
            self.warn(picture.warning)
        features = self._features(picture) if arriving is None or arriving.features is None else arriving.features.result()
        return replace(picture, features=None), features

    def _fetch_ahead(self) -> None:
        for index in self._expected[:READ_AHEAD_FRAMES]:
            if index not in self._arriving and index not in self._kept:
                picture = self._reader.submit(self._read, index)
                features = None if self._lane is None else self._lane.submit(lambda picture: self._features(picture.result()), picture)
                self._arriving[index] = _Arriving(picture, features)

    def _features(self, picture: _Picture) -> Features:
        """Give a picture's features, which are encoded when they are not kept."""
        return self._encode(self._padded(picture), picture.digest) if picture.features is None else picture.features

    def _read(self, index: int) -> _Picture:
        image = self.content.read(index)
        return self._found(index, lambda: normalise(image), self.content.digest(index))

    def _found(self, index: int, make: Callable[[], Tensor], key: str) -> _Picture:
        """Take what makes a picture (1, 3, h, w), with what is kept of the picture under its name."""
        features: Features | None = None
        warning: str | None = None
        if self.store is not None:
            try:
                tensors = self.store.load(key)
                features = None if tensors is None else _checked(tensors)
            except (CacheDamaged, ValueError):
                self.store.forget(key)
                warning = f"The cached features of frame {self.content.plate.frames[index]} were damaged; they are made again."
        searches = Searches(key, [] if self.store is None else load_searches(self.store, key)) if self._searching else None
        if features is None:
            # It is to be encoded, so it is made here, beside the network; from pinned memory a card fetches it while it computes.
            make = at_hand(make().pin_memory() if self.device.type == "cuda" else make())
        return _Picture(make, key, features, searches, warning)

    @torch.inference_mode()
    def _encode(self, image: Tensor, key: str) -> Features:
        """Encode, and round as features are kept, so that a later run computes with the same values."""
        features = self.network.encode_key(image)
        with self._keeping:
            self.encoded_frames += 1
        if self.content.encoding.exact:
            return features
        # In the memory layout of loaded features too: a convolution rounds differently in another layout.
        rounded = {name: _rounded(name, tensor).contiguous() for name, tensor in features.tensors().items()}
        if self.store is not None:
            self._write_behind(FeatureFolder.save, key, rounded)
        return Features(**rounded)

    def _write_behind(self, save: Callable[..., None], key: str, content: object) -> None:
        """Write a file of the cache in the background; one that cannot be written ends the cache for this run."""
        with self._keeping:
            if self._writing is not None:
                # At most one file waits to be written: a slow disk must not fill the memory.
                self._writing.result()
            self._writing = self._writer.submit(self._write, save, key, content)

    def _write(self, save: Callable[..., None], key: str, content: object) -> None:
        if self.store is None:
            return
        try:
            save(self.store, key, content)
        except OSError as error:
            self.store = None
            self.warn(f"The cache cannot be written ({error.strerror}); this run goes on without it.")


class HalfFrames(ShotFrames):
    """The frames of another source in half the size, made from the pictures that it has at hand."""

    def __init__(self, whole: ShotFrames) -> None:
        """Take the source, whose thread this is for too. No searches are kept: in half the size one costs a sixteenth."""
        super().__init__(whole.content, whole.network, whole.device, whole.store, whole.warn, searching=False)
        self._whole = whole

    @property
    def padding(self) -> Padding:
        """How the pictures are padded."""
        return halved(self._whole.padding)

    def _read(self, index: int) -> _Picture:
        picture = self._whole.picture(index)
        return self._found(index, lambda: halved_image(picture.image, self._whole.padding), of_second_look(picture.digest))


def of_second_look(name: str) -> str:
    """Name what the second look makes, by the name of what the first one makes of the same."""
    return digest("second look", second_look.VERSION, name)


def _rounded(name: str, tensor: Tensor) -> Tensor:
    """Round as features are kept; half precision stays as it is."""
    return tensor.half() if name not in _EXACT and tensor.dtype == torch.float32 else tensor


def _checked(tensors: dict[str, Tensor]) -> Features:
    """Give the features that kept tensors are, when they can be of one frame; raises ValueError."""
    if tensors.keys() != _KEPT:
        raise ValueError("other tensors than a frame has")
    height, width = require_tensor(tensors["key"], 1, None, None, None).shape[2:]
    for name, tensor in tensors.items():
        require_tensor(tensor, 1, None, finer(name) * height, finer(name) * width)
    return Features(**tensors)
