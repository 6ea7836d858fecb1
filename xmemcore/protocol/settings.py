"""The form of a setting. The rows of the table are the fields of `requests`; everything that lists settings reads them.

A row gives a setting's default, its choices or range, its option on the command line, its knob in the panel, and whether it changes mattes.
From the rows come: the requests; the options of the command line; the refusal of what is out of range; the knobs' lines in the gizmo
(`python -m xmem_roto_nuke.panel.gizmo` writes them); what the plugin reads from a node; which knobs can make a result stale.
So a new setting is a row in `requests`, a line where the engine uses it, and a test.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Collection, Dict, Optional, Tuple

from xmemcore.protocol.failures import RequestError

METADATA = "setting"


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    """The request's field."""
    kind: type
    """bool, int, float or str."""
    default: Any
    """Value where nothing is said; None: the core decides."""
    mattes: bool = False
    """Whether it changes mattes: it is part of signatures, and a change makes a node's result stale."""
    choices: Tuple[str, ...] = ()
    numbered: Tuple[str, ...] = ()
    """Choices of which a machine may have several; `cuda:1` is the second."""
    least: Optional[float] = None
    most: Optional[float] = None
    refusal: str = ""
    """Sentence that refuses any other value, with {value}, {least}, {most} and {choices}; empty: a general sentence."""
    option: str = ""
    """Option of the command line; empty: none."""
    group: str = ""
    """Options of one group are added together."""
    metavar: Optional[str] = None
    help: str = ""
    """Help text of the option."""
    knob: str = ""
    """Knob in the panel; empty: none."""
    label: str = ""
    """Label of the knob."""
    tooltip: str = ""
    """Tooltip of the knob."""
    knob_choices: Tuple[str, ...] = ()
    """Entries of the knob, where they differ from `choices`."""
    knob_none: Optional[str] = None
    """Entry or text of the knob that stands for None."""
    knob_values: Tuple[Any, ...] = ()
    """What each entry of `knob_choices` stands for; empty: itself."""
    watched: bool = False
    """Whether the status is judged again when the knob changes, although no matte does."""

    def require(self, value: Any) -> None:
        """Raise RequestError unless the setting can have this value."""
        if value is None and self.default is None:
            return
        name = self.name.replace("_", " ")
        if self.choices:
            possible = value in self.choices or is_numbered(value, self.numbered)
            plain = f"There is no {name} {{value!r}}. Choose one of: {{choices}}."
        else:
            possible = (self.least is None or self.least <= value) and (self.most is None or value <= self.most)
            plain = f"The {name} {{value}} is out of range. Choose {{least}} {'or more' if self.most is None else 'to {most}'}."
        if not possible:
            least, most = (f"{bound:g}" if bound is not None else "" for bound in (self.least, self.most))
            raise RequestError((self.refusal or plain).format(value=value, least=least, most=most, choices=", ".join(self.spellings)))

    @property
    def spellings(self) -> Tuple[str, ...]:
        """List the choices as they are offered."""
        return (*self.choices, *(f"{choice}:N" for choice in self.numbered))


def is_numbered(value: Any, numbered: Collection[str]) -> bool:
    """Say whether a value is one of several of such a choice: `cuda:1` of `cuda`."""
    kind, _, number = str(value).partition(":")
    return kind in numbered and number.isascii() and number.isdigit() and len(number) < 3


def setting(default: Any, kind: Optional[type] = None, **row: Any) -> Any:
    """Declare a request's field as a row of the table; `kind` where the default does not tell it."""
    declared = Setting(name="", kind=kind or (str if default is None else type(default)), default=default, **row)
    return field(default=default, metadata={METADATA: declared})


def rows(request: Any) -> Tuple[Setting, ...]:
    """Give the settings of a request or its class, in order."""
    return _rows(request if isinstance(request, type) else type(request))


@cache  # asked for at every look of a panel
def _rows(kind: type) -> Tuple[Setting, ...]:
    declared = (row for row in fields(kind) if METADATA in row.metadata)
    return tuple(replace(row.metadata[METADATA], name=row.name) for row in declared)


def row(request: Any, name: str) -> Setting:
    """Give one setting of a request or its class."""
    return next(setting for setting in rows(request) if setting.name == name)


def require_possible(request: Any) -> None:
    """Raise RequestError where a setting of a request is out of range."""
    for setting in rows(request):
        setting.require(getattr(request, setting.name))


def values(request: Any, mattes: bool = True) -> Dict[str, Any]:
    """Give the settings of a request that change mattes; with `mattes` False the others."""
    return {setting.name: getattr(request, setting.name) for setting in rows(request) if setting.mattes == mattes}
