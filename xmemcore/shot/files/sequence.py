"""Files numbered by frame: `shot.%04d.exr`, `shot.####.exr`, `shot.[1001-1100].exr`, or a folder that holds one sequence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import MAX_FRAMES, FrameRange

IMAGE_SUFFIXES = (".exr", ".dpx", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
DEFAULT_DIGITS = 4

_PLACEHOLDER = re.compile(r"%(?:0?(?P<width>[0-9]+))?d|(?P<hashes>#+)|\[(?P<range>-?[0-9]+--?[0-9]+(?:x[0-9]+)?(?:,[-0-9x,]+)?)\]")
_NUMBERED = re.compile(r"(.*?)(-?[0-9]+)", re.DOTALL)


class SequenceNotFound(RequestError):
    """There are no files where the pattern looks."""


class SequenceAmbiguous(RequestError):
    """A folder holds several sequences, or a frame has several files."""


@dataclass(frozen=True)
class Sequence:
    """The files of a sequence that exist."""

    pattern: str
    """With a printf placeholder, absolute."""
    paths: dict[int, Path]
    """By frame, ascending."""

    @cached_property
    def frames(self) -> tuple[int, ...]:
        """Frames that exist, ascending."""
        return tuple(self.paths)

    @cached_property
    def holes(self) -> tuple[int, ...]:
        """Frames between the first and the last that do not exist."""
        return tuple(frame for frame in range(self.frames[0], self.frames[-1] + 1) if frame not in self.paths)

    def path(self, frame: int) -> Path:
        """Give the file of a frame that exists."""
        return self.paths[frame]

    @classmethod
    def find(cls, pattern: str, what: str = "plate") -> Sequence:
        """Look for the files of a pattern.

        Args:
            pattern: see the module.
            what: what the sequence is, for the sentence when there is none.

        Raises:
            SequenceNotFound, SequenceAmbiguous, FrameRangeInvalid.
        """
        path = Path(pattern).expanduser().absolute()
        try:
            if path.is_dir():
                return _in_folder(path, what)
            placeholder = _placeholder(path.name)
            return _one_file(path, what) if placeholder is None else _by_pattern(path, placeholder, what)
        except OSError as error:
            raise SequenceNotFound(f"Cannot look into {path.parent} for the {what}: {error.strerror}. Ask for read access.") from error


def frame_path(pattern: str | Path, frame: int) -> Path:
    """Put a frame's number into a pattern; one without a placeholder gets `.%04d` before its suffix.

    A negative number is as wide as a positive one, its sign included (`-001`): so C's printf does, and so does Nuke.
    """
    path = Path(pattern)
    placeholder = _placeholder(path.name)
    if placeholder is None:
        return path.with_name(f"{path.stem}.{frame:0{DEFAULT_DIGITS}d}{path.suffix}")
    return path.with_name(path.name[: placeholder.start()] + f"{frame:0{_digits(placeholder)}d}" + path.name[placeholder.end() :])


def numbered(pattern: Path) -> Path:
    """Give a pattern a printf placeholder, in place of its own or before its suffix."""
    placeholder = _placeholder(pattern.name)
    if placeholder is None:
        return pattern.with_name(f"{pattern.stem}.%0{DEFAULT_DIGITS}d{pattern.suffix}")
    name = pattern.name
    return pattern.with_name(f"{name[: placeholder.start()]}%0{_digits(placeholder)}d{name[placeholder.end() :]}")


def has_frame_number(folder: str) -> bool:
    """Say whether a folder's name has a place for a frame number; a lone `#` or brackets may well belong to it."""
    return any(match["hashes"] is None or len(match["hashes"]) > 1 for match in _PLACEHOLDER.finditer(folder) if match["range"] is None)


def _placeholder(name: str) -> re.Match[str] | None:
    """Find where a file name has its frame number: the last such place, for a `#` or a `[1-2]` may belong to the name."""
    found = list(_PLACEHOLDER.finditer(name))
    return found[-1] if found else None


def _digits(placeholder: re.Match[str]) -> int:
    """Say how many digits a placeholder stands for at least."""
    if placeholder["hashes"]:
        return len(placeholder["hashes"])
    return int(placeholder["width"] or 1) if placeholder["range"] is None else DEFAULT_DIGITS


