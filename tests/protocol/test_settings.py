"""One table of settings: options, refusals, signatures, the panel and the gizmo cannot disagree about a setting."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.shot.set_up import depends
from tests.witness.shots import write_shot
from xmem_roto_nuke.node.settings import Settings, counting, default_of, watched_knobs
from xmem_roto_nuke.panel import gizmo
from xmemcore.cli.options import Parser, add_settings, request_of
from xmemcore.protocol.choices import COMPRESSIONS, DEVICES, EDGES, METHODS, MODES, ORDERS, PICTURES, PRECISIONS, RESAMPLINGS
from xmemcore.protocol.colorspaces import COLORSPACES
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PanelChoices, PropagateRequest, ShotRequest, SuggestRequest
from xmemcore.protocol.settings import Setting, require_possible, rows, setting
from xmemcore.shot.plan.plan import LEAST_SECOND_LOOK

TABLE = [(request, row) for request in (PanelChoices, PropagateRequest, SuggestRequest) for row in rows(request)]
OTHER_VALUES: dict[str, Any] = {"colorspace": "srgb", "model": None, "learn": 30.0, "mem_every": 7, "precision": "fast"}
"""Values that settings do not have by default, where the table does not tell one."""


def another(row: Setting) -> Any:
    if row.name in OTHER_VALUES:
        return OTHER_VALUES[row.name]
    if row.kind is bool:
        return not row.default
    return row.choices[-1] if row.choices else {"view": "left"}.get(row.name, (row.default or 0) + 32)


@dataclass(frozen=True)
class Tomorrow(PropagateRequest):
    """The requests as they are when somebody has added two rows."""

    grain: str = setting(
        "matched", mattes=True, choices=("matched", "none"), option="--grain", group="engine", knob="grain", label="grain", tooltip="How."
    )
    patience: float | None = setting(None, kind=float, least=1, option="--patience", group="engine")


def test_a_new_row_is_an_option_is_refused_when_it_is_wrong_and_reaches_the_request() -> None:
    parser = Parser()
    add_settings(parser, Tomorrow, "engine")
    asked = request_of(parser.parse_args(["--grain", "none", "--patience", "2", "--no-temporary-memory"]), Tomorrow, plate="p")
    assert (asked.grain, asked.patience, asked.temporary_memory, asked.mode) == ("none", 2.0, False, "xmem++")
    with pytest.raises(RequestError, match="There is no grain 'soft'. Choose one of: matched, none."):
        require_possible(Tomorrow("p", grain="soft"))
    with pytest.raises(RequestError, match="The patience 0.5 is out of range. Choose 1 or more."):
        require_possible(Tomorrow("p", patience=0.5))


def test_a_new_row_gets_its_lines_in_the_gizmo_where_somebody_has_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gizmo, "PropagateRequest", Tomorrow)
    text = gizmo.GIZMO.read_text()
    with pytest.raises(KeyError, match="grain"):
        gizmo.written(text)
    added = gizmo.written(text.replace(" addUserKnob {3 size", " addUserKnob {0 grain +STARTLINE}\n addUserKnob {3 size"))
    assert '\n addUserKnob {4 grain l "grain" t "How." M {matched none} +STARTLINE}\n addUserKnob {3 size' in added


def test_the_committed_gizmo_is_what_the_command_writes() -> None:
    assert gizmo.written(gizmo.GIZMO.read_text()) == gizmo.GIZMO.read_text(), "run python -m xmem_roto_nuke.panel.gizmo"


@pytest.mark.parametrize(("request_", "row"), [(r, row) for r, row in TABLE if row.option], ids=lambda value: getattr(value, "name", ""))
def test_every_option_reaches_its_field(request_: type[ShotRequest], row: Setting) -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, request_, row.group)
    value = another(row) if row.kind is not str or row.choices else "text"
    words = [row.option] if row.kind is bool else [row.option, f"{value:g}" if row.kind is float and row.name != "alpha" else "0.25"]
    words = [row.option, str(value)] if row.kind in (int, str) else words
    got = getattr(request_of(parser.parse_args(words), request_, plate="p"), row.name)
    assert got == (0.25 if row.name == "alpha" else value)
    assert getattr(request_of(parser.parse_args([]), request_, plate="p"), row.name) == row.default


@pytest.mark.parametrize("row", [row for _, row in TABLE if row.knob], ids=lambda row: row.knob)
def test_every_knob_has_a_label_and_a_tooltip_and_reaches_its_setting(row: Setting) -> None:
    assert row.label and len(row.tooltip) >= 20
    value = another(row) if row.kind is not str or row.choices else "text"
    value = 0.25 if row.name == "alpha" else value
    settings = Settings.of_knobs(lambda name: value if name == row.knob else None, "XMemRoto1", "out.%04d.exr", 1004)
    requests = (settings.panel, settings.propagate, settings.suggest)
    assert value in [getattr(request, row.name, None) for request in requests] or row.name == "out"
    if row.knob_none is not None:
        settings = Settings.of_knobs(lambda name: row.knob_none if name == row.knob else None, "XMemRoto1", "", 1004)
        assert None in [getattr(r, row.name, 0) for r in (settings.propagate, settings.suggest)]


def test_an_entry_that_stands_for_a_number_becomes_that_number_and_is_shown_as_the_entry() -> None:
    settings = Settings.of_knobs({"learn": "2 min"}.get, "XMemRoto1", "", 1004)
    assert settings.propagate.learn == 120.0
    assert counting(settings, "linear")["learn this shot"] == "2 min" and default_of("learn this shot") == "off"


def test_every_knob_that_changes_mattes_is_watched_and_counts() -> None:
    ours = {row.knob: row.label for request, row in TABLE if request is not SuggestRequest and row.knob and row.mattes}
    counts = counting(Settings.of_knobs(lambda name: None, "n", "", 1), "linear")
    assert set(ours) <= set(watched_knobs()) and set(counts) == set(ours.values())
    assert max(Counter(ours.values()).values()) == 1, "labels are the keys of a record"
    assert all(default_of(label) == value for label, value in counts.items() if label != "plate colour space")


def test_a_setting_that_changes_mattes_is_in_their_signature_and_no_other_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every level can be asked for on every processor.
    monkeypatch.setattr("xmemcore.shot.machine.device.computes_in_half", lambda device: True)
    monkeypatch.setattr("xmemcore.engine.second_look.LONG_SWEEP_FRAMES", 2)
    request = replace(
        write_shot("anamorphic", tmp_path).request, augment=False, order="outward", edges=EDGES[0], carry=True, size=LEAST_SECOND_LOOK
    )
    plain = depends(request).signature(5)
    for row in rows(PropagateRequest):
        if row.name in ("model", "view", "device"):
            continue  # the model's bytes and the view's pixels count; no other device is here
        if row.name == "crop":
            continue  # this shot has no small object; tests/shot/plan/test_windows.py
        if row.name == "cryptomatte" and find_spec("mmh3") is None:
            continue  # an extra
        value = {"out": str(tmp_path / "other" / "m.%04d.exr"), "frames": "24-26", "report": "r.png"}.get(row.name) or another(row)
        assert value != getattr(request, row.name), row.name
        assert (depends(replace(request, **{row.name: value})).signature(5) != plain) == row.mattes, row.name


def test_choices_stand_in_one_place() -> None:
    checkout = Path(__file__).resolve().parents[2]
    for choices in (COMPRESSIONS, DEVICES, EDGES, METHODS, MODES, ORDERS, PICTURES, PRECISIONS, RESAMPLINGS, COLORSPACES):
        literal = ", ".join(f'"{choice}"' for choice in choices)
        places = [p for room in ("xmemcore", "nuke_plugin") for p in (checkout / room).rglob("*.py") if f"({literal})" in p.read_text()]
        assert len(places) == 1, (literal, places)
