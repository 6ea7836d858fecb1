"""Approved mattes: mattes of a run that the artist has marked as right. They stay as they are in every later run, and count as annotations.

The mark is a copy in a folder of its own, beside the mattes, with the layers of the objects that were approved. A run replaces
mattes, never copies. Only taking the mark back deletes a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.frames import FrameRange, counted
from xmemcore.protocol.matte_header import APPROVED_FRAME as FRAME
from xmemcore.protocol.matte_header import LAYER
from xmemcore.protocol.names import ORIGINAL_NAME, layer_names
from xmemcore.protocol.places import approved_folder, exr_states
from xmemcore.protocol.requests import ApproveRequest
from xmemcore.protocol.results import ApproveResult
from xmemcore.protocol.whole_file import Together, together
from xmemcore.protocol.words import argument, listed
from xmemcore.shot.annotations.annotations import AddedAnnotations, Annotations, network_mask_from_matte
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.same_files import SameFiles
from xmemcore.shot.mattes.matte_proof import MADE_BY
from xmemcore.shot.mattes.mattes import UNION, artists_names, layers_of_objects, matte_pattern, read_mattes, same_format
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.store.cache import digest


def approve(request: ApproveRequest) -> ApproveResult:
    """Copy mattes to where no run replaces them, or delete such copies: those of all frames that are named, or of none.

    Raises:
        FrameRangeInvalid, RequestError, SequenceNotFound, MachineError: nothing was changed, unless the sentence says so.
    """
    request.require_possible_here()
    frames = FrameRange.parse(request.frames)
    if not request.approved:
        _require_no_copies(matte_pattern(request.mattes).expanduser().absolute().parent)
    if request.undo or request.rename is not None:
        # The mattes themselves may be gone.
        folder = Path(request.approved or approved_folder(str(matte_pattern(request.mattes)))).expanduser().absolute()
        if request.rename is None:
            return _take_back(folder, frames, request.objects)
        if request.undo or request.objects is None or len(request.objects) != 1:
            raise RequestError("Name the one object that is called otherwise now (--object), and do not take back at the same time.")
        return _rename(folder, frames, request.objects[0], request.rename)
    mattes = read_mattes(request.mattes)
    with_matte = [frame for frame in frames if frame in mattes.frames]
    if not with_matte:
        raise RequestError(f"There is no matte of {frames} in {request.mattes}. Propagate over these frames first.")
    strange = next((path for path in map(mattes.path, with_matte) if not _layers(path)), None)
    if strange is not None:
        raise RequestError(
            f"{strange.name} in {strange.parent} has no object's layer, such as sleeve{LAYER}: it is no matte. Give the mattes."
        )
    first = mattes.path(with_matte[0])
    folder = Path(request.approved).expanduser().absolute() if request.approved else approved_folder(str(first)).absolute()
    copies = _copies(folder)
    chosen, warnings = _chosen({frame: mattes.path(frame) for frame in with_matte}, request.objects)
    was_there = folder.is_dir()
    exr.make_folder(folder)
    try:
        with _changed_together("is approved") as files:
            for frame, layers in chosen.items():
                path = mattes.path(frame)
                # A copy stays under its name: mattes of another version may be called otherwise.
                copy = copies.get(frame, folder / path.name)
                if frame not in copies and copy.exists():
                    raise RequestError(f"{copy} is no approved matte of frame {frame}: it stays. Name another folder for them.")
                _copy(frame, path, copy, layers, files)
    except BaseException:
        if not was_there:
            _remove_if_empty(folder)  # an empty folder says that nothing is approved here
        raise
    missing = [frame for frame in frames if frame not in mattes.frames]
    if missing:
        warnings.append(f"There is no matte on {counted(missing)}: nothing is approved there.")
    return ApproveResult(str(folder), tuple(chosen), _listed(folder), tuple(warnings))


def _require_no_copies(folder: Path) -> None:
    """Raise RequestError for a folder of copies in the place of mattes: copies of copies would lie in it, and no run would find them."""
    first = next(iter(_exrs(folder)), None)
    if first is None:
        return
    with _of_a_copy():
        is_copy = FRAME in exr.read_header(first).metadata
    if is_copy:
        raise RequestError(
            f"{folder} holds approved mattes, and no mattes of a propagate. Name the folder of the mattes, which is usually "
            f"{folder.parent}; --approved says where else their copies are."
        )


def _take_back(folder: Path, frames: FrameRange, objects: Sequence[str] | None) -> ApproveResult:
    """Delete copies, or some objects' layers of them."""
    copies, changed = _copies(folder), []
    marked = _listed(folder)
    with _changed_together("is taken back") as files:
        for frame in frames:
            if frame in copies and _take_back_copy(copies[frame], objects, files):
                changed.append(frame)
    unknown = [name for name in objects or () if name not in marked]
    has = f"Approved are: {', '.join(marked)}."
    if not changed:
        if unknown and marked:
            raise RequestError(f"{unknown[0]} has no approved matte in {folder}. {has}")
        raise RequestError(f"Nothing is approved on {frames} in {folder}: there is no mark to take back.")
    _remove_if_empty(folder)
    warnings = tuple(f"{name} has no approved matte in {folder}. {has}" for name in unknown if not _is_layer(name, marked))
    return ApproveResult(str(folder), tuple(changed), _listed(folder), warnings)


