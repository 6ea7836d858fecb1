"""The options that several commands share, and the requests that they fill in."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from xmemcore.protocol.colorspaces import COLORSPACES
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import LONGEST_LEARNING_SECONDS, PropagateRequest, SuggestRequest, require_size

DEFAULTS = PropagateRequest(plate="")
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class OptionsInvalid(RequestError):
    """The command line makes no sense."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, like all of ours."""

    def error(self, message: str) -> NoReturn:
        raise OptionsInvalid(f"{message[:1].upper()}{message[1:].rstrip('.')}. See `{self.prog} --help`.")


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


def working_size(text: str) -> int:
    """Read a short side; raises SettingUnknown for one that no network works at."""
    size = positive(text)
    require_size(size)
    return size


def learning_seconds(text: str) -> float:
    """Read for how long a shot may be learned; `off` is 0."""
    try:
        value = 0.0 if text == "off" else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_LEARNING_SECONDS:
        raise argparse.ArgumentTypeError(f"'{text}' must be off, or a number of seconds from 0 to {LONGEST_LEARNING_SECONDS}")
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


def add_annotation_options(parser: argparse.ArgumentParser) -> None:
    """Add the plate and what is annotated on it."""
    parser.add_argument("plate", metavar="PLATE", help="shot.%%04d.exr, shot.####.exr, shot.[1001-1100].exr or a folder")
    annotations = parser.add_mutually_exclusive_group(required=True)
    annotations.add_argument("--roto", metavar="FILE", help="a .nk file, Nuke's curves text, or roto JSON")
    annotations.add_argument("--masks", metavar="DIR", help="index PNGs, or EXR/PNG with one channel or layer per object")
    parser.add_argument("--roto-node", metavar="NAME", help="which Roto node of a .nk that has several")
    parser.add_argument("--keyframes", type=frame_list, metavar="F,F", help="frames that count as annotated (default: those with keys)")
    add_colorspace(parser)


def add_colorspace(parser: argparse.ArgumentParser) -> None:
    """Add how the plate is encoded."""
    parser.add_argument(
        "--colorspace",
        metavar="C",
        help=f"{', '.join(COLORSPACES)}, as Nuke or OCIO call them, or ocio:NAME (default: linear for EXR, srgb for 8-bit files)",
    )
    parser.add_argument("--view", metavar="NAME", help="which view (left), or part of a file; stands in for %%V")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what computes."""
    parser.add_argument("--model", metavar="NAME|FILE", help="see `xmem-roto models list` (default: the first one there)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default=DEFAULTS.device)
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "mixed", "fast"),
        default=DEFAULTS.precision,
        help="how much is rounded; auto: mixed where the device is faster with half the bits (default: %(default)s)",
    )
    parser.add_argument("--size", type=working_size, default=DEFAULTS.size, help="short side that the network sees (default: %(default)s)")


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Add where what was learned about a shot is kept."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--cache", metavar="DIR", help="root of the cache (default: $XMEM_ROTO_CACHE, $NUKE_TEMP_DIR, the platform's)")
    where.add_argument("--no-cache", action="store_true", help="keep nothing, reuse nothing")
    parser.add_argument("--cache-limit", type=byte_count, default=DEFAULTS.cache_limit, metavar="BYTES", help="such as 20G, the default")
    parser.add_argument("--node-id", metavar="ID", help="whose state this is (default: a hash of plate path and object names)")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the modes of the papers."""
    parser.add_argument("--mode", choices=("xmem++", "xmem"), default=DEFAULTS.mode)
    parser.add_argument("--order", choices=("outward", "forward"), default=DEFAULTS.order, help="mode xmem is always forward")
    parser.add_argument("--no-temporary-memory", action="store_true", help="the annotations alone answer")
    parser.add_argument("--augment", action="store_true", help="each annotation also enters in eleven variants")
    parser.add_argument("--mem-every", type=positive, metavar="N", help="frames from one memory frame to the next")
    parser.add_argument("--plain", action="store_true", help="compute exactly as the papers describe: slow, for comparison")
    parser.add_argument(
        "--learn",
        type=learning_seconds,
        default=DEFAULTS.learn,
        metavar="SECONDS",
        help="learn this shot's keyframes first, where that helps: 30 or 120 are usual (default: off)",
    )


def matte_options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Give the fields of `PropagateRequest` that change mattes, whatever the plate and its annotations are."""
    return {
        "colorspace": chosen.colorspace,
        "model": chosen.model,
        "device": chosen.device,
        "precision": chosen.precision,
        "size": chosen.size,
        "mode": chosen.mode,
        "order": chosen.order,
        "temporary_memory": not chosen.no_temporary_memory,
        "augment": chosen.augment,
        "mem_every": chosen.mem_every,
        "plain": chosen.plain,
        "learn": chosen.learn,
    }


def shot_options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Give the fields of `ShotRequest` that a command line states."""
    return {
        "plate": chosen.plate,
        "roto": chosen.roto,
        "masks": chosen.masks,
        "roto_node": chosen.roto_node,
        "keyframes": chosen.keyframes,
        "objects": tuple(chosen.objects) if getattr(chosen, "objects", None) else None,
        "colorspace": chosen.colorspace,
        "view": chosen.view,
        "model": chosen.model,
        "device": chosen.device,
        "precision": chosen.precision,
        "size": chosen.size,
        "cache": chosen.cache,
        "use_cache": not chosen.no_cache,
        "cache_limit": chosen.cache_limit,
        "node_id": chosen.node_id,
    }


def propagate_request(chosen: argparse.Namespace) -> PropagateRequest:
    """Fill in what `propagate` was asked."""
    return PropagateRequest(
        **{**shot_options(chosen), **matte_options(chosen)},
        frames=chosen.frames,
        out=chosen.out,
        confidence=chosen.confidence,
        viewer_frame=chosen.viewer_frame,
        report=chosen.report,
    )


def suggest_request(chosen: argparse.Namespace) -> SuggestRequest:
    """Fill in what `suggest` was asked."""
    return SuggestRequest(
        **shot_options(chosen),
        mattes=chosen.mattes,
        count=chosen.count,
        alpha=chosen.alpha,
        min_pixels=chosen.min_pixels,
        object=chosen.object,
        method=chosen.method,
        seed=chosen.seed,
        frames=chosen.frames,
    )
