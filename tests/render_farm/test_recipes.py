"""The recipes for other engines say commands that this version takes; the pages say what is true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

from xmemcore.cli.main import make_parser
from xmemcore.protocol import environment
from xmemcore.protocol.failures import Busy, Cancelled, Failure, MachineError, RequestError

CHECKOUT = Path(__file__).resolve().parents[2]
FARM = CHECKOUT / "farm"
SCRIPT, JOB = "/shots/a b/comp {v1}.nk", "/jobs/a b"
OPTIONS = ["--script", SCRIPT, "--nodes", "A,B", "--job", JOB, "--chunks", "3"]


def require_taken(commands: list[list[str]], chunk: str = "") -> None:
    """See that the command lines are those of an export, of chunks and of a collect."""
    export, *runs, collect = commands
    assert export == ["nuke", "-t", "/opt/xmem-roto/nuke_plugin/render.py", "--export-only", JOB, "--origin", SCRIPT, SCRIPT, "A,B"]
    for number, words in enumerate(runs, 1):
        assert words[0] == "xmem-roto"
        chosen = make_parser().parse_args([word.replace(chunk, str(number)) if chunk else word for word in words[1:]])
        assert (chosen.job, chosen.chunk, chosen.precision, chosen.wait) == (JOB, f"{number}/3", "float32", 600)
    chosen = make_parser().parse_args(collect[1:])
    assert (collect[0], chosen.job, chosen.precision) == ("xmem-roto", JOB, "float32")


def braces(text: str) -> list[str]:
    """Split a Tcl list: words in braces, which nest, and bare ones."""
    words, depth, word, begun = [], 0, "", False
    place = 0
    while place < len(text):
        letter = text[place]
        if letter == "\\" and depth:
            word += text[place : place + 2] if depth > 1 else text[place + 1]
            place += 2
            continue
        if letter == "{":
            depth += 1
            begun = True
            word += letter if depth > 1 else ""
        elif letter == "}":
            depth -= 1
            assert depth >= 0, text
            word += letter if depth else ""
        elif letter.isspace() and not depth:
            if word or begun:
                words.append(word)
            word, begun = "", False
        else:
            word += letter
        place += 1
    assert depth == 0, "braces are balanced"
    return [*words, word] if word or begun else words


def test_tractors_job_is_nested_as_it_should_be() -> None:
    text = subprocess.run([sys.executable, FARM / "tractor" / "alf.py", *OPTIONS], capture_output=True, text=True, check=True).stdout
    job = braces(text)
    assert job[0] == "Job" and job[job.index("-serialsubtasks") + 1] == "1"
    steps = braces(job[job.index("-subtasks") + 1])
    assert steps[0::4] == ["Task"] * 3 and steps[1::4] == ["export", "propagate", "collect"]
    chunks = braces(steps[7])
    commands = [braces(body) for body in (steps[3], *chunks[3::4], steps[11])]
    assert all(command[0] == "RemoteCmd" and command[-2:] == ["-retryrc", "3 75 130"] for command in commands)
    require_taken([[word.replace("\\{", "{").replace("\\}", "}") for word in braces(command[1])] for command in commands])


def test_deadlines_jobs_depend_on_each_other(tmp_path: Path) -> None:
    command = tmp_path / "deadlinecommand"
    command.write_text(
        f"#!{sys.executable}\nimport pathlib, shutil, sys\nhere = pathlib.Path(__file__).parent\n"
        "number = len(list(here.glob('seen*.job')))\nshutil.copy(sys.argv[1], here / f'seen{number}.job')\n"
        "shutil.copy(sys.argv[2], here / f'seen{number}.plugin')\nprint(f'Result=Success\\nJobID=id{number}')\n"
    )
    command.chmod(0o755)
    subprocess.run(
        [sys.executable, FARM / "deadline10" / "submit.py", *OPTIONS, "--deadlinecommand", command], check=True, capture_output=True
    )
    jobs, plugins = (
        [dict(line.split("=", 1) for line in (tmp_path / f"seen{number}.{kind}").read_text().splitlines()) for number in range(3)]
        for kind in ("job", "plugin")
    )
    assert [job.get("JobDependencies") for job in jobs] == [None, "id0", "id1"] and jobs[1]["Frames"] == "1-3"
    assert all(job["Plugin"] == "CommandLine" for job in jobs)
    commands = [[plugin["Executable"], *re.findall(r"<QUOTE>(.*?)<QUOTE>|(\S+)", plugin["Arguments"])] for plugin in plugins]
    export, run, collect = ([command[0], *("".join(pair) for pair in command[1:])] for command in commands)
    require_taken([export, run, run, run, collect], chunk="<STARTFRAME>")


def test_opencues_outline_has_its_layers_and_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell:
        def __init__(self, name: str, command: list[str], **options: object) -> None:
            self.name, self.command, self.options, self.after = name, command, options, []

        def depend_all(self, other: Shell) -> None:
            self.after.append(other.name)

    class Outline:
        def __init__(self, name: str, **options: object) -> None:
            self.layers: list[Shell] = []

        def add_layer(self, layer: Shell) -> None:
            self.layers.append(layer)

    outline, modules, shell = (types.ModuleType(name) for name in ("outline", "outline.modules", "outline.modules.shell"))
    outline.Outline, outline.modules, modules.shell, shell.Shell = Outline, modules, shell, Shell  # type: ignore[attr-defined]
    for module in (outline, modules, shell):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.syspath_prepend(FARM / "opencue")
    import outline_script

    layers = outline_script.build(outline_script.arguments(OPTIONS)).layers
    assert [(layer.name, layer.after) for layer in layers] == [("export", []), ("propagate", ["export"]), ("collect", ["propagate"])]
    assert layers[1].options["range"] == "1-3" and layers[1].options["chunk"] == 1
    export, run, collect = (shlex.split(" ".join(layer.command)) for layer in layers)
    require_taken([export, run, run, run, collect], chunk="#IFRAME#")


def test_the_table_of_variables_is_what_the_program_reads() -> None:
    page = (CHECKOUT / "docs" / "farm.md").read_text("utf-8")
    assert environment.put_into(page) == page, "run python -m xmemcore.protocol.environment"
    sources = [
        *CHECKOUT.glob("xmemcore/**/*.py"),
        *CHECKOUT.glob("nuke_plugin/**/*.py"),
        CHECKOUT / "bootstrap.py",
        CHECKOUT / "tests/shared_data.py",
    ]
    used = {name for path in sources for name in re.findall(r"\bXMEM_ROTO_[A-Z_]+\b", path.read_text("utf-8"))}
    assert used == {variable.name for variable in environment.VARIABLES if variable.name.startswith("XMEM_ROTO_")}


def test_the_page_names_the_exit_codes_that_there_are() -> None:
    page = (CHECKOUT / "docs" / "farm.md").read_text("utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert table == {0, *(kind.exit_code for kind in (Failure, RequestError, MachineError, Busy, Cancelled))}
