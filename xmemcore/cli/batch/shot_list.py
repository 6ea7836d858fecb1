"""The list of shots for a batch: a TOML file, relative paths beside it, every name and value looked at before the night begins.

[settings]                              # of every shot: names of the request's fields, as options have them with _ for -
size = 480

[[shot]]
name = "sh010"
plate = "sh010/plate.%04d.exr"
roto = "sh010/roto_v003.nk"             # or masks = "sh010/masks"
out = "sh010/mattes/matte.%04d.exr"     # default: mattes/<name>/matte.%04d.exr beside the list

[[shot]]
name = "sh020"
job = "jobs/sh020"                      # a job folder of one shot that Nuke exported, in place of all that
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xmemcore.protocol import job
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.kinds import wrong_kind
from xmemcore.protocol.outside import cut, short
from xmemcore.protocol.path_map import PathRules
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.whole_file import read_ordinary

MOST_BYTES = 16 << 20
PATHS = ("plate", "roto", "masks", "roto_alpha", "approved", "out", "cache")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True)
class ListedShot:
    """One shot of the list."""

    name: str
    """The shot's name, which no other shot of the list has; it also names the shot's files in the report."""
    request: PropagateRequest
    job: JobShot | None = None
    """The job that the shot comes from: its mattes are brought home when they are finished. None: it comes from no job folder."""


def read_shots(path: Path) -> list[ListedShot]:
    """Read a list; raises RequestError."""
    try:
        content = tomllib.loads(read_ordinary(path, MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise RequestError(f"The list {path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RequestError(f"The list {path} is no TOML: {cut(str(error), 120)}.") from error
    unknown = sorted(set(content) - {"settings", "shot"})
    if unknown:
        raise RequestError(f"The list {path} has {', '.join(unknown)}, which means nothing. It has [settings] and [[shot]].")
    settings, listed = content.get("settings", {}), content.get("shot", [])
    if not isinstance(settings, dict) or not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise RequestError(f"In the list {path}, write [settings] once and [[shot]] for every shot.")
    if not listed:
        raise RequestError(f"The list {path} has no [[shot]].")
    shots = [_shot(path, settings, entry) for entry in listed]
    names = [shot.name.casefold() for shot in shots]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestError(f"The list {path} has two shots called {', '.join(twice)}. Their reports would be one.")
    writers: dict[Path, str] = {}
    for shot in shots:
        other = writers.setdefault(_written(shot.request.out), shot.name)
        if other != shot.name:
            raise RequestError(
                f"In the list {path}, {other} and {shot.name} write the same mattes ({cut(shot.request.out, 200)}): those of one would be "
                "lost. Give each an out of its own."
            )
    return shots


def _written(out: str) -> Path:
    """Name the mattes of an output, however it is spelled."""
    from xmemcore.shot.mattes.mattes import matte_pattern

    pattern = Path(out)
    with suppress(RequestError):  # the shot's own run says what is wrong
        pattern = matte_pattern(out)
    return pattern.parent.resolve() / pattern.name


def _shot(path: Path, settings: dict[str, Any], entry: dict[str, Any]) -> ListedShot:
    name = entry.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise RequestError(f"In the list {path}, a shot is called {short(name)}. Use letters, digits, '_', '.' and '-'.")
    values = {**settings, **{key: value for key, value in entry.items() if key not in ("name", "job")}}
    folder = path.absolute().parent
    if "job" in entry:
        return _of_job(path, name, folder / str(entry["job"]), values)
    known = {row.name for row in fields(PropagateRequest)} - {"report", "viewer_frame", "chunk"}
    unknown = sorted(set(values) - known)
    if unknown:
        raise RequestError(
            f"In the list {path}, {name} has {', '.join(unknown)}, which no propagate knows. It knows: {', '.join(sorted(known))}."
        )
    if "plate" not in values:
        raise RequestError(f"In the list {path}, {name} has no plate.")
    wrong = wrong_kind(PropagateRequest, values)
    if wrong is not None:
        raise RequestError(f"In the list {path}, of {name}: {wrong}.")
    values.setdefault("out", f"mattes/{name}/matte.%04d.exr")
    beside = {key: str(folder / Path(values[key]).expanduser()) for key in PATHS if values.get(key)}
    values_of_shot: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in {**values, **beside}.items()
    }
    request = PropagateRequest(**values_of_shot)
    request.require_possible()
    return ListedShot(name, request)


def _of_job(path: Path, name: str, folder: Path, values: dict[str, Any]) -> ListedShot:
    """Take a shot from a job folder; beside it only settings may stand that the machine decides."""
    machine = {"device", "cache", "use_cache", "cache_limit", "wait"}
    opened = job.read(folder)
    if len(opened.shots) != 1:
        raise RequestError(f"In the list {path}, {name} is a job of {len(opened.shots)} shots. Export one job folder a shot.")
    of_machine = {key: value for key, value in values.items() if key in machine}
    wrong = wrong_kind(PropagateRequest, of_machine)
    if wrong is not None:
        raise RequestError(f"In the list {path}, of {name}: {wrong}.")
    return ListedShot(name, replace(opened.shots[0].here(folder, PathRules()), **of_machine), opened.shots[0])
