"""The farm templates, run: a script is exported, sessions are cancelled and killed, and the result is that of a single run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.render_farm.pretend_nuke import FIRST, KEYS, LAST
from xmemcore.shot.store.at_work import AtWork

CHECKOUT = Path(__file__).resolve().parents[2]
FARM = CHECKOUT / "farm"
OPENJD = Path(sys.executable).with_name("openjd")
TEMPLATES = sorted(path.relative_to(FARM).as_posix() for path in FARM.glob("*/*.yaml") if "specificationVersion" in path.read_text())
CHUNKS = 2
PATIENCE_SECONDS = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the commands that stand for Nuke and xmem-roto are shell scripts"),
    pytest.mark.skipif(not OPENJD.exists(), reason="openjd-cli is not installed: bootstrap.py setup --extras farm"),
    pytest.mark.timeout(2 * PATIENCE_SECONDS),
]


class Farm:
    """A worker's surroundings: the commands that it has, and a script that was submitted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "shots" / "shot.nk"
        self.job = folder / "jobs" / "a job"
        self.environment = {**os.environ, "XMEM_ROTO_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.environment.pop("PYTHONPATH", None)
        self.nuke = self.command("nuke", sys.executable, str(CHECKOUT / "tests" / "render_farm" / "pretend_nuke.py"))
        self.core = self.command("xmem-roto", sys.executable, "-I", "-m", "xmemcore")

    def command(self, name: str, *words: str) -> Path:
        """Put a command into the worker's path."""
        path = self.folder / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in words) + ' "$@"\n')
        path.chmod(0o755)
        return path

    def played(self, *words: str) -> str:
        answer = subprocess.run([self.nuke, *words], env=self.environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def session(self, step: str, tasks: str | None = None, template: str = "openjd/script.yaml", **other: str) -> subprocess.Popen[str]:
        """Start one session: a step, or some of its tasks."""
        values = {
            "Script": str(self.script),
            "Nodes": "XMemRoto",
            "JobFolder": str(self.job),
            "Chunks": str(CHUNKS),
            "Device": "cpu",
            "Wait": "60",
            "Cache": str(self.folder / "cache"),
            "Nuke": str(self.nuke),
            "RenderScript": str(CHECKOUT / "nuke_plugin" / "render.py"),
            "XmemRoto": str(self.core),
            **other,
        }
        if template != "openjd/script.yaml":
            values = {name: value for name, value in values.items() if name not in ("Script", "Nodes", "Nuke", "RenderScript")}
        words = [str(OPENJD), "run", str(FARM / template), "--step", step, "--no-run-dependencies"]
        words += [word for name, value in values.items() for word in ("-p", f"{name}={value}")]
        words += ["--tasks", tasks] if tasks else []
        return subprocess.Popen(
            words,
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, step: str, tasks: str | None = None, template: str = "openjd/script.yaml", **other: str) -> tuple[int, str]:
        with self.session(step, tasks, template, **other) as process:
            out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out

    @property
    def mattes(self) -> Path:
        return self.job / "XMemRoto" / "mattes"

    def finished(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.mattes.glob("matte.*.exr")}

    def times(self, names: set[str]) -> dict[str, int]:
        return {name: (self.mattes / name).stat().st_mtime_ns for name in names}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("farm"))
    farm.script.parent.mkdir()
    farm.played("--make", str(farm.script))
    yield farm


