"""The places of a node's files: mattes beside the script, everything that can be made again in the cache."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Optional

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.places import OUTPUT_VARIABLE

_ONE_NUMBER = re.compile(r"[^%]*%(0\d+)?d[^%]*")


def script_home(script: str) -> str:
    """Name a script whatever its version: `/shots/a/comp_v012.nk` is `/shots/a/comp`, and `comp_v013_jd.nk` is `comp_jd`.

    Versions of one script share nodes and mattes: saving the next one must not make everything stale. Empty for a script never saved.
    """
    if not script:
        return ""
    path = Path(script.replace("\\", "/"))
    return (path.parent / (re.sub(r"[._-]?v\d+(?=$|[._-])", "", path.stem, flags=re.IGNORECASE) or "script")).as_posix()


def version_name(number: int) -> str:
    """Write a version of mattes."""
    return f"v{number:03d}"


def version_number(name: str) -> int:
    """Read a version of mattes; the first where it is none."""
    return int(name[1:]) if re.fullmatch(r"v\d{1,6}", name) else 1


@dataclass(frozen=True)
class Home:
    """The parts of a node and its script that decide the place of its mattes."""

    script: str
    """Path; empty when it was never saved."""
    node_id: str
    """Two nodes never share a default."""
    node_name: str = ""
    version: str = version_name(1)
    template: str = ""
    """Value of $XMEM_ROTO_OUTPUT: where mattes go when the node names no place."""
    shot: str = ""
    """Value of the script's variable `shot` (MultiShot), else $SHOT; empty when there is none."""
    variables: str = ""
    """Values of the script's variables, as they stand in a folder's name: each of its shots has mattes of its own."""


def matte_pattern(chosen: str, home: Home) -> str:
    """Say where the mattes go.

    Args:
        chosen: value of the output knob; empty for the default.
        home: of the node.

    Returns:
        An absolute pattern with forward slashes, as Nuke wants them. A version after the first has a folder of its own below the
        first one's, unless the path says where its version goes.

    Raises:
        RequestError: the default needs a script.
        RequestError: no frame number, something else to fill in such as %V, not EXR, or relative to nothing.
        RequestError: as `require_plain`.
    """
    if not chosen:
        chosen = _filled(home) if home.template else _beside_script(home)
    versioned = "{version}" in chosen
    # Nuke takes #### for %04d wherever frames are numbered, and so do its artists.
    path = Path(chosen.replace("\\", "/").replace("{version}", home.version))
    path = path.expanduser() if path.parts[:1] == ("~",) else path
    path = path.with_name(re.sub("#+", lambda hashes: f"%0{len(hashes.group())}d", path.name)) if path.name else path
    if not _ONE_NUMBER.fullmatch(path.name) or path.suffix.lower() != ".exr":
        raise RequestError(f"The output path {chosen} is no pattern for EXR frames. Use one like matte.%04d.exr.")
    if not path.is_absolute():
        if not home.script:
            raise RequestError(f"The output path {chosen} is relative and the script has no place yet. Save it, or use an absolute path.")
        path = Path(home.script).parent / path
    if not versioned and version_number(home.version) > 1:
        path = path.parent / home.version / path.name
    require_plain(path.parent, "Name an output path without them.")
    return path.as_posix()


def require_plain(folder: Path, advice: str) -> None:
    """Refuse a folder in whose path Nuke would put frame numbers or views.

    Args:
        folder: of frames that Nuke reads or writes.
        advice: what to do about it.

    Raises:
        RequestError.
    """
    if re.search("[%#]", folder.as_posix()):
        raise RequestError(f"Nuke fills in every % and # of a path, and the folder {folder.as_posix()} has some in its name. {advice}")


def _beside_script(home: Home) -> str:
    if not home.script:
        raise RequestError("The script has no place yet. Save it, or name an output path such as /shots/a/matte.%04d.exr.")
    script = Path(script_home(home.script))
    folder = script.parent / "mattes" / "_".join(filter(None, (script.name, home.node_id[:8], home.variables)))
    return (folder / "matte.%04d.exr").as_posix()


def _filled(home: Home) -> str:
    """Fill in a studio's template.

    Raises:
        RequestError.
    """
    try:
        fields = [field[1:] for field in Formatter().parse(home.template) if field[1] is not None]
    except ValueError as error:
        raise RequestError(f"{OUTPUT_VARIABLE} is {home.template}, whose braces are not in pairs ({error}). Correct it.") from error
    # With what Python would do to a word, which is nothing that a path needs: {version:04d} is none of the words.
    wanted = {f"{word}{f'!{turned}' if turned else ''}{f':{spec}' if spec else ''}" for word, spec, turned in fields}
    if {"script_dir", "script"} & wanted and not home.script:
        raise RequestError(f"{OUTPUT_VARIABLE} is {home.template}, and the script has no place yet. Save it.")
    if "shot" in wanted and not home.shot:
        raise RequestError(
            f"{OUTPUT_VARIABLE} is {home.template}, and there is no shot: neither a script variable 'shot' nor $SHOT. "
            "Set one, or name an output path in the node."
        )
    script = Path(script_home(home.script)) if home.script else Path()
    words = {
        "script_dir": script.parent.as_posix(),
        "script": script.name,
        "version": "{version}",
        "node": home.node_name.replace(".", "_"),
        "shot": home.shot,
    }
    if not wanted <= set(words):
        unknown = ", ".join(sorted(wanted - set(words)))
        raise RequestError(f"{OUTPUT_VARIABLE} names {{{unknown}}}. It can name {{{'}, {'.join(words)}}}.")
    return home.template.format(**words)


def disk_used(folder: Optional[Path]) -> int:
    """Add up the bytes below a folder; 0 when there is none."""
    if folder is None or not folder.is_dir():
        return 0
    total = 0
    for parent, _, files in os.walk(str(folder)):
        for name in files:
            try:
                total += os.path.getsize(os.path.join(parent, name))
            except OSError:
                continue  # deleted meanwhile
    return total
