"""The values of a node's knobs at the press of a button. Later changes do not reach a run under way.

The table of settings in `xmemcore.protocol.requests` says which knobs there are and what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

from xmemcore.protocol.choices import ALPHA, FROM_SCRIPT, ROTO_INPUTS, SHAPES, UNION
from xmemcore.protocol.requests import PanelChoices, PropagateRequest, SuggestRequest
from xmemcore.protocol.settings import Setting, rows

__all__ = ["ALPHA", "FROM_SCRIPT", "ROTO_INPUTS", "SHAPES", "UNION", "Settings", "counting", "default_of", "watched_knobs"]


@dataclass(frozen=True)
class Settings:
    """The knobs of one XMemRoto, and the settings of its script that go with them."""

    node_name: str
    """Full name, for what the artist reads; never a key."""
    out: str
    """Absolute pattern of the mattes, with forward slashes; empty when there is no place for them yet."""
    panel: PanelChoices
    propagate: PropagateRequest
    """Request with the artist's choices, without plate and annotations."""
    suggest: SuggestRequest
    """Request for a suggestion with the artist's choices, without plate and annotations."""
    kept: str = ""
    """`out` with the script's variables as `%{shot}` in it; empty or the same where it has none."""

    @classmethod
    def of_knobs(cls, read: Callable[[str], Any], node_name: str, out: str, viewer_frame: int, kept: str = "") -> Settings:
        """Fill in every setting that has a knob.

        Args:
            read: gives a knob's value by its name; None for a knob that the node has not got, which leaves the default.
            node_name: full name of the node.
            out: where its mattes go; empty for no place.
            viewer_frame: the frame that the artist looks at.
            kept: `out` with the script's variables in it.
        """
        propagate = {**_chosen(PropagateRequest, read), "out": out, "viewer_frame": viewer_frame}
        return cls(
            node_name,
            out,
            PanelChoices(**_chosen(PanelChoices, read)),
            PropagateRequest("", **propagate),
            SuggestRequest("", **_chosen(SuggestRequest, read)),
            kept,
        )

    @property
    def roto_input(self) -> str:
        """One of ROTO_INPUTS."""
        return self.panel.roto_input

    @property
    def frame_range(self) -> str:
        """Empty: every frame of the plate."""
        return self.propagate.frames or ""

    @property
    def colorspace(self) -> Optional[str]:
        """A name that the core knows; None: as the script's working space is."""
        return self.propagate.colorspace


def counting(settings: Settings, colorspace: str) -> Dict[str, Any]:
    """Give the settings that change mattes, by their labels in the panel.

    Args:
        settings: of a node.
        colorspace: that the plate is encoded in, where the artist left it to the script.
    """
    counts = {
        row.label: _as_shown(row, getattr(request, row.name))
        for request in (settings.panel, settings.propagate)
        for row in _counting(request)
    }
    return {**counts, label_of("colorspace"): colorspace}


def default_of(label: str) -> Any:
    """Give what a setting was before it had a knob; None for a label that is none's."""
    found = [
        _as_shown(row, row.default) for request in (PanelChoices, PropagateRequest) for row in _counting(request) if row.label == label
    ]
    return found[0] if found else None


def watched_knobs() -> Tuple[str, ...]:
    """Name the knobs whose change can make a result stale."""
    table = (row for request in (PanelChoices, PropagateRequest) for row in rows(request))
    return tuple(row.knob for row in table if row.knob and (row.mattes or row.watched))


def _counting(request: Any) -> Iterator[Setting]:
    return (row for row in rows(request) if row.knob and row.mattes)


def label_of(name: str) -> str:
    """Give the label in the panel of a field of `PropagateRequest`; a snapshot knows settings by these."""
    return next(row.label for row in rows(PropagateRequest) if row.name == name)


def _as_shown(row: Setting, value: Any) -> Any:
    if value in row.knob_values:
        return row.knob_choices[row.knob_values.index(value)]
    return row.knob_none if value is None else value


def _chosen(request: Any, read: Callable[[str], Any]) -> Dict[str, Any]:
    values = ((row, read(row.knob)) for row in rows(request) if row.knob)
    return {row.name: _value(row, value) for row, value in values if value is not None}


def _value(row: Setting, value: Any) -> Any:
    """Turn a knob's value into the setting's."""
    if row.knob_values and value in row.knob_choices:
        return row.knob_values[row.knob_choices.index(value)]
    converted = str(value).strip() if row.kind is str else row.kind(value)
    return None if row.knob_none is not None and converted == row.knob_none else converted