@pytest.fixture(scope="module")
def whole(farm: Farm) -> dict[str, bytes]:
    """Mattes of one undisturbed run after the export, made in the job's own place, since mattes name the plate that they are made from."""
    code, out = farm.run("Export")
    assert code == 0, out
    assert re.search(r"openjd_progress: [1-9]\d?\b", out) and "openjd_status: rendering the plate" in out
    single = subprocess.run(
        [farm.core, "run", farm.job, "--precision", "float32", "--no-collect", "--no-cache"],
        env=farm.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert single.returncode == 0, single.stderr
    whole = farm.finished()
    assert len(whole) == LAST - FIRST + 1
    farm.mattes.rename(farm.folder / "single")
    return whole


def chunk(number: int) -> str:
    return json.dumps([{"Chunk": number}])


def wait_for_matte(farm: Farm, process: subprocess.Popen[str], frames: range) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any((farm.mattes / f"matte.{frame}.exr").exists() for frame in frames):
        assert time.monotonic() < deadline and process.poll() is None, process.stdout.read() if process.stdout else ""
        time.sleep(0.005)


def children(parent: int) -> list[int]:
    """List the processes below one, the farthest first."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split()
    pairs = [(int(pid), int(above)) for pid, above in zip(listed[::2], listed[1::2])]
    found, below = [], [parent]
    while below:
        below = [pid for pid, above in pairs if above in below]
        found += below
    return found[::-1]


@pytest.mark.parametrize("template", TEMPLATES)
def test_template_is_valid(template: str) -> None:
    answer = subprocess.run([OPENJD, "check", FARM / template], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_environment_of_the_page_is_valid(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "engines" / "openjd.md").read_text("utf-8")
    lines = re.findall(r"(?:^    .*\n)+", page[page.index("    specificationVersion: environment") :], re.MULTILINE)[0]
    path = tmp_path / "environment.yaml"
    path.write_text(textwrap.dedent(lines))
    answer = subprocess.run([OPENJD, "check", path], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_deadline_cloud_takes_the_same_template() -> None:
    assert (FARM / "deadline-cloud" / "template.yaml").read_bytes() == (FARM / "openjd" / "script.yaml").read_bytes()
    assert len(TEMPLATES) == 3


@pytest.mark.exhaustive
def test_a_cancelled_task_gets_notice_keeps_its_mattes_and_is_finished_later(farm: Farm, whole: dict[str, bytes]) -> None:
    # Somebody else has the last gap, so that the run waits for it when the cancel reaches it.
    last_gap = range(max(KEYS) + 1, LAST + 1)
    with AtWork.on_mattes(farm.mattes / "matte.%04d.exr").claim(last_gap[0], last_gap[-1]) as held:
        assert held is not None
        session = farm.session("Propagate", chunk(1), Chunks="1", Wait=str(PATIENCE_SECONDS))
        wait_for_matte(farm, session, range(FIRST, LAST + 1))
        worker = children(session.pid)[0]
        os.kill(session.pid, signal.SIGTERM)
        out, _ = session.communicate(timeout=PATIENCE_SECONDS)
    assert session.returncode != 0, out
    assert f'Sending signal "term" to process {worker}' in out, out
    assert f"pid {worker} exited with code: 130 " in out, out
    finished_first = set(farm.finished())
    assert finished_first and finished_first.isdisjoint(f"matte.{frame}.exr" for frame in last_gap)
    assert {name: farm.finished()[name] for name in finished_first} == {name: whole[name] for name in finished_first}

    times = farm.times(finished_first)
    code, out = farm.run("Propagate", chunk(1), Chunks="1")
    assert code == 0, out
    assert farm.times(finished_first) == times, "what was finished is not done again"
    assert farm.finished() == whole
    farm.mattes.rename(farm.folder / "cancelled")


@pytest.mark.exhaustive
def test_a_job_that_was_shared_killed_and_requeued_gives_the_mattes_of_one_run(farm: Farm, whole: dict[str, bytes]) -> None:
    before = farm.script.read_bytes()
    # Two sessions at a time; the second one's worker is killed behind its first matte. It waits for somebody who has the last gap.
    last_gap = range(max(KEYS) + 1, LAST + 1)
    with AtWork.on_mattes(farm.mattes / "matte.%04d.exr").claim(last_gap[0], last_gap[-1]) as held:
        assert held is not None
        first, second = farm.session("Propagate", chunk(1)), farm.session("Propagate", chunk(2), Wait=str(PATIENCE_SECONDS))
        wait_for_matte(farm, second, range(FIRST + 6, last_gap[0]))
        os.kill(children(second.pid)[0], signal.SIGKILL)
        killed, _ = second.communicate(timeout=PATIENCE_SECONDS)
    done, _ = first.communicate(timeout=PATIENCE_SECONDS)
    assert second.returncode != 0, killed
    assert first.returncode == 0, done
    finished_first = set(farm.finished())
    assert finished_first < set(whole)

    code, out = farm.run("Collect")
    assert code != 0 and "no finished matte of this job" in out, "what is not finished is not brought home"
    times = farm.times(finished_first)
    code, out = farm.run("Propagate", chunk(2))
    assert code == 0, out
    assert farm.times(finished_first) == times, "what was finished is not done again"
    assert farm.finished() == whole

    code, out = farm.run("Collect")
    assert code == 0, out
    home = next(farm.script.parent.glob("mattes/*/result.json")).parent
    assert {path.name: path.read_bytes() for path in home.glob("matte.*.exr")} == whole
    assert farm.script.read_bytes() == before, "an artist's script stays as it is"
    status = farm.played("--status", str(farm.script))
    assert "Up to date" in status and "on other machines" in status, "and shows the farm's mattes when it is opened"


def test_a_farm_is_told_how_far_it_is_and_why_it_failed(farm: Farm) -> None:
    code, out = farm.run("Propagate", chunk(1), template="openjd/job-folder.yaml", JobFolder=str(farm.folder / "nothing"))
    assert code != 0
    assert "This machine has no folder" in out and "Mount its disk here" in out
    assert any("openjd_fail" in line or "This machine has no folder" in line for line in out.splitlines())
