#!/usr/bin/env python3
"""Print a Tractor job (alf script) for an XMemRoto node.

    alf.py --script shot.nk --job JOBDIR --chunks 8 > shot.alf && tractor-spool shot.alf

What was checked: the text's nesting, and that each command line is one that this version of xmem-roto and render.py takes
(tests/render_farm/test_recipes.py). What was not: no Tractor has run it; `-retryrc` is an option of Tractor 2 and written from memory.
"""

from __future__ import annotations

import argparse

RETRY = "3 75 130"
"""Exit codes that another blade, or a later time, may cure; 2 never is."""


def braced(words: list[str]) -> str:
    """Write words so that Tractor hands on each as one; braces and backslashes inside are escaped."""
    return " ".join("{" + word.replace("\\", "\\\\").replace("{", "\\{").replace("}", "\\}") + "}" for word in words)


def command(words: list[str], service: str) -> str:
    return f"RemoteCmd {{{braced(words)}}} -service {{{service}}} -retryrc {{{RETRY}}}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--script", required=True, help="Nuke script")
    parser.add_argument("--nodes", default="XMemRoto1", help="XMemRoto nodes, with commas between them")
    parser.add_argument("--job", required=True, help="job folder on shared storage")
    parser.add_argument("--chunks", type=int, default=4, help="see `xmem-roto plan JOBDIR --workers N`")
    parser.add_argument("--nuke", default="nuke")
    parser.add_argument("--render", default="/opt/xmem-roto/nuke_plugin/render.py", help="render.py on the blades")
    parser.add_argument("--xmem-roto", default="xmem-roto", help="command on the blades")
    parser.add_argument("--service", default="PixarRender", help="service key of blades that propagate")
    parser.add_argument("--nuke-service", default="Nuke", help="service key of blades that have Nuke")
    asked = parser.parse_args()
    export = [asked.nuke, "-t", asked.render, "--export-only", asked.job, "--origin", asked.script, asked.script, asked.nodes]
    common = ["--precision", "float32", "--wait", "600"]
    lines = [f"Job -title {{XMem Roto {asked.nodes}}} -serialsubtasks 1 -subtasks {{"]
    lines += [f"  Task {{export}} -cmds {{ {command(export, asked.nuke_service)} }}"]
    lines += ["  Task {propagate} -subtasks {"]
    for number in range(1, asked.chunks + 1):
        words = [asked.xmem_roto, "run", asked.job, "--chunk", f"{number}/{asked.chunks}", *common]
        lines.append(f"    Task {{chunk {number} of {asked.chunks}}} -cmds {{ {command(words, asked.service)} }}")
    lines += ["  }"]
    lines += [f"  Task {{collect}} -cmds {{ {command([asked.xmem_roto, 'collect', asked.job, *common], asked.service)} }}", "}"]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
