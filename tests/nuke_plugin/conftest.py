"""A Nuke stand-in with the plugin loaded, a plate, a roto, and a core that plays."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import importlib.machinery
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import types
from pathlib import Path
from types import SimpleNamespace

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CORE_PYTHON = os.environ.get("NUKESIM_RENDER_PYTHON", sys.executable)
"""The core that plays needs numpy and OpenEXR, which a Python of Nuke's has not got."""
sys.path[:0] = [str(CHECKOUT / "tests"), str(Path(__file__).parent)]

from warm_core import PROGRAM, warm  # noqa: E402

WARM_CORE = warm(CORE_PYTHON) if sys.platform == "linux" else None

TRIANGLE = (
    "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} "
    "{curvegroup tri 512 bezier {{cc {f 8192} {px 1001 {0 0} {10 10} {0 0} {0 0} {40 10} {0 0} {0 0} {25 36} {0 0}}} idem} {t 25 18} {a}}}}"
)


class Stage:
    """A script with CheckerBoard > Grade > FrameRange into `plate`, a Roto into `roto`, format 64 x 48, frames 1001-1010."""

    def __init__(self, host, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.nuke = sys.modules["nuke"]
        self._threads = set(threading.enumerate())

    def build(self):
        nuke = self.nuke
        nuke.addFormat("64 48 0 0 64 48 1 tiny")
        for name, value in (("format", "tiny"), ("first_frame", 1001), ("last_frame", 1010), ("frame", 1004)):
            nuke.root()[name].setValue(value)
        board = nuke.nodes.CheckerBoard2(boxsize=8)
        self.grade = nuke.nodes.Grade(inputs=[board])
        self.plate = nuke.nodes.FrameRange(inputs=[self.grade], first_frame=1001, last_frame=1010)
        self.roto = nuke.nodes.Roto()
        self.roto["curves"].fromScript(TRIANGLE)
        self.node = nuke.createNode("XMemRoto")
        self.node.setInput(0, self.plate)
        self.node.setInput(1, self.roto)
        self.save()
        self.host.pump(0.05)
        return self

    def save(self, name: str = "shot.nk") -> Path:
        path = self.folder / name
        self.nuke.scriptSaveAs(str(path), 1)
        return path

    @property
    def runs(self) -> dict:
        """Runs under way."""
        import xmem_roto_nuke.node.runs

        return xmem_roto_nuke.node.runs.under_way

    def wait(self, seconds: float = 90.0) -> None:
        """Let the interface run until no run is under way, and what each had to say is said, however slow the machine."""

        def over() -> bool:
            names = {thread.name for thread in set(threading.enumerate()) - self._threads}
            return not self.runs and not any(name.startswith("XMem ") and name != "XMem lines" for name in names)

        assert self.host.pump(seconds, until=over), "a run did not end"
        self.host.pump(0.1)

    def press(self, name: str, node=None) -> None:
        self.host.press(node or self.node, name)

    def propagate(self, node=None, seconds: float = 90.0) -> None:
        self.press("propagate", node)
        self.wait(seconds)

    def copied(self, node):
        """Copy a node and paste it, as an artist does."""
        for other in self.host.all_nodes():
            other["selected"].setValue(False)
        node["selected"].setValue(True)
        self.nuke.nodeCopy("%clipboard%")
        node["selected"].setValue(False)
        return self.nuke.nodePaste("%clipboard%")

    def status(self, node=None) -> str:
        return (node or self.node)["status"].value()

    @property
    def told(self) -> list[str]:
        """What dialogues said, those included that wait for the interface to live again."""
        if self.host.gui:
            self.host.pump()
        return [text for _, text in self.host.messages]

    def mattes(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("mattes/*/matte.*.exr"))

    def cache(self) -> Path:
        return Path(os.environ["XMEM_ROTO_CACHE"])


def keep_bytecode() -> None:
    """Let each test's new import of the plugin find its 70 files compiled, where Python is told to write nothing into the checkout."""
    if sys.dont_write_bytecode:
        folder = tempfile.mkdtemp(prefix="xmem-roto-bytecode-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        sys.pycache_prefix, sys.dont_write_bytecode = folder, False


keep_bytecode()


def keep_code() -> None:
    """Read the plugin's 70 files, and compile the methods of its dataclasses, once: each test imports all of them anew."""
    read, compiled = importlib.machinery.SourceFileLoader.get_code, functools.lru_cache(maxsize=4096)(compile)
    kept: dict[tuple[str, str], types.CodeType] = {}

    def code(loader: importlib.machinery.SourceFileLoader, name: str) -> types.CodeType | None:
        if name.split(".")[0] != "xmem_roto_nuke" or not loader.path.startswith(str(CHECKOUT)):
            return read(loader, name)
        key = (name, loader.path)
        if key not in kept:
            kept[key] = read(loader, name)
        return kept[key]

    def run(text, names, *more):
        exec(compiled(text, "<string>", "exec", 0, True), names, *more)

    importlib.machinery.SourceFileLoader.get_code = code
    dataclasses.exec = run  # type: ignore[attr-defined]


keep_code()


def forget_plugin() -> None:
    """The plugin's host module holds on to the `nuke` of its time; a new stand-in needs a new import."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("xmem_roto_nuke", "nuke_plugin")]:
        del sys.modules[name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses the stand-in in the temper that --temper names, or in both."""
    if "temper" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--temper")
        metafunc.parametrize("temper", ["plain", "hostile"] if chosen == "both" else [chosen], indirect=True)
        if WARM_CORE is not None and not metafunc.config.option.collectonly:
            WARM_CORE.get_ready()


@pytest.fixture
def temper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the temper of every stand-in that is started in this process or below it."""
    monkeypatch.setenv("NUKESIM_TEMPER", request.param)
    return str(request.param)


@pytest.fixture
def start(temper, tmp_path, monkeypatch):
    """Start a stand-in with the plugin on its path and a core that plays; closed at the end."""
    import nukesim

    monkeypatch.setenv("XMEM_ROTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PRETEND", raising=False)
    hosts, cores = [], []

    def begin(plugin: bool = True, **options):
        forget_plugin()
        host = nukesim.start(**{"gui": True, **options})
        hosts.append(host)
        if plugin:
            host.startup([str(CHECKOUT)])
            from xmem_roto_nuke.core import client, process

            if WARM_CORE is not None:
                process.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": WARM_CORE})
            # Silence: the core that plays imports torch before it approves anything, and a loaded machine takes its time for that.
            patience = client.Patience(cancel_heard_seconds=3, cancel_done_seconds=2, ping_every_seconds=1, silence_seconds=30)
            client._session = client.Core(lambda: [CORE_PYTHON, "-I", PROGRAM, "--parent", str(os.getpid())], patience=patience)
            cores.append(client._session)
        else:
            # It can be imported here, as it could not be on a machine that has not got it.
            sys.modules["xmem_roto_nuke"] = None
        return Stage(host, tmp_path)

    yield begin
    for host in hosts:
        if host is not None:
            host.close()
    for core in cores:
        core.close()
    forget_plugin()


@pytest.fixture
def stage(start):
    """A stand-in with a connected XMemRoto."""
    return start().build()


@pytest.fixture
def script(start):
    """A saved script with a connected node, made in the interface."""
    stage = start().build()
    stage.host.pump(0.1)
    path = stage.save()
    stage.host.close()
    return path


@pytest.fixture(scope="module")
def bundled_model():
    from xmemcore.network import catalogue

    if not catalogue.installed():
        pytest.skip("no model is installed")
    return catalogue.installed()[0].name