def _one_file(path: Path, what: str) -> Sequence:
    if not path.is_file():
        raise SequenceNotFound(
            f"Nothing is at {path}, where the {what} should be. Write a pattern such as shot.%04d.exr or shot.####.exr, or a folder."
        )
    numbered = _split(path.stem)
    return Sequence(str(path), {numbered[1] if numbered else 1: path})


def _by_pattern(path: Path, placeholder: re.Match[str], what: str) -> Sequence:
    allowed = FrameRange.parse(placeholder["range"]) if placeholder["range"] else None
    before, after = path.name[: placeholder.start()], path.name[placeholder.end() :]
    number = re.compile(re.escape(before) + r"(-?[0-9]+)" + re.escape(after))
    spellings: dict[int, list[Path]] = {}
    for candidate in path.parent.iterdir() if path.parent.is_dir() else ():
        match = number.fullmatch(candidate.name)
        if match and (allowed is None or int(match[1]) in allowed):
            spellings.setdefault(int(match[1]), []).append(candidate)
    if not spellings:
        raise SequenceNotFound(f"There are no files {path.name} in {path.parent}. Check the path of the {what}.")
    # shot.7.exr is taken for %04d too, but not before shot.0007.exr.
    digits = _digits(placeholder)
    found = {frame: _best(files, f"{before}{frame:0{digits}d}{after}") for frame, files in spellings.items()}
    if allowed is not None:
        digits = _shared_digits([path.name[len(before) : len(path.name) - len(after)] for path in found.values()])
    return _sequence(path.parent, f"{before}%0{digits}d{after}", found, what)


def _in_folder(folder: Path, what: str) -> Sequence:
    groups: dict[tuple[str, str], dict[int, list[Path]]] = {}
    for path in folder.iterdir():
        numbered = _split(path.stem)
        if path.suffix.lower() in IMAGE_SUFFIXES and numbered and not path.name.startswith(".") and path.is_file():
            groups.setdefault((numbered[0], path.suffix), {}).setdefault(numbered[1], []).append(path)
    if not groups:
        raise SequenceNotFound(f"The folder {folder} holds no numbered images. Choose the folder of the {what}.")
    if len(groups) > 1:
        names = ", ".join(f"{stem}#{suffix}" for stem, suffix in sorted(groups))
        raise SequenceAmbiguous(f"The folder {folder} holds several sequences ({names}). Name one of them, as shot.%04d.exr.")
    (stem, suffix), spellings = next(iter(groups.items()))
    digits = _shared_digits([path.stem[len(stem) :] for paths in spellings.values() for path in paths])
    found = {frame: _best(paths, f"{stem}{frame:0{digits}d}{suffix}") for frame, paths in spellings.items()}
    return _sequence(folder, f"{stem}%0{digits}d{suffix}", found, what)


def _split(stem: str) -> tuple[str, int] | None:
    """Cut a file name without its suffix into what comes before the frame number, and the number."""
    numbered = _NUMBERED.fullmatch(stem)
    if numbered is None:
        return None
    before, number = numbered[1], numbered[2]
    # "shot-0001" is frame 1 after a dash; a lone "-0001" or "shot.-0001" is frame -1.
    if number.startswith("-") and before and before[-1] not in "._":
        before, number = f"{before}-", number[1:]
    return before, int(number)


def _shared_digits(numbers: list[str]) -> int:
    """Say to how many digits numbers were padded: shown by those that begin with 0, or else by the shortest."""
    padded = [len(number) for number in numbers if number.lstrip("-").startswith("0") and len(number) > 1]
    return min(padded or [len(number) for number in numbers])


def _best(files: list[Path], expected: str) -> Path:
    """Choose among files that spell the same frame number."""
    if len(files) == 1:
        return files[0]
    for path in files:
        if path.name == expected:
            return path
    names = " and ".join(sorted(path.name for path in files))
    raise SequenceAmbiguous(f"{names} in {files[0].parent} are one and the same frame. Remove all but one.")


def _sequence(folder: Path, name: str, found: dict[int, Path], what: str) -> Sequence:
    first, last = min(found), max(found)
    if last - first >= MAX_FRAMES:
        raise SequenceNotFound(
            f"The numbers of {name} in {folder} run from {first} to {last}: these are no frame numbers. Check the path of the {what}."
        )
    return Sequence(str(folder / name), dict(sorted(found.items())))