def _rename(folder: Path, frames: FrameRange, former: str, name: str) -> ApproveResult:
    """Let an object's approved layers count for the object of another name. A copy that has both stays as it is."""
    copies, changed, both = _copies(folder), [], []
    layer = layer_names([name])[0]
    with _changed_together("is renamed") as files:
        for frame in frames:
            header = exr.read_header(copies[frame]) if frame in copies else None
            layers = [] if header is None else [channel for channel in header.parts[0].channels if channel.endswith(LAYER)]
            if header is None or not (of_former := _named(header, layers, former)[:1]):
                continue
            others = [other.removesuffix(LAYER) for other in layers if other not in of_former]
            if name in [artists_names(header)[other] for other in others]:
                both.append(frame)
                continue
            channel = f"{_free(layer, others)}{LAYER}"
            with _of_a_copy():
                image = exr.read_channels(header, header.parts[0], layers)
            planes = {channel if before == of_former[0] else before: plane for before, plane in image.channels.items()}
            kept = _kept(header)
            kept.pop(f"{ORIGINAL_NAME}{of_former[0].removesuffix(LAYER)}", None)
            kept[f"{ORIGINAL_NAME}{channel.removesuffix(LAYER)}"] = name
            _write(copies[frame], planes, image.data_window, header, kept, files)
            changed.append(frame)
    if not changed and not both:
        raise RequestError(
            f"Nothing is approved of '{former}' on {frames} in {folder}. Approved are: {', '.join(_listed(folder)) or 'none'}."
        )
    warnings = (f"{name} is approved itself on {counted(both)}, so what is approved of {former} stays there, and does not count.",)
    return ApproveResult(str(folder), tuple(changed), _listed(folder), warnings if both else ())


def _is_layer(name: str, marked: Iterable[str]) -> bool:
    """Say whether a name is that of the layer of one of the objects, which is what Nuke shows."""
    return name in layer_names(list(marked))


@contextmanager
def _changed_together(done: str) -> Iterator[Together]:
    """Change copies all at once, and say what came of it where that fails.

    Args:
        done: says in a sentence what would have happened to each of them.
    """
    files: Together | None = None
    try:
        with together() as files:
            yield files
    except OSError as error:
        path = Path(error.filename or ".")
        failure = not_written(path, error)
        left = sorted(path.name for path in files.unrestored) if files is not None else []
        rest = f"Only {listed(left)} {done}." if left else f"Nothing {done}."
        raise type(failure)(f"{failure} {rest}") from error


