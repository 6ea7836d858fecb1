"""Paths that another machine calls by other names: rules from Open Job Description, or typed as FROM=TO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Iterable, List, Optional, Tuple

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.kinds import of_json
from xmemcore.protocol.outside import NotUsable, read_json

FORMAT = "pathmapping-1.0"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")


@dataclass(frozen=True)
class PathRule:
    """What begins with `source` on the machine that wrote a path begins with `destination` here."""

    source_path_format: str
    """POSIX or WINDOWS; Windows makes no difference between the slashes, nor between large and small letters."""
    source_path: str
    destination_path: str

    def mapped(self, path: str) -> Optional[str]:
        """Give the path here; None when the rule does not speak of it."""
        source, whole = self._plain(self.source_path).rstrip("/"), self._plain(path)
        if whole != source and not whole.startswith(f"{source}/"):
            return None
        # The letters are as many, whatever their size.
        rest = path.replace("\\", "/")[len(source) :] if self.source_path_format == "WINDOWS" else path[len(source) :]
        return self.destination_path.rstrip("/\\") + rest

    def _plain(self, path: str) -> str:
        return path.replace("\\", "/").lower() if self.source_path_format == "WINDOWS" else path


@dataclass(frozen=True)
class PathRules:
    """A file of rules, as Open Job Description writes it at {{Session.PathMappingRulesFile}}."""

    version: str = FORMAT
    path_mapping_rules: Tuple[PathRule, ...] = ()

    def mapped(self, path: str) -> str:
        """Give the path here, by the rule with the longest source; a path that no rule speaks of stays as it is."""
        for rule in sorted(self.path_mapping_rules, key=lambda rule: len(rule.source_path), reverse=True):
            found = rule.mapped(path)
            if found is not None:
                return found
        return path


def is_absolute(path: str) -> bool:
    """Say whether a path begins at a root, on whichever kind of machine."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def of_windows(path: str) -> bool:
    """Say whether a path begins at a root of Windows, and at none of another system."""
    return PureWindowsPath(path).is_absolute() and not PurePosixPath(path).is_absolute()


def require_here(path: str, subject: str) -> str:
    """Give an absolute path back; raises RequestError where it is a path of another kind of machine, which no rule has mapped."""
    if path and not Path(path).is_absolute():
        raise RequestError(
            f"{subject} is {path}, which is no path of this kind of machine. Say what it is called here: --path-map FROM=TO, such as "
            "X:\\shots=/mnt/shots."
        )
    return path


def read_rules(file: Optional[str], typed: Iterable[str] = ()) -> PathRules:
    """Read rules from a file, and such as were typed, which go first.

    Args:
        file: JSON of Open Job Description; None: none. An empty object, which engines write where there are no rules, is none either.
        typed: `FROM=TO` each.

    Raises:
        RequestError.
    """
    rules: List[PathRule] = []
    for text in typed:
        source, _, destination = text.partition("=")
        if not is_absolute(source) or not destination:
            raise RequestError(f"'{text}' is no rule for paths. Write FROM=TO, such as X:\\shots=/mnt/shots.")
        rules.append(PathRule("WINDOWS" if _DRIVE.match(source) else "POSIX", source, destination))
    if file:
        try:
            content = read_json(Path(file)) or {}
            if not isinstance(content, dict):
                raise NotUsable(f"it is no file of {FORMAT}")
            stored = of_json(PathRules, content)
            if stored.version != FORMAT or any(rule.source_path_format not in ("POSIX", "WINDOWS") for rule in stored.path_mapping_rules):
                raise NotUsable(f"it is no file of {FORMAT}")
        except (OSError, NotUsable) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise RequestError(f"The rules for paths in {file} cannot be read: {reason}. Name another file.") from error
        rules += stored.path_mapping_rules
    return PathRules(FORMAT, tuple(rules))
