"""The user guide names what an artist sees in the panel."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
KNOB = re.compile(r'^ ?addUserKnob \{\d+ \w+ l "(?P<label>[^"]+)"(?P<rest>.*)$', re.MULTILINE)


def test_every_knob_that_is_seen_is_named_in_the_user_guide() -> None:
    guide = " ".join((CHECKOUT / "docs" / "user-guide.md").read_text(encoding="utf-8").lower().split())
    gizmo = (CHECKOUT / "gizmos" / "XMemRoto.gizmo").read_text(encoding="utf-8")
    seen = [knob["label"] for knob in KNOB.finditer(gizmo) if "+INVISIBLE" not in knob["rest"]]
    assert len(seen) > 40
    assert [label for label in seen if label.lower() not in guide] == []