@contextmanager
def _of_a_copy() -> Iterator[None]:
    """Say of a copy that cannot be read what to do about it: nobody renders one."""
    try:
        yield
    except RequestError as error:
        text = str(error).replace("Render the frame again.", "Move it away, and approve the frame again.")
        raise RequestError(text) from error


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _chosen(paths: Mapping[int, Path], objects: Sequence[str] | None) -> tuple[dict[int, set[str]], list[str]]:
    """Find the channels of the chosen objects in each frame's matte, before any is copied.

    Returns:
        Channels by frame, without frames that have none, and a sentence for each object that some mattes lack.

    Raises:
        RequestError: no matte has an object.
    """
    chosen: dict[int, set[str]] = {}
    lacking: dict[str, list[int]] = {}
    for frame, path in paths.items():
        header = exr.read_header(path)
        of_objects = [name for name in header.parts[0].channels if name.endswith(LAYER)]
        named = of_objects if objects is None else []
        for name in objects or ():
            found = _named(header, of_objects, name)
            named = [*named, *found]
            if not found:
                lacking.setdefault(name, []).append(frame)
        if named:
            chosen[frame] = set(named)
    for name, without in lacking.items():
        if len(without) == len(paths):
            header = exr.read_header(paths[without[0]])
            has = ", ".join(_original(header, channel) for channel in header.parts[0].channels if channel.endswith(LAYER))
            where = f"{paths[without[0]].name} in {paths[without[0]].parent}"
            raise RequestError(f"{where} has no matte of '{name}'. It has: {has}. Nothing is approved.")
    warnings = [f"The mattes of {counted(without)} have no '{name}': nothing of it is approved there." for name, without in lacking.items()]
    return chosen, warnings


def _copy(frame: int, path: Path, to: Path, chosen: set[str], files: Together) -> None:
    """Copy the chosen channels of objects, value for value, beside those that the copy has already."""
    header = exr.read_header(path)
    image = exr.read_channels(header, header.parts[0], sorted(chosen))
    names = {layer: name for layer, name in artists_names(header).items() if f"{layer}{LAYER}" in chosen}
    planes, window, metadata = image.channels, image.data_window, _origin(header)
    if to.exists():
        # Layers that were approved before stay as they are.
        old = exr.read_header(to)
        before = artists_names(old)
        replaced = layers_of_objects(list(names), list(names.values()), before)
        stay = [layer for layer in before if layer not in replaced]
        if not same_format(old.display_window, header.display_window) and stay:
            theirs, ours = old.display_window, header.display_window
            raise RequestError(
                f"What is approved in {to} is {theirs.width}x{theirs.height}, and the matte is {ours.width}x{ours.height}. "
                f"Take it back on frame {frame} first, or approve all objects there. Nothing is approved."
            )
        with _of_a_copy():
            kept = exr.read_channels(old, old.parts[0], [f"{layer}{LAYER}" for layer in stay])
        window = image.data_window.union(kept.data_window) if stay else window
        planes = {name: _moved(plane, image.data_window, window) for name, plane in planes.items()}
        for layer in stay:
            # Another object may have its layer's name today.
            free = _free(layer, names)
            names[free] = before[layer]
            planes[f"{free}{LAYER}"] = _moved(kept.channels[f"{layer}{LAYER}"], kept.data_window, window)
        metadata = {**_origin(old), **metadata}
    said = {f"{ORIGINAL_NAME}{layer}": name for layer, name in names.items() if name != layer}
    _write(to, planes, window, header, {**metadata, **said, FRAME: frame}, files)


def _free(layer: str, taken: Iterable[str]) -> str:
    """Give a layer's name a number where it is taken."""
    numbered = (f"{layer}_{number}" for number in count(2))
    return layer if layer not in taken else next(name for name in numbered if name not in taken)


def _take_back_copy(path: Path, objects: Iterable[str] | None, files: Together) -> bool:
    """Delete a copy, or some objects' layers of it; say whether there was anything."""
    header = exr.read_header(path)
    layers = [name for name in header.parts[0].channels if name.endswith(LAYER)]
    gone = layers if objects is None else [name for obj in dict.fromkeys(objects) for name in _named(header, layers, obj)]
    if not gone:
        return False
    left = [name for name in layers if name not in gone]
    if not left:
        files.deleting(path)
        return True
    with _of_a_copy():
        image = exr.read_channels(header, header.parts[0], left)
    _write(path, image.channels, image.data_window, header, _kept(header), files)
    return True


def _write(
    path: Path,
    planes: Mapping[str, np.ndarray],
    window: Box,
    header: exr.ExrHeader,
    metadata: Mapping[str, str | int | float],
    files: Together,
) -> None:
    """Write a copy with the union of its layers, to be moved to its name with the others."""
    union = 1 - np.prod([1 - plane.astype(np.float32) for plane in planes.values()], axis=0)
    channels = {**planes, UNION: union}
    exr.write(path, channels, window, header.display_window, header.pixel_aspect, metadata, staged=files.replacing(path))


