"""A node in the middle of an artist's work, for drawings of its panel: three objects, keys, mattes of two runs, suggestions."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

SHAPE = (
    "{curvegroup %s 512 bezier {{cc {f 8192} {px 1001 {0 0} {10 10} {0 0} {0 0} {40 10} {0 0} {0 0} {25 36} {0 0}}} idem} {t 25 18} {a}}"
)
ROTO = "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} %s}}"
NAMES = ("head", "left_sleeve", "body")
STATUS = (
    '<b><font color="#e0a030">Stale</font></b><br>left_sleeve has a new key on 1042.<br>The mattes of 1081-1100 show too; they are of '
    "earlier runs.<br>Next run: at most 80 frames from 5 keyframes, about 40 s."
)


def staged(host, thumbnails: Path | None = None):
    """Make the node."""
    nuke = sys.modules["nuke"]
    from xmem_roto_nuke.node import identity
    from xmem_roto_nuke.panel import timeline

    for name, value in (("first_frame", 1001), ("last_frame", 1100), ("frame", 1047)):
        nuke.root()[name].setValue(value)
    roto = nuke.nodes.Roto()
    roto["curves"].fromScript(ROTO % " ".join(SHAPE % name for name in NAMES))
    node = nuke.createNode("XMemRoto")
    node.setInput(1, roto)
    found = json.loads(thumbnails.read_text()) if thumbnails is not None else suggestions()
    identity.write_hidden(node, "suggestions", found)
    for pulldown in ("key_object", "suggest_object"):
        node[pulldown].setValues(["all", *NAMES])
    sureness = {frame: 0.93 - 0.35 * math.exp(-(((frame - 1057) / 5) ** 2)) + 0.01 * math.sin(frame) for frame in range(1001, 1101)}
    shown = timeline.Timeline(
        1001,
        1100,
        keyed={"head": (1001, 1100), "left_sleeve": (1001, 1042, 1070), "body": (1001, 1100)},
        absent={"left_sleeve": tuple(range(1085, 1091))},
        approved={"body": tuple(range(1001, 1021))},
        current=frozenset(range(1001, 1081)) - {1033},
        former=frozenset(range(1081, 1101)),
        missing=frozenset({1033}),
        stale=True,
        sureness=sureness,
        reasons=timeline.reasons_of(found, {}),
    )
    timeline.keep(identity.node_id(node), shown)
    return node


def say(node) -> None:
    """Write what a look at the node would; opening its panel looked, and found no plate."""
    node["status"].setValue(STATUS)
    node["keyframes"].setValue("head: 1001,1100<br>left_sleeve: 1001,1042,1070<br>body: 1001,1100")


def suggestions() -> dict:
    """What Suggest frames may have answered."""
    listed = (
        (1057, 0.6, "left_sleeve: lost for 12 frames (1051-1062)"),
        (1077, 0.35, "head: two candidates on 1075-1080"),
        (1020, 0.2, "body: turned away, like none of its keys, on 1017-1024"),
    )
    return {
        "suggestions": [
            {
                "frame": frame,
                "score": score,
                "reason": reason,
                "wrong": place < 2,
                "object": reason.split(": ")[0] if ": " in reason else None,
            }
            for place, (frame, score, reason) in enumerate(listed)
        ],
        "object": None,
        "message": "Key frame 1057 next: left_sleeve: lost for 12 frames (1051-1062). "
        "The mattes are expected to reach J 0.91, give or take 0.1.",
        "lost_frames": [],
        "thumbnails": {},
    }
