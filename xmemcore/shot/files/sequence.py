"""Files numbered by frame, as people write them: `shot.%04d.exr`, `shot.####.exr`, `shot.@@@@.exr`, `shot.$F4.exr`, `shot.<F4>.exr`,
`shot.<frame>.exr`, `shot.[####].exr`, `shot.*.exr`, `*.exr`, `shot.[1001-1100].exr`, `shot.1001-1100#.exr`, `shot.%04d.exr 1001-1100`, or
a folder. `%V` and `%v` stand for a view.

In a folder the frame number is the one number of a name that changes from file to file, wherever it stands.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xmemcore.protocol.failures import NOT_REACHED, RequestError, cannot_read
from xmemcore.protocol.frames import MAX_FRAMES, FrameRange
from xmemcore.protocol.outside import cut
from xmemcore.shot.files.exr_layout import LayoutDamaged, LayoutRefused, read_layout
from xmemcore.shot.files.file_kinds import kind_of_name, not_read

IMAGE_SUFFIXES = (".exr", ".dpx", ".cin", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
DEFAULT_DIGITS = 4
MAX_DIGITS = 10
"""Most digits of a frame number in a pattern; no disk takes longer names."""
LARGEST_FRAME = 2**31 - 1
"""A larger number in a name is a date or an id."""

_RANGE = r"-?[0-9]{1,10}--?[0-9]{1,10}(?:x[0-9]{1,10})?(?:,[-0-9x,]+)?"
# Unambiguous ones come first: a lone `#`, `@` or bracket may belong to the name.
_PLACEHOLDERS = (
    re.compile(
        rf"%0?(?P<width>[0-9]*)d|\$\{{?F(?P<f>[0-9]*)\}}?|<(?:[Ff]|[Ff]rame|FRAME)(?P<angle>[0-9]*)>|\[(?P<boxed>#+|@+)\]|"
        rf"(?P<before>{_RANGE})(?P<marks>#+|@+)"
    ),
    re.compile(rf"(?P<hashes>#+|@+)|\[(?P<range>{_RANGE})\]|(?P<any>\*+|\?+)"),
)
_TRAILING_ENDS = re.compile(r"(.*\S)\s+(-?[0-9]{1,10})\s+(-?[0-9]{1,10})", re.DOTALL)
_TRAILING_RANGE = re.compile(r"(.*\S)\s+(-?[0-9]{1,10}(?:--?[0-9]{1,10})?(?:x[0-9]{1,10})?(?:,[-0-9x,]+)?)", re.DOTALL)
_VIEW = re.compile(r"%[Vv]")
_NUMBER = re.compile(r"-?[0-9]+")


class SequenceNotFound(RequestError):
    """No file fits the pattern."""


@dataclass(frozen=True)
class Sequence:
    """The files of a sequence that exist."""

    pattern: str
    """Absolute path with a printf placeholder."""
    paths: dict[int, Path]
    """Files by frame, ascending."""
    of_more: str = ""
    """Sentence where one file was named that has others of its sequence beside it; empty elsewhere."""

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
    def find(cls, pattern: str, subject: str = "plate", view: str | None = None) -> Sequence:
        """Look for the files of a pattern.

        Args:
            pattern: see the module.
            subject: name of the sequence, for the sentence when there is none.
            view: stands in for %V, its first letter for %v.

        Raises:
            SequenceNotFound, RequestError, FrameRangeInvalid.
        """
        path, allowed = _path_and_frames(pattern, subject, view)
        try:
            if path.is_dir():
                found = _only(path, sequences_in(path, subject))
            elif _placeholder(path.name) is None:
                found = _one_file(path, subject)
            elif path.is_file():
                found = _frames_or_file(path, subject)
            else:
                found = _by_pattern(path, subject)
        except OSError as error:
            if error.errno in NOT_REACHED:
                raise cannot_read(f"{path.parent}, where the {subject} is", error, "") from error
            if error.errno == errno.ENAMETOOLONG:
                raise SequenceNotFound(f"{cut(str(path))} is too long for a path of a {subject}. Check it.") from error
            raise SequenceNotFound(f"Cannot look into {path.parent} for the {subject}: {error.strerror}. Ask for read access.") from error
        return found if allowed is None else _narrowed(found, allowed, subject)


def _only(folder: Path, sequences: dict[str, Sequence]) -> Sequence:
    if len(sequences) > 1:
        names = ", ".join(sorted(Path(sequence.pattern).name for sequence in sequences.values()))
        raise RequestError(f"The folder {folder} holds several sequences ({names}). Name one of them.")
    return next(iter(sequences.values()))


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


def has_number(path: Path) -> bool:
    """Say whether the name of a single file has a number, which may be its frame's; one without counts as frame 1."""
    return bool(_Name.of(path).numbers)