def _origin(header: exr.ExrHeader) -> dict[str, str | int | float]:
    """Give the metadata that say what made a matte."""
    return {name: value for name, value in header.metadata.items() if name in (MADE_BY, "xmem/model")}


def _kept(header: exr.ExrHeader) -> dict[str, str | int | float]:
    """Give the metadata that a copy has from its matte."""
    names = (MADE_BY, "xmem/model", FRAME)
    return {name: value for name, value in header.metadata.items() if name in names or name.startswith(ORIGINAL_NAME)}


def _moved(plane: np.ndarray, window: exr.Box, to: exr.Box) -> np.ndarray:
    """Put a plane of a data window into a larger one."""
    large = np.zeros((to.height, to.width), plane.dtype)
    top, left = window.y0 - to.y0, window.x0 - to.x0
    large[top : top + window.height, left : left + window.width] = plane
    return large


def _original(header: exr.ExrHeader, channel: str) -> str:
    """Give the artist's name of a layer's object."""
    return artists_names(header)[channel.removesuffix(LAYER)]


def _named(header: exr.ExrHeader, channels: Sequence[str], name: str) -> list[str]:
    """Find the channels of an object by the artist's name for it; where none has it, by the layer's, which is what Nuke shows."""
    return [channel for channel in channels if _original(header, channel) == name] or [c for c in channels if c == name + LAYER]


def _layers(path: Path) -> set[str]:
    return _layers_in(exr.read_header(path)) if path.exists() else set()


def _layers_in(header: exr.ExrHeader) -> set[str]:
    return {name for name in header.parts[0].channels if name.endswith(LAYER)}


def _exrs(folder: Path) -> list[Path]:
    """List the EXRs of a folder, `.EXR` too; none where there is no folder."""
    return [folder / name for name in sorted(exr_states(folder) or {})]


def _copies(folder: Path) -> dict[int, Path]:
    """Find the copies by the frame in their metadata; files that are no copies are left alone. None where there is no folder."""
    found: dict[int, Path] = {}
    for path in _exrs(folder):
        with _of_a_copy():
            frame = exr.read_header(path).metadata.get(FRAME)
        if not isinstance(frame, int):
            continue
        if frame in found:
            names = f"{found[frame].name} and {path.name}"
            raise RequestError(f"{names} in {folder} are both approved for frame {frame}. Give each sequence a folder of its own.")
        found[frame] = path
    return found


def _listed(folder: Path) -> dict[str, str]:
    found: dict[str, list[int]] = {}
    for frame, path in _copies(folder).items():
        header = exr.read_header(path)
        for channel in sorted(_layers(path)):
            found.setdefault(_original(header, channel), []).append(frame)
    return {name: str(FrameRange.of(sorted(frames))) for name, frames in sorted(found.items())}


