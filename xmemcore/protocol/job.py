"""The job folder: what a shot needs to be propagated anywhere, without Nuke; and where its mattes are wanted.

    JOBDIR/job.json                  says what the folder is; the only file that is read to know it
    JOBDIR/<shot>/roto.json          and what else was rendered for it: plate/, roto_alpha/, alpha/, approved/
    JOBDIR/<shot>/mattes/            the results, with their own record

    {"kind": "xmem-roto job", "version": 1, "made_by": "0.3.0", "shots": [{...JobShot...}]}

A path inside the folder is written relative to it, so the folder can be copied; any other is absolute, as the machine that exported
calls it, and rules for paths (`path_map`) say what it is called elsewhere. The plugin and `xmem-roto` both read and write it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Dict, Mapping, Optional, Tuple

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange, FrameRangeInvalid
from xmemcore.protocol.kinds import of_json
from xmemcore.protocol.outside import NotUsable, read_json, short
from xmemcore.protocol.path_map import PathRules, is_absolute, require_here
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.settings import rows
from xmemcore.protocol.version import VERSION
from xmemcore.protocol.whole_file import write_text

KIND = "xmem-roto job"
FORMAT = 1
NAME = "job.json"
MATTES = "mattes"
INPUTS = ("plate", "roto", "masks", "roto_alpha", "approved")
"""Fields of a request that are paths of what is read."""
_SHOT = ("roto_node", "keyframes", "objects", "absent", "node_id", "frames", "out", "augmentations", "pictures", *INPUTS)
"""Fields that belong to the shot, beside the settings that change mattes; the machine that computes decides all others."""


_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class JobShot:
    """One shot of a job."""

    name: str
    """Name of the node, or the name that its maker gave it. No two shots of a job have the same."""
    request: PropagateRequest
    """The request, with paths as the file has them; `here` gives the request that can be run."""
    result: str
    """Pattern of the mattes where they are wanted; empty: in the job folder, where they are made."""
    missing: Tuple[int, ...] = ()
    """Frames of the range that have no plate."""
    model_sha256: Optional[str] = None
    """Hash of the model that was chosen. None: it was not known when the job was made, and any model of the name is used."""
    script: str = ""
    """The Nuke script from which the shot was exported."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """The plugin's record of the run, as far as it was known at the export; it comes to lie beside the mattes. Empty without a node."""

    def here(self, folder: Path, rules: PathRules) -> PropagateRequest:
        """Give the request with paths as this machine has them; raises RequestError for a path of another kind of machine."""
        paths: Dict[str, Any] = {name: self._path_here(name, folder, rules) for name in (*INPUTS, "out")}
        return replace(self.request, **paths)

    def result_here(self, rules: PathRules) -> str:
        """Say where the mattes are wanted, as this machine calls it; empty: where they are made. Raises RequestError."""
        return require_here(rules.mapped(self.result), f"The place for the mattes of {self.name}")

    def _path_here(self, name: str, folder: Path, rules: PathRules) -> Optional[str]:
        path = getattr(self.request, name)
        if path is None:
            return None
        if not is_absolute(path):
            return (folder.absolute() / path).as_posix()
        return require_here(rules.mapped(path), f"The {name.replace('_', ' ')} of {self.name}")


@dataclass(frozen=True)
class Job:
    """All shots of a job folder."""

    kind: str
    version: int
    made_by: str
    shots: Tuple[JobShot, ...]

    def shot(self, name: str) -> JobShot:
        """Find a shot; raises RequestError."""
        for shot in self.shots:
            if shot.name == name:
                return shot
        raise RequestError(f"The job has no shot called {name}. It has: {', '.join(shot.name for shot in self.shots)}.")


