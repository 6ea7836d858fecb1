"""`xmem-roto train scenes`, `shots`, `pictures` and `edges`: what a training learns from, and the network that is trained apart."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from xmemcore.cli.options import Parser, positive, whole

MOST_PIXELS = 4096
"""Of a side of a scene: beyond any machine's memory, as in a recipe."""


def scenes(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Describe `train scenes`."""
    parser.description = "Render clips of turning bodies, with exact masks of every part; scenes that are there already stay."
    parser.add_argument("out", metavar="OUT", type=Path, help="folder of the scenes, for `xmem-roto train --scenes OUT`")
    parser.add_argument("--count", type=positive, default=300, help="default: %(default)s")
    parser.add_argument("--stills", metavar="DIR", help="photographs for the skins; without them all are generated")
    parser.add_argument("--seed", type=whole(0), default=0)
    parser.add_argument("--size", type=whole(16, MOST_PIXELS), default=320, help="pixels of a side (default: %(default)s)")
    parser.add_argument("--frames", type=whole(2, MOST_PIXELS), default=20, help="of a scene (default: %(default)s)")

    def run(chosen: argparse.Namespace) -> int:
        from xmemcore.training.render import render_scenes

        made = render_scenes(chosen.out, chosen.count, chosen.stills, chosen.seed, chosen.size, chosen.frames)
        print(f"{made} scenes rendered, {chosen.count} in {chosen.out}")
        return 0

    return run


def shots(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Describe `train shots`."""
    parser.description = "Draw whole shots with a mask for every frame, for `xmem-roto evaluate OUT`: to tune on what judges nothing."
    parser.add_argument("out", metavar="OUT", type=Path, help="a new folder; each shot gets its own in it")
    parser.add_argument("--count", type=positive, default=12, help="default: %(default)s")
    parser.add_argument("--stills", metavar="DIR", help="photographs, as for a training; without them all pictures are generated")
    parser.add_argument("--scenes", metavar="DIR", help="rendered scenes, for half of the shots; render them with as many --frames")
    parser.add_argument("--seed", type=whole(0), default=0)
    parser.add_argument("--size", type=whole(64, MOST_PIXELS), default=288, help="pixels of a side (default: %(default)s)")
    parser.add_argument("--frames", type=whole(2, MOST_PIXELS), default=60, help="of a shot (default: %(default)s)")

    def run(chosen: argparse.Namespace) -> int:
        from xmemcore.training.shots import write_shots

        made = write_shots(chosen.out, chosen.count, chosen.stills, chosen.scenes, chosen.seed, chosen.size, chosen.frames)
        print(f"{len(made)} shots in {chosen.out}")
        return 0

    return run


def pictures(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Describe `train pictures`."""
    parser.description = "Gather pictures whose licences permit any use, from packages of Debian, for `xmem-roto train --stills`."
    parser.add_argument("out", metavar="OUT", type=Path, help="folder of the set")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where the packages are installed or unpacked (default: %(default)s)")
    parser.add_argument("--survey", action="store_true", help="instead: write the manifest of what may enter to OUT, for a person to read")

    def run(chosen: argparse.Namespace) -> int:
        from xmemcore.training.clean_pictures import build, write_survey

        if chosen.survey:
            print(f"{write_survey(chosen.root, chosen.out)} pictures: {chosen.out}")
        else:
            entered, other = build(chosen.root, chosen.out)
            print(f"{entered} pictures in {chosen.out}; {other} of the list are missing or other files")
        return 0

    return run


def edges(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Describe `train edges`."""
    cores = os.cpu_count() or 1
    parser.description = (
        "Draw edges with known alpha and train the network that refines mattes with them; OUT/edges.safetensors is what ships."
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder of pictures, losses and weights")
    parser.add_argument(
        "--files", type=whole(6), default=360, help="of 32 pictures each; the first five are held out (default: %(default)s)"
    )
    parser.add_argument("--steps", type=positive, default=6000, help="default: %(default)s")
    parser.add_argument("--photographs", metavar="DIR", type=Path, help="JPEGs for textures, their terms in terms.txt; default: none")
    parser.add_argument("--seed", type=whole(0), default=0)
    parser.add_argument("--threads", type=whole(1, cores, ", the cores of this machine"), default=cores, help="default: all cores")

    def run(chosen: argparse.Namespace) -> int:
        from xmemcore.training.edges import draw_and_train

        for entry in draw_and_train(chosen.out, chosen.files, chosen.steps, chosen.photographs, chosen.seed, chosen.threads):
            print("  ".join(f"{name} {value}" for name, value in entry.items()), flush=True)
        return 0

    return run


COMMANDS = {"scenes": scenes, "shots": shots, "pictures": pictures, "edges": edges}


def main(command: str, arguments: Sequence[str]) -> int:
    """Parse and run one of COMMANDS."""
    parser = Parser(prog=f"xmem-roto train {command}")
    run = COMMANDS[command](parser)
    return run(parser.parse_args(arguments))
