#!/usr/bin/env python3
"""Write the three jobs of an XMemRoto node for Deadline 10's CommandLine plugin, and submit them with their dependencies.

    submit.py --script shot.nk --job JOBDIR --chunks 8                      writes job and plugin files, then calls deadlinecommand
    submit.py --script shot.nk --job JOBDIR --chunks 8 --files FOLDER       only writes them

What was checked: the files' keys are those of Deadline's manual ("Manual Job Submission"), and each command line is one that this
version of xmem-roto and render.py takes (tests/render_farm/test_recipes.py). What was not: no Deadline 10 has run it.

Deadline counts every exit code other than 0 as an error and requeues the task until the job's error limit; a job that exits with 2 is wrong
and stays wrong, so the limit here is low. `-chunk` tasks are frames 1 to N: <STARTFRAME> is the chunk's number.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

ERROR_LIMIT = 20
Keys = dict[str, str]


def quoted(words: list[str]) -> str:
    """Write arguments as Deadline keeps them; <QUOTE> becomes a quotation mark."""
    return " ".join(f"<QUOTE>{word}<QUOTE>" if re.search(r"\s", word) else word for word in words)


def jobs(asked: argparse.Namespace) -> list[list[Keys]]:
    """Give job and plugin keys of each job, in the order of their dependencies."""
    common = ["--precision", "float32", "--wait", "600"]
    export = ["-t", asked.render, "--export-only", asked.job, "--origin", asked.script, asked.script, asked.nodes]
    run = ["run", asked.job, "--chunk", f"<STARTFRAME>/{asked.chunks}", *common]
    collect = ["collect", asked.job, *common]
    steps = [
        ("export", asked.nuke, export, "1", asked.nuke_group),
        ("propagate", asked.xmem_roto, run, f"1-{asked.chunks}", asked.group),
        ("collect", asked.xmem_roto, collect, "1", asked.group),
    ]
    return [[_job(asked, name, frames, group), _plugin(executable, words)] for name, executable, words, frames, group in steps]


def _job(asked: argparse.Namespace, name: str, frames: str, group: str) -> Keys:
    return {
        "Plugin": "CommandLine",
        "Name": f"XMem Roto {asked.nodes}: {name}",
        "BatchName": f"XMem Roto {Path(asked.script).stem}",
        "Frames": frames,
        "ChunkSize": "1",
        "Group": group,
        "OverrideJobFailureDetection": "True",
        "FailureDetectionJobErrors": str(ERROR_LIMIT),
    }


def _plugin(executable: str, words: list[str]) -> Keys:
    return {
        "Executable": executable,
        "Arguments": quoted(words),
        "Shell": "default",
        "ShellExecute": "False",
        "SingleFramesOnly": "True",
        "StartupDirectory": "",
    }


def write(path: Path, keys: Keys) -> Path:
    path.write_text("".join(f"{name}={value}\n" for name, value in keys.items()), encoding="utf-8")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--script", required=True, help="Nuke script")
    parser.add_argument("--nodes", default="XMemRoto1", help="XMemRoto nodes, with commas between them")
    parser.add_argument("--job", required=True, help="job folder on shared storage")
    parser.add_argument("--chunks", type=int, default=4, help="see `xmem-roto plan JOBDIR --workers N`")
    parser.add_argument("--nuke", default="nuke")
    parser.add_argument("--render", default="/opt/xmem-roto/nuke_plugin/render.py", help="render.py on the workers")
    parser.add_argument("--xmem-roto", default="xmem-roto", help="command on the workers")
    parser.add_argument("--group", default="none", help="group of workers that propagate")
    parser.add_argument("--nuke-group", default="none", help="group of workers that have Nuke")
    parser.add_argument("--deadlinecommand", default="deadlinecommand")
    parser.add_argument("--files", type=Path, help="only write the files here, without dependencies, which need the jobs' ids")
    asked = parser.parse_args()
    before = ""
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.files or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for number, (job, plugin) in enumerate(jobs(asked), 1):
            if before:
                job["JobDependencies"] = before
            files = [write(folder / f"{number}-job.job", job), write(folder / f"{number}-plugin.job", plugin)]
            if asked.files:
                print(*files)
                continue
            answer = subprocess.run([asked.deadlinecommand, *map(str, files)], capture_output=True, text=True, check=True)
            found = re.search(r"JobID=(\S+)", answer.stdout)
            if found is None:
                print(f"Deadline gave no id for {job['Name']}: {answer.stdout}")
                return 1
            before = found[1]
            print(f"{job['Name']}: {before}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