def names_view(pattern: str) -> bool:
    """Say whether a pattern has a place for a view."""
    return _VIEW.search(pattern) is not None


def has_frame_number(folder: str) -> bool:
    """Say whether a folder's name has a place for a frame number; a lone `#` or brackets may well belong to it."""
    return any(_PLACEHOLDERS[0].finditer(folder)) or any(
        match["hashes"] is not None and len(match["hashes"]) > 1 for match in _PLACEHOLDERS[1].finditer(folder)
    )


def sequences_in(folder: Path, subject: str, like: str = "*") -> dict[str, Sequence]:
    """Find the sequences of a folder: files whose names differ in the frame number alone.

    Our mattes and other sequences may lie in one folder. Who looks for one kind leaves the other out, unless there is nothing else.

    Args:
        folder: of the files.
        subject: name of the sequence, for the sentence when there is none.
        like: only files whose names fit; `*` and `?` stand for any text and any letter.

    Raises:
        SequenceNotFound: there is none.
        RequestError: a frame has several files, or no single number of the names changes.
    """
    fits = re.compile(re.escape(like).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
    families: dict[tuple[str, ...], list[_Name]] = {}
    others: list[Path] = []
    unnumbered: list[Path] = []
    for path in folder.iterdir():
        if path.name.startswith(".") or not fits.fullmatch(path.name) or not path.is_file():
            continue
        name = _Name.of(path)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            others.append(path)
        elif name.numbers:
            families.setdefault((*name.texts, path.suffix), []).append(name)
        else:
            unnumbered.append(path)
    groups: dict[tuple[str, str], dict[int, list[Path]]] = {}
    for names in families.values():
        place = _changing(names)
        for name in names:
            frames = groups.setdefault((name.before(place), name.after(place)), {})
            frames.setdefault(name.frame(place), []).append(name.path)
    if not groups and like != "*":
        raise SequenceNotFound(f"There are no files {like} with a number in {folder}. Check the path of the {subject}.")
    if not groups:
        raise SequenceNotFound(_nothing_in(folder, others, unnumbered, subject))
    found: dict[str, Sequence] = {}
    for (before, after), spellings in sorted(groups.items()):
        spelled = [path.name[len(before) : len(path.name) - len(after)] for paths in spellings.values() for path in paths]
        digits = _shared_digits(spelled)
        best = {frame: _best(paths, f"{before}{frame:0{digits}d}{after}") for frame, paths in spellings.items()}
        found[before + after] = _sequence(folder, f"{before}%0{digits}d{after}", best, subject)
    if len(found) == 1:
        return found
    return {name: sequence for name, sequence in found.items() if is_ours(sequence) == (subject == "mattes")} or found


@dataclass(frozen=True)
class _Name:
    """A file's name without its suffix, cut into texts and the numbers between them."""

    path: Path
    texts: tuple[str, ...]
    """Texts around the numbers: one more than there are numbers."""
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> _Name:
        texts, numbers, place = [], [], 0
        for match in _NUMBER.finditer(path.stem):
            start = match.start()
            # "shot-0001" is frame 1 after a dash; a lone "-0001" or "shot.-0001" is frame -1.
            if match[0].startswith("-") and start and path.stem[start - 1] not in "._":
                start += 1
            texts.append(path.stem[place:start])
            numbers.append(path.stem[start : match.end()])
            place = match.end()
        return cls(path, (*texts, path.stem[place:]), tuple(numbers))

    def before(self, place: int) -> str:
        return "".join(text + number for text, number in zip(self.texts, self.numbers[:place])) + self.texts[place]

    def after(self, place: int) -> str:
        rest = "".join(number + text for number, text in zip(self.numbers[place + 1 :], self.texts[place + 2 :], strict=True))
        return self.texts[place + 1] + rest + self.path.suffix

    def frame(self, place: int) -> int:
        return int(self.numbers[place])


def _changing(names: list[_Name]) -> int:
    """Find which number is the frame's, in names that are otherwise alike.

    It is the one that changes. Where several do, or a file is alone, it is the last one if the name ends with it, as most do; else the
    one that changes most, or the last that could be a frame's.
    """
    places = range(len(names[0].numbers))
    values = [len({int(name.numbers[place]) for name in names}) for place in places]
    changing = [place for place in places if values[place] > 1]
    last = places[-1]
    if len(changing) == 1:
        return changing[0]
    if not names[0].texts[-1] and (last in changing or not changing and _separate(names[0], last)):
        return last
    if changing:
        return max(changing, key=lambda place: (values[place], place))
    long = [place for place in places if len(names[0].numbers[place].lstrip("-")) >= DEFAULT_DIGITS]
    # A frame's number stands between separators; that of a version or a size has a letter beside it.
    free = [place for place in long if _separate(names[0], place)]
    return (free or long or [last])[-1]


def _separate(name: _Name, place: int) -> bool:
    before, after = name.texts[place][-1:], name.texts[place + 1][:1]
    return not before.isalnum() and not after.isalnum()


def _path_and_frames(pattern: str, subject: str, view: str | None) -> tuple[Path, FrameRange | None]:
    """Give the path that a pattern stands for, and the frames that it names beside it."""
    try:
        path, allowed = Path(pattern).expanduser().absolute(), None
        written = pattern.strip()
        ends = _TRAILING_ENDS.fullmatch(written)
        trailing = _TRAILING_RANGE.fullmatch(written if ends is None else f"{ends[1]} {ends[2]}-{ends[3]}")
        if (trailing is not None or written != pattern) and not path.exists():
            path = Path(written if trailing is None else trailing[1]).expanduser().absolute()
            allowed = None if trailing is None else FrameRange.parse(trailing[2])
        if _VIEW.search(str(path)) and not path.exists():
            path = _of_view(path, subject, view)
        return path, allowed
    except (ValueError, RuntimeError, OSError) as error:  # a zero byte, an unknown ~user, a name longer than names can be
        raise SequenceNotFound(
            f"{pattern[:200]!r} is no path of a {subject}. Write a pattern such as shot.%04d.exr, or a folder."
        ) from error


def _of_view(path: Path, subject: str, view: str | None) -> Path:
    if view is not None:
        return Path(str(path).replace("%V", view).replace("%v", view[:1]))
    folder = path
    while _VIEW.search(str(folder.parent)):
        folder = folder.parent
    escaped = re.escape(folder.name) if folder != path else _frames_of(folder.name)
    pattern = re.compile(
        escaped.replace("%V", "(?P<view>[A-Za-z]\\w*?)", 1).replace("%v", "(?P<letter>[A-Za-z])", 1).replace("%V", "(?P=view)")
    )
    try:
        matches = [pattern.fullmatch(entry.name) for entry in folder.parent.iterdir()]
    except (OSError, re.error):
        matches = []
    views = sorted({match.groupdict().get("view") or match.groupdict().get("letter") or "" for match in matches if match})
    found = f"the views {', '.join(views)} are there" if views else "no view is there"
    raise SequenceNotFound(f"{path.name} in {path.parent} stands for several views of the {subject}; {found}. Name one with --view.")


def _frames_of(name: str) -> str:
    """Give a regular expression of a pattern's name, any frame in it."""
    placeholder = _placeholder(name)
    if placeholder is None:
        return re.escape(name)
    return re.escape(name[: placeholder.start()]) + r"-?[0-9]+" + re.escape(name[placeholder.end() :])


def _placeholder(name: str) -> re.Match[str] | None:
    """Find where a file name has its frame number: the last such place, for a `#` or a `[1-2]` may belong to the name."""
    for kind in _PLACEHOLDERS:
        found = list(kind.finditer(name))
        if found:
            return found[-1]
    return None


def _allowed(placeholder: re.Match[str]) -> str | None:
    """Give the range that is part of a placeholder."""
    groups = placeholder.groupdict()
    return groups.get("before") or groups.get("range")


def _digits(placeholder: re.Match[str]) -> int:
    """Say how many digits a placeholder stands for at least; raises RequestError."""
    groups = placeholder.groupdict()
    marks = groups.get("marks") or groups.get("hashes") or groups.get("boxed")
    if groups.get("range") or groups.get("any"):
        return DEFAULT_DIGITS
    if groups.get("before") and marks and len(marks) == 1:
        # A lone # after a range stands for four digits wherever ranges are written so.
        return DEFAULT_DIGITS
    text = groups.get("width") or groups.get("f") or groups.get("angle") or ""
    if placeholder[0].lower() == "<frame>":
        return DEFAULT_DIGITS
    digits = len(marks) if marks else int(text[:9] or 1)
    if digits > MAX_DIGITS:
        raise RequestError(
            f"{placeholder[0][:40]} asks for frame numbers of {digits} digits; up to {MAX_DIGITS} are possible, 4 are usual (%04d)."
        )
    return max(digits, 1)


def _frames_or_file(path: Path, subject: str) -> Sequence:
    """Give the frames of a pattern that a file is called like, as programs leave one that fill nothing in; else the file."""
    try:
        return _by_pattern(path, subject)
    except SequenceNotFound:
        return _one_file(path, subject)


def _one_file(path: Path, subject: str) -> Sequence:
    if not path.is_file():
        raise SequenceNotFound(
            f"Nothing is at {path}, where the {subject} should be. Write a pattern such as shot.%04d.exr or shot.####.exr, or a folder."
        )
    name = _Name.of(path)
    frame = name.frame(_changing([name])) if name.numbers else 1
    return Sequence(str(path), {frame if abs(frame) <= LARGEST_FRAME else 1: path}, _of_more(path, name, subject))


def _of_more(path: Path, name: _Name, subject: str) -> str:
    """Say that one file was named where its sequence may have been meant; empty where no file beside it is of the same sequence."""
    alike = [other for entry in path.parent.iterdir() if (other := _Name.of(entry)).texts == name.texts and entry.suffix == path.suffix]
    if not name.numbers or len(alike) < 2:
        return ""
    place = _changing(alike)
    before, after = name.before(place), name.after(place)
    spelled = [other.numbers[place] for other in alike if (other.before(place), other.after(place)) == (before, after)]
    if len(spelled) < 2:
        return ""
    count = len(spelled) - 1
    return (
        f"{path.name} is one file, so the {subject} has this one frame; beside it {'lies' if count == 1 else 'lie'} {count} more of its "
        f"sequence. To have them all, name {before}%0{_shared_digits(spelled)}d{after}."
    )


def _by_pattern(path: Path, subject: str) -> Sequence:
    placeholder = _placeholder(path.name)
    assert placeholder is not None
    digits = _digits(placeholder)
    written = _allowed(placeholder)
    allowed = FrameRange.parse(written) if written else None
    before, after = path.name[: placeholder.start()], path.name[placeholder.end() :]
    number = re.compile(re.escape(before) + r"(-?[0-9]+)" + re.escape(after))
    spellings: dict[int, list[Path]] = {}
    for candidate in path.parent.iterdir() if path.parent.is_dir() else ():
        match = number.fullmatch(candidate.name)
        if match and (allowed is None or int(match[1]) in allowed):
            spellings.setdefault(int(match[1]), []).append(candidate)
    if not spellings and "*" in path.name and path.parent.is_dir():
        # The star stands for more than a number, as in `*.exr`.
        return _only(path.parent, sequences_in(path.parent, subject, path.name))
    if not spellings:
        raise SequenceNotFound(f"There are no files {path.name} in {path.parent}. Check the path of the {subject}.")
    # shot.7.exr is taken for %04d too, but not before shot.0007.exr.
    found = {frame: _best(files, f"{before}{frame:0{digits}d}{after}") for frame, files in spellings.items()}
    if written or "any" in placeholder.groupdict() and placeholder["any"]:
        digits = _shared_digits([path.name[len(before) : len(path.name) - len(after)] for path in found.values()])
    return _sequence(path.parent, f"{before}%0{digits}d{after}", found, subject)


def _narrowed(sequence: Sequence, allowed: FrameRange, subject: str) -> Sequence:
    paths = {frame: path for frame, path in sequence.paths.items() if frame in allowed}
    if not paths:
        raise SequenceNotFound(
            f"None of the frames {allowed} is there; {sequence.pattern} has {sequence.frames[0]}-{sequence.frames[-1]}. "
            f"Check the range of the {subject}."
        )
    return Sequence(sequence.pattern, paths)


def _nothing_in(folder: Path, others: list[Path], unnumbered: list[Path], subject: str) -> str:
    kinds = sorted({(kind_of_name(path) or "", path.name) for path in others if kind_of_name(path)})
    if kinds:
        kind, name = kinds[0]
        return f"The folder {folder} holds no numbered images. {not_read(name, kind)}"
    if unnumbered:
        name = min(unnumbered).name
        return f"The folder {folder} holds no numbered images. If {name} is the one frame of the {subject}, name that file."
    return f"The folder {folder} holds no numbered images. Choose the folder of the {subject}."


def is_ours(sequence: Sequence) -> bool:
    """Say whether a sequence is mattes that we wrote: an output folder may be the plate's own."""
    path = next(iter(sequence.paths.values()))
    if path.suffix.lower() != ".exr":
        return False
    try:
        return "xmem/version" in read_layout(path).metadata
    except (LayoutDamaged, LayoutRefused, OSError):
        return False


def _shared_digits(numbers: list[str]) -> int:
    """Say to how many digits numbers were padded: shown by those that begin with 0, or else by the shortest."""
    padded = [len(number) for number in numbers if number.lstrip("-").startswith("0") and len(number) > 1]
    return min(padded or [len(number) for number in numbers])


def _best(files: list[Path], expected: str) -> Path:
    """Choose among files of the same frame number."""
    if len(files) == 1:
        return files[0]
    for path in files:
        if path.name == expected:
            return path
    names = " and ".join(sorted(path.name for path in files))
    raise RequestError(f"{names} in {files[0].parent} are one and the same frame. Remove all but one.")


def _sequence(folder: Path, name: str, found: dict[int, Path], subject: str) -> Sequence:
    first, last = min(found), max(found)
    if last - first >= MAX_FRAMES or max(abs(first), abs(last)) > LARGEST_FRAME:
        raise SequenceNotFound(
            f"The numbers of {name} in {folder} run from {first} to {last}: these are no frame numbers. Check the path of the {subject}."
        )
    return Sequence(str(folder / name), dict(sorted(found.items())))