def shot_folder(name: str) -> str:
    """Name the folder of a shot in the job folder: letters, digits, `_`, `.` and `-`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".") or "shot"


def for_job(request: PropagateRequest, folder: Path) -> PropagateRequest:
    """Leave out what the machine that computes decides, and write paths inside the job folder relative to it."""
    counts = {row.name for row in rows(PropagateRequest) if row.mattes}
    values = {row.name: getattr(request, row.name) for row in fields(PropagateRequest) if row.name in counts or row.name in _SHOT}
    return PropagateRequest(**{**values, **{name: _relative(values[name], folder) for name in (*INPUTS, "out") if values[name]}})


def keep(folder: Path, shot: JobShot) -> None:
    """Write a shot into a job folder, in place of a former one of its name; other shots stay.

    Raises:
        RequestError: there is a `job.json` that is not ours, or of another version; it stays.
        OSError.
    """
    others = [other for other in read(folder).shots if other.name != shot.name] if os.path.lexists(folder / NAME) else []
    shots = sorted((*others, shot), key=lambda listed: listed.name)
    content = {"kind": KIND, "version": FORMAT, "made_by": VERSION, "shots": [_as_json(listed) for listed in shots]}
    write_text(folder / NAME, json.dumps(content, indent=1))


def is_job(folder: Path) -> bool:
    """Say whether a folder has a job file, readable or not."""
    return os.path.lexists(folder / NAME)


def read(folder: Path) -> Job:
    """Read a job folder's job file.

    Raises:
        RequestError.
    """
    path = folder / NAME
    try:
        content = read_json(path)
        _require_version(content)
        job = of_json(Job, content)
        _require_possible(job)
    except FileNotFoundError as error:
        raise RequestError(f"{folder} is no job folder: it has no {NAME}. Export one with render.py --export-only.") from error
    except (OSError, NotUsable) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RequestError(f"The job {path} cannot be read: {reason}. Export it again.") from error
    return job


def _require_version(content: Any) -> None:
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise NotUsable(f"it is no {KIND}")
    if content.get("version") != FORMAT:
        raise NotUsable(
            f"it is of version {content.get('version')!r}, made by {content.get('made_by')!r}; this program reads version {FORMAT}"
        )


def _require_possible(job: Job) -> None:
    """Raise NotUsable for values that no export writes."""
    if not job.shots:
        raise NotUsable("it has no shots")
    if len({shot_folder(shot.name) for shot in job.shots}) != len(job.shots):
        raise NotUsable("two shots have one name")
    if len({shot.request.out for shot in job.shots}) != len(job.shots) or _one_result(job):
        raise NotUsable("two shots write the same mattes")
    for shot in job.shots:
        request = shot.request
        if not shot.name.isprintable():
            raise NotUsable("the name of a shot has characters that cannot be printed")
        if shot.model_sha256 is not None and not _SHA256.fullmatch(shot.model_sha256):
            raise NotUsable(f"the model of {shot.name} has {short(shot.model_sha256)} in place of a hash")
        if not request.roto and not request.masks:
            raise NotUsable(f"{shot.name} has neither a roto nor masks")
        if for_job(request, Path()) != request:
            raise NotUsable(f"{shot.name} sets what only the machine that runs it may set")
        if is_absolute(request.out) or not _stays_inside(request.out):
            raise NotUsable(f"the mattes of {shot.name} leave the job folder")
        if not all(is_absolute(path) or _stays_inside(path) for path in (getattr(request, name) for name in INPUTS) if path):
            raise NotUsable(f"a relative path of {shot.name} leaves the job folder")
        if shot.result and not (is_absolute(shot.result) and shot.result.lower().endswith(".exr")):
            raise NotUsable(f"the mattes of {shot.name} are wanted at {shot.result}, which is no absolute pattern of EXR files")
        try:
            request.require_possible()
            if request.frames is not None:
                FrameRange.parse(request.frames)
        except (RequestError, FrameRangeInvalid) as error:
            raise NotUsable(str(error).rstrip(".")) from error


def _one_result(job: Job) -> bool:
    wanted = [shot.result for shot in job.shots if shot.result]
    return len(set(wanted)) != len(wanted)


def _as_json(shot: JobShot) -> Dict[str, Any]:
    """Write every setting that changes mattes, also those that have their default: another version may have another default."""
    counts = {row.name for row in rows(PropagateRequest) if row.mattes}
    content = asdict(shot)
    blank = PropagateRequest("")
    request = content["request"]
    content["request"] = {name: value for name, value in request.items() if name in counts or value != getattr(blank, name)}
    return content


def _relative(path: str, folder: Path) -> str:
    text = path.replace("\\", "/")
    home = folder.absolute().as_posix()
    return text[len(home) + 1 :] if folder != Path() and text.startswith(f"{home}/") else text


def _stays_inside(path: str) -> bool:
    return ".." not in PurePosixPath(path).parts and not PureWindowsPath(path).drive
