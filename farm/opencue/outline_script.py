#!/usr/bin/env python3
"""Launch an XMemRoto node on OpenCue: `outline_script.py --script shot.nk --job JOBDIR --chunks 8 --show test --shot sh010`.

What was checked: layers, commands and dependencies, with a stand-in for the two classes of PyOutline that are used, and that each command
line is one that this version of xmem-roto and render.py takes (tests/render_farm/test_recipes.py). What was not: no Cuebot has run it.

OpenCue retries a frame that fails as often as its show's limit says, whatever the exit code; a frame that ended with 2 is best eaten.
"""

from __future__ import annotations

import argparse
import getpass
import shlex
from typing import Any


def build(asked: argparse.Namespace) -> Any:
    """Make the outline: export, then one frame a chunk, then collect."""
    import outline
    import outline.modules.shell

    def layer(name: str, words: list[str], **options: Any) -> Any:
        # PyOutline joins the words with spaces, and a shell takes them apart again.
        return outline.modules.shell.Shell(name, command=[shlex.quote(word) for word in words], **options)

    common = ["--precision", "float32", "--wait", "600"]
    job = outline.Outline(asked.name, shot=asked.shot, show=asked.show, user=asked.user)
    words = [asked.nuke, "-t", asked.render, "--export-only", asked.job, "--origin", asked.script, asked.script, asked.nodes]
    export = layer("export", words, type="Util", range="1-1", tags=asked.nuke_tags)
    words = [asked.xmem_roto, "run", asked.job, "--chunk", f"#IFRAME#/{asked.chunks}", *common]
    propagate = layer("propagate", words, type="Render", range=f"1-{asked.chunks}", chunk=1, tags=asked.tags)
    collect = layer("collect", [asked.xmem_roto, "collect", asked.job, *common], type="Util", range="1-1", tags=asked.tags)
    for step in (export, propagate, collect):
        job.add_layer(step)
    # Every chunk waits for the whole export, and the collect for every chunk.
    propagate.depend_all(export)
    collect.depend_all(propagate)
    return job


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--script", required=True, help="Nuke script")
    parser.add_argument("--nodes", default="XMemRoto1", help="XMemRoto nodes, with commas between them")
    parser.add_argument("--job", required=True, help="job folder on shared storage")
    parser.add_argument("--chunks", type=int, default=4, help="see `xmem-roto plan JOBDIR --workers N`")
    parser.add_argument("--nuke", default="nuke")
    parser.add_argument("--render", default="/opt/xmem-roto/nuke_plugin/render.py", help="render.py on the hosts")
    parser.add_argument("--xmem-roto", default="xmem-roto", help="command on the hosts")
    parser.add_argument("--name", default="xmem-roto")
    parser.add_argument("--show", default="testing")
    parser.add_argument("--shot", default="test")
    parser.add_argument("--user", default=getpass.getuser())
    parser.add_argument("--tags", default="general", help="of hosts that propagate")
    parser.add_argument("--nuke-tags", default="general", help="of hosts that have Nuke")
    return parser.parse_args(words)


if __name__ == "__main__":
    import outline.cuerun

    outline.cuerun.launch(build(arguments()), use_pycuerun=False)
