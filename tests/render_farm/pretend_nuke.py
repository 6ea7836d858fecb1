"""Nuke as a farm or a terminal calls it, played by the stand-in.

pretend_nuke.py -t nuke_plugin/render.py ARGUMENTS     runs the script in a terminal session with the plugin
pretend_nuke.py --make SCRIPT                          saves a script with a moving plate and an XMemRoto, keyed on four frames
pretend_nuke.py --status SCRIPT                        opens it in the interface, refreshes the node, prints its status
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]

import nukesim  # noqa: E402

FIRST, LAST, KEYS = 1001, 1012, (1001, 1004, 1007, 1010)
SIZE = 64
"""Working size, the smallest there is."""


def main(arguments: list[str]) -> int:
    interface = arguments[0] in ("--make", "--status")
    host = nukesim.start(gui=interface)
    host.startup([str(CHECKOUT)])
    try:
        if arguments[0] == "--make":
            _make(host, Path(arguments[1]))
            return 0
        if arguments[0] == "--status":
            host.open(Path(arguments[1]))
            node = host.node("XMemRoto")
            host.press(node, "refresh")
            host.pump(0.2)
            print(node["status"].value())
            return 0
        assert arguments[0] == "-t", arguments
        sys.argv = arguments[1:]
        try:
            runpy.run_path(arguments[1], run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0)
        return 0
    finally:
        sys.stdout.flush()
        host.close()


def _make(host: nukesim.Host, path: Path) -> None:
    nuke = sys.modules["nuke"]
    nuke.addFormat("64 48 0 0 64 48 1 tiny")
    for name, value in (("format", "tiny"), ("first_frame", FIRST), ("last_frame", LAST), ("frame", 1004)):
        nuke.root()[name].setValue(value)
    board = nuke.nodes.CheckerBoard2(boxsize=8)
    grade = nuke.nodes.Grade(inputs=[board])
    grade["multiply"].setAnimated()
    for frame in (FIRST, LAST):
        grade["multiply"].setValueAt(0.5 + 0.04 * (frame - FIRST), frame)
    plate = nuke.nodes.FrameRange(inputs=[grade], first_frame=FIRST, last_frame=LAST)
    roto = nuke.nodes.Roto()
    keys = " ".join(f"{{{frame - FIRST + 10} -}}" for frame in KEYS)
    still = {name: " ".join([f"{{{value} -}}"] * len(KEYS)) for name, value in (("low", 10), ("high", 36))}
    right = " ".join(f"{{{frame - FIRST + 34} -}}" for frame in KEYS)
    points = " ".join(
        f"{{0 0}} {{{{{x}}} {{{y}}}}} {{0 0}}"
        for x, y in ((keys, still["low"]), (right, still["low"]), (right, still["high"]), (keys, still["high"]))
    )
    times = " ".join(map(str, KEYS))
    roto["curves"].fromScript(
        f"{{v x3f99999a}} {{f 0}} {{n {{layer Root {{f 0}} {{t 32 24}} {{a}} "
        f"{{curvegroup box 512 bezier {{{{cc {{f 8192}} {{px {{{times}}} {points}}}}} idem}} {{t 25 18}} {{a}}}}}}}}"
    )
    node = nuke.createNode("XMemRoto")
    node.setInput(0, plate)
    node.setInput(1, roto)
    node["size"].setValue(SIZE)
    node["model"].setValue("compact") if "compact" in node["model"].values() else None
    nuke.scriptSaveAs(str(path), 1)
    host.pump(0.1)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
