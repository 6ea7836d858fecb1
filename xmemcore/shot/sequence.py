"""Files numbered by frame: `shot.%04d.exr`, `shot.####.exr`, `shot.[1001-1100].exr`, or a folder that holds one sequence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange

IMAGE_SUFFIXES = (".exr", ".dpx", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_PLACEHOLDER = re.compile(r"%0?(\d*)d|#+|\[(-?\d+-{1,2}\d+(?:x\d+)?)\]")
_NUMBERED = re.compile(r"(.*?)(-?\d+)$", re.DOTALL)


class SequenceNotFound(RequestError):
    """There are no files where the pattern looks."""


class SequenceAmbiguous(RequestError):
    """A folder holds several sequences."""


@dataclass(frozen=True)
class Sequence:
    """The files of a sequence that exist."""

    pattern: str
    """With a printf placeholder, absolute."""
    paths: dict[int, Path]
    """By frame, ascending."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that exist, ascending."""
        return tuple(self.paths)

    @property
    def holes(self) -> tuple[int, ...]:
        """Frames between the first and the last that do not exist."""
        frames = self.frames
        return tuple(sorted(set(range(frames[0], frames[-1] + 1)).difference(frames)))

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
            SequenceNotFound, SequenceAmbiguous.
        """
        path = Path(pattern).expanduser().absolute()
        if path.is_dir():
            return _in_folder(path, what)
        placeholder = _PLACEHOLDER.search(path.name)
        if placeholder is None:
            if not path.is_file():
                raise SequenceNotFound(f"Nothing is at {pattern}, where the {what} should be. Write shot.%04d.exr, shot.####.exr or a folder.")
            numbered = _NUMBERED.fullmatch(path.stem)
            frame = int(numbered[2]) if numbered else 1
            return cls(str(path), {frame: path})
        allowed = FrameRange.parse(placeholder[2].replace("--", "-")) if placeholder[2] else None
        before, after = path.name[: placeholder.start()], path.name[placeholder.end() :]
        number = re.compile(re.escape(before) + r"(-?\d+)" + re.escape(after))
        found: dict[int, Path] = {}
        for candidate in sorted(path.parent.iterdir()) if path.parent.is_dir() else []:
            match = number.fullmatch(candidate.name)
            if match and (allowed is None or int(match[1]) in allowed):
                found.setdefault(int(match[1]), candidate)
        if not found:
            raise SequenceNotFound(f"There are no files {path.name} in {path.parent}. Check the path of the {what}.")
        return cls(str(path.parent / f"{before}{_printf(placeholder, found)}{after}"), dict(sorted(found.items())))


def frame_path(pattern: str | Path, frame: int) -> Path:
    """Put a frame's number into a pattern; one without a placeholder gets `.%04d` before its suffix."""
    path = Path(pattern)
    placeholder = _PLACEHOLDER.search(path.name)
    if placeholder is None:
        return path.with_name(f"{path.stem}.{_padded(frame, 4)}{path.suffix}")
    text = placeholder[0]
    digits = len(text) if text.startswith("#") else int(placeholder[1] or 1) if text.startswith("%") else 4
    return path.with_name(path.name[: placeholder.start()] + _padded(frame, digits) + path.name[placeholder.end() :])


def _padded(frame: int, digits: int) -> str:
    return f"{'-' if frame < 0 else ''}{abs(frame):0{digits}d}"


def _printf(placeholder: re.Match[str], found: dict[int, Path]) -> str:
    text = placeholder[0]
    if text.startswith("%"):
        return text
    digits = len(text) if text.startswith("#") else min(len(str(abs(frame))) for frame in found)
    return f"%0{digits}d"


def _in_folder(folder: Path, what: str) -> Sequence:
    groups: dict[tuple[str, str], dict[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        numbered = _NUMBERED.fullmatch(path.stem)
        if path.suffix.lower() in IMAGE_SUFFIXES and numbered and path.is_file() and not path.name.startswith("."):
            # "shot-0001" is frame 1 after a dash; a lone "-0001" or "shot.-0001" is frame -1.
            stem, number = numbered[1], numbered[2]
            if number.startswith("-") and stem and stem[-1] not in "._":
                stem, number = f"{stem}-", number[1:]
            groups.setdefault((stem, path.suffix), {})[int(number)] = path
    if not groups:
        raise SequenceNotFound(f"The folder {folder} holds no numbered images. Choose the folder of the {what}.")
    if len(groups) > 1:
        names = ", ".join(f"{stem}#{suffix}" for stem, suffix in sorted(groups))
        raise SequenceAmbiguous(f"The folder {folder} holds several sequences ({names}). Name one, as shot.%04d.exr.")
    (stem, suffix), found = next(iter(groups.items()))
    digits = len(found[min(found)].stem) - len(stem) - (1 if min(found) < 0 else 0)
    return Sequence(str(folder / f"{stem}%0{digits}d{suffix}"), dict(sorted(found.items())))