class ApprovedAnnotations(AddedAnnotations):
    """Annotations with approved mattes. What the artist drew counts more: it is newer, or the same."""

    def __init__(self, annotations: Annotations, folder: str, plate: Plate) -> None:
        """Add the approved mattes of a folder.

        Args:
            annotations: what was drawn.
            folder: of the copies.
            plate: whose frames and canvas count.

        Raises:
            SequenceNotFound, RequestError.
        """
        self._canvas = plate.canvas
        self._paths = _copies_of(folder)
        self._of_frame: dict[int, dict[int, str]] = {}
        self._signatures: dict[tuple[int, int], str] = {}
        self._same = SameFiles()
        strangers: set[str] = set()
        on_plate = [frame for frame in self._paths if frame in plate.frames]
        others: dict[int, Box] = {}
        for frame in on_plate:
            header = exr.read_header(self._paths[frame])
            if not same_format(header.display_window, plate.canvas.display):
                others[frame] = header.display_window
                continue
            layers = layers_of_objects(layer_names(annotations.objects), annotations.originals, artists_names(header))
            named = {obj: f"{layer}{LAYER}" for obj, layer in enumerate(layers) if layer is not None}
            strangers |= {_original(header, name) for name in _layers_in(header).difference(named.values())}
            self._of_frame[frame] = {obj: name for obj, name in named.items() if obj not in annotations.known(frame)}
        warnings = []
        if not self._paths and _exrs(Path(folder).expanduser()):
            inner = approved_folder(str(Path(folder) / "matte.exr"))
            meant = f" Is {inner} meant?" if inner.expanduser().is_dir() else ""
            warnings.append(f"No EXR in {folder} is an approved matte, so nothing of it counts.{meant}")
        unmarked = [path.name for path in _unmarked(Path(folder).expanduser(), self._paths.values())]
        if unmarked:
            warnings.append(
                f"{listed(unmarked)} in {folder} is called like an approved matte, but nobody has approved it; it does not count. Put it "
                "among the mattes and approve it there."
            )
        if strangers:
            several = len(strangers) > 1
            said = (
                "are approved in {}, but are no objects of this shot; they do"
                if several
                else "is approved in {}, but is no object of this shot; it does"
            )
            called = "If one of them is" if several else "If it is"
            warnings.append(
                f"{listed(sorted(strangers))} {said.format(folder)} not count. {called} called otherwise now, "
                "`xmem-roto approve MATTES --frames RANGE --object OLD --rename NEW` lets it count again."
            )
        if others:
            theirs, ours = next(iter(others.values())), plate.canvas.display
            warnings.append(
                f"The approved mattes of {counted(list(others))} in {folder} are {theirs.width}x{theirs.height}, and the plate is "
                f"{ours.width}x{ours.height}: they do not count."
            )
        off = sorted(set(self._paths) - set(on_plate))
        if off:
            warnings.append(f"The approved mattes of {counted(off)} have no plate, and do not count.")
        super().__init__(annotations, [frame for frame, named in self._of_frame.items() if named], warnings)

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that are known at a frame: drawn, or approved."""
        return self._before.known(frame) | self.approved(frame)

    def approved(self, frame: int) -> frozenset[int]:
        """Name the objects whose matte was marked as right at a frame, and that nobody drew there."""
        return frozenset(self._of_frame.get(frame, ()))

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give a known object's matte."""
        name = self._of_frame.get(frame, {}).get(obj)
        if name is None:
            return self._before.matte(frame, obj)
        path = self._paths[frame]
        self._same.require(path, f"The approved matte {path.name} in {path.parent}")
        header = exr.read_header(path)
        with _of_a_copy():
            image = exr.read_channels(header, header.parts[0], [name])
        plane = np.nan_to_num(image.channels[name].astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
        return self._canvas.placed(np.clip(plane, 0, 1), image.data_window)

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Give the mask of a known object for the network."""
        if obj not in self.approved(frame):
            return self._before.network_mask(frame, obj, working_size, resampling, part)
        return network_mask_from_matte(self.matte(frame, obj), working_size, resampling, part)

    def signature(self, frame: int, obj: int) -> str:
        """Hash the annotation of a known object."""
        if obj not in self.approved(frame):
            return self._before.signature(frame, obj)
        if (frame, obj) not in self._signatures:
            content = self.matte(frame, obj)
            self._signatures[frame, obj] = digest("approved", content.shape, content.tobytes())
        return self._signatures[frame, obj]


def _copies_of(folder: str) -> dict[int, Path]:
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise RequestError(f"There is no folder {path} of approved mattes. Approve some first, or leave --approved out.")
    return _copies(path)


def _unmarked(folder: Path, copies: Iterable[Path]) -> list[Path]:
    """Find EXRs that are no copies, beside copies from which their names differ in the number alone: somebody rendered over one."""
    copies = set(copies)
    called = {re.sub("[0-9]+", "#", path.name) for path in copies}
    names = {path.name for path in copies}
    return [path for path in _exrs(folder) if path.name not in names and re.sub("[0-9]+", "#", path.name) in called]


def approved_paths(folder: str) -> list[Path]:
    """List the files of a folder of approved mattes."""
    return list(_copies_of(folder).values())


def forgotten(pattern: Path) -> str | None:
    """Warn a run without approved mattes that there are some beside its output; None where there are none."""
    folder = approved_folder(str(pattern))
    frames = sorted(_copies(folder))
    if not frames:
        return None
    option = f"--approved {argument(str(folder))}"
    return f"The mattes of {counted(frames)} are approved, but this run does not count them. Add {option} to keep them."
