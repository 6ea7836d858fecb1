"""The options that several commands share, and the requests that they fill in."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NoReturn, TypeVar

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import LONGEST_LEARNING_SECONDS, ApproveRequest, PropagateRequest, ShotRequest
from xmemcore.protocol.settings import Setting, row, rows

DEFAULTS = PropagateRequest(plate="")
Request = TypeVar("Request", bound="ShotRequest | ApproveRequest")
SECONDS_OF_A_DAY = 86_400
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, like all of ours."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # `--frames -5--1` is a range, and no option; argparse itself knows single numbers below 0 alone.
        self._negative_number_matcher = re.compile(r"-\d[-\dx,.]*$")

    def error(self, message: str) -> NoReturn:
        raise RequestError(f"{message[:1].upper()}{message[1:].rstrip('.')}. See `{self.prog} --help`.")


def byte_count(text: str) -> int:
    """Read `20G`, `500M` or plain bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text.upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write 20G, 500M or a number of bytes")
    return int(float(match[1]) * UNITS[match[2]])


def frame_list(text: str) -> tuple[int, ...]:
    """Read frames such as `1001,1040` or `1001-1040x10`."""
    from xmemcore.protocol.frames import FrameRange

    return tuple(FrameRange.parse(text))


def whole(least: int, most: int | None = None, why: str = "") -> Callable[[str], int]:
    """Make a reader of whole numbers in [least, most]; `why` ends the sentence that refuses others."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,19}", text) or int(text) < least or most is not None and int(text) > most:
            raise argparse.ArgumentTypeError(f"'{text}' must be a whole number {bounds}{why}")
        return int(text)

    return read


positive = whole(1)
natural = whole(0)


def learning_seconds(text: str) -> float:
    """Read for how long a shot may be learned; `off` is 0."""
    try:
        value = 0.0 if text == "off" else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_LEARNING_SECONDS:
        raise argparse.ArgumentTypeError(f"'{text}' must be off, or a number of seconds from 0 to {LONGEST_LEARNING_SECONDS}")
    return value


def step_seconds(text: str) -> float:
    """Read how long a step takes: a number over 0, at most a day."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= SECONDS_OF_A_DAY:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number of seconds over 0, at most {SECONDS_OF_A_DAY}")
    return value


def share(text: str) -> float:
    """Read a number in [0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number from 0 to 1")
    return value


def device_name(text: str) -> str:
    """Read what computes: a kind of device, or one of several."""
    try:
        row(PropagateRequest, "device").require(text)
    except RequestError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error
    return text


READERS: dict[str, Callable[[str], Any]] = {
    "learn": learning_seconds,
    "alpha": share,
    "count": positive,
    "device": device_name,
    "mem_every": positive,
    "size": positive,
    "seed": natural,
}
"""Readers of settings whose text is not read by their kind, by name."""


def add_settings(parser: argparse.ArgumentParser, request: type[ShotRequest], *groups: str) -> None:
    """Add the options of the table's rows that belong to these groups, in the order of the table."""
    for table_row in rows(request):
        if table_row.option and table_row.group in groups:
            _add_setting(parser, table_row)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where to compute, and no others of their group."""
    for name in ("device", "gpu_memory"):
        _add_setting(parser, row(PropagateRequest, name))


def _add_setting(parser: argparse.ArgumentParser, setting: Setting) -> None:
    if setting.kind is bool:
        # An option of a setting that is on by default switches it off.
        parser.add_argument(
            setting.option,
            dest=setting.name,
            action="store_false" if setting.default else "store_true",
            default=setting.default,
            help=setting.help or None,
        )
        return
    parser.add_argument(
        setting.option,
        dest=setting.name,
        type=READERS.get(setting.name, setting.kind),
        choices=None if setting.numbered else setting.choices or None,
        default=setting.default,
        metavar=f"{{{','.join(setting.spellings)}}}" if setting.numbered else setting.metavar,
        help=setting.help or None,
    )


def add_annotation_options(parser: argparse.ArgumentParser, required: bool = True, masks: bool = True) -> None:
    """Add the plate and what is annotated on it.

    Args:
        parser: of the command.
        required: False where annotations may be missing.
        masks: False where only shapes will do.
    """
    parser.add_argument("plate", metavar="PLATE", help="shot.%%04d.exr, shot.####.exr, shot.[1001-1100].exr or a folder")
    annotations = parser.add_mutually_exclusive_group(required=required)
    annotations.add_argument("--roto", metavar="FILE", help="a .nk file, Nuke's curves text, or roto JSON")
    if masks:
        annotations.add_argument(
            "--masks",
            metavar="DIR",
            help="index PNGs, EXR/PNG with one channel or layer per object, or a folder or prefix of files per object",
        )
    parser.add_argument("--roto-node", metavar="NAME", help="which Roto node of a .nk that has several")
    parser.add_argument("--keyframes", type=frame_list, metavar="F,F", help="frames that count as annotated (default: those with keys)")
    add_settings(parser, ShotRequest, "plate")


def add_word_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which an artist says where an object is absent, and which mattes are right."""
    absent = (
        "frames on which an object is not to be seen, such as sleeve:1010-1032 (repeatable); where no later key shows it, it stays out "
        "for twelve more, unless it comes in visibly"
    )
    parser.add_argument("--absent", action="append", metavar="NAME:RANGE", help=absent)
    parser.add_argument("--approved", metavar="DIR", help="approved mattes, which stay and count as annotations; see `approve`")


def add_object_option(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add the option that names the objects that are meant; `more` ends its help."""
    parser.add_argument("--object", action="append", dest="objects", metavar="NAME", help=f"which object (repeatable; default: all){more}")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option by which a program asks."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def add_telling_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of what a command tells, and where."""
    parser.add_argument("--log", metavar="FILE", help="keep what is told on stderr in a file too, each line with its time")
    add_json_option(parser)


def add_cache_place(parser: argparse.ArgumentParser) -> None:
    """Add the options of where the cache is and how large it may grow."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--cache", metavar="DIR", help="root of the cache (default: $XMEM_ROTO_CACHE, $NUKE_TEMP_DIR, the platform's)")
    where.add_argument("--no-cache", dest="use_cache", action="store_false", help="keep nothing, reuse nothing")
    parser.add_argument("--cache-limit", type=byte_count, default=DEFAULTS.cache_limit, metavar="BYTES", help="such as 20G, the default")


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the cache, and of whose state lies in it."""
    add_cache_place(parser)
    parser.add_argument("--node-id", metavar="ID", help="whose state this is (default: a hash of plate path and object names)")


def request_of(chosen: argparse.Namespace, request: type[Request], **others: Any) -> Request:
    """Fill in a request: every field that the command line has an option for, and `others`."""
    stated = {field.name: getattr(chosen, field.name) for field in fields(request) if hasattr(chosen, field.name)}
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in {**stated, **others}.items()}
    return request(**values)
