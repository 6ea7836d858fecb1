"""The menu's entries: the set-up run in the background with its steps shown, and what happens without a core."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from tests.nuke_plugin.conftest import CHECKOUT

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def checkout(start, tmp_path, monkeypatch):
    """A stand-in whose plugin believes to lie in a folder with a bootstrap.py of ours."""
    stage = start()
    from xmem_roto_nuke.core import launch, set_up

    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    monkeypatch.setattr(launch, "CHECKOUT", tmp_path)
    monkeypatch.setattr(set_up, "python", lambda: sys.executable)

    def bootstrap(text: str):
        (tmp_path / "bootstrap.py").write_text(text)
        thread = set_up.start()
        assert stage.host.pump(60, until=lambda: not thread.is_alive())
        stage.host.pump(0.1)
        return stage

    return bootstrap


def test_steps_of_the_set_up_are_shown_as_they_come(checkout):
    stage = checkout("for i, text in enumerate(['find Python', 'install', 'check']):\n    print(f'[{i + 1}/3] {text}', flush=True)")
    seen = [text for record in stage.host.progress_records for _, text in record.seen]
    assert ["find Python", "install", "check"] == [text for text in dict.fromkeys(seen) if text]
    assert "The core is set up" in stage.told[-1]
    assert not any(record.open for record in stage.host.progress_records)


def test_a_failed_set_up_shows_its_last_line(checkout):
    stage = checkout("import sys\nprint('[1/3] find Python')\nsys.exit('Set-up failed: no Python 3.11 here. Install it.')")
    assert "no Python 3.11 here" in stage.told[-1]


def test_set_up_can_be_stopped(start, tmp_path, monkeypatch):
    stage = start()
    from xmem_roto_nuke.core import set_up

    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    monkeypatch.setattr(set_up, "python", lambda: sys.executable)
    (tmp_path / "bootstrap.py").write_text("import time\nfor i in range(200):\n    print('[1/3] install', flush=True)\n    time.sleep(0.1)")
    thread = set_up.start()
    assert stage.host.pump(20, until=lambda: any(record.seen for record in stage.host.progress_records))
    began = time.monotonic()
    stage.host.cancel_progress("set up")
    assert stage.host.pump(20, until=lambda: not thread.is_alive())
    assert time.monotonic() - began < 5 and stage.told == []


def test_a_silent_set_up_can_be_stopped_with_its_children(start, tmp_path, monkeypatch):
    """A download says nothing for minutes, and it is a child of the set-up that would go on writing."""
    stage = start()
    from xmem_roto_nuke.core import set_up

    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    monkeypatch.setattr(set_up, "python", lambda: sys.executable)
    child = "import time, pathlib\nwhile True:\n    pathlib.Path('alive').write_text(str(time.time()))\n    time.sleep(0.05)"
    (tmp_path / "bootstrap.py").write_text(
        f"import subprocess, sys\nprint('[2/4] torch', flush=True)\nsubprocess.run([sys.executable, '-c', {child!r}])"
    )
    thread = set_up.start()
    assert stage.host.pump(20, until=(tmp_path / "alive").exists)
    stage.host.cancel_progress("set up")
    assert stage.host.pump(20, until=lambda: not thread.is_alive())
    assert stage.told == []
    before = (tmp_path / "alive").read_text()
    time.sleep(0.3)
    assert (tmp_path / "alive").read_text() == before, "nobody writes any more"


def test_a_python_that_does_not_run_is_named_by_the_diagnosis(start, tmp_path, monkeypatch):
    stage = start()
    from xmem_roto_nuke.core import set_up

    broken = tmp_path / "python"
    broken.write_text("no program")
    monkeypatch.setenv("XMEM_ROTO_PYTHON", str(broken))
    thread = set_up.diagnose()
    assert stage.host.pump(20, until=lambda: not thread.is_alive())
    stage.host.pump(0.1)
    assert "diagnosis did not work" in stage.told[-1] and str(broken) in stage.told[-1]
    assert not any(record.open for record in stage.host.progress_records)


def test_the_set_up_waits_for_a_diagnosis_and_names_it(start, tmp_path, monkeypatch):
    stage = start()
    from xmem_roto_nuke.core import set_up

    (tmp_path / "bootstrap.py").touch()
    monkeypatch.setattr("xmem_roto_nuke.core.launch.CHECKOUT", tmp_path)
    done = threading.Event()
    monkeypatch.setattr(set_up, "_diagnose", lambda bar: "well" if done.wait(20) else "late")
    thread = set_up.diagnose()
    assert set_up.start() is None and "XMem diagnosis is at work" in stage.told[-1]
    done.set()
    assert stage.host.pump(20, until=lambda: not thread.is_alive())


def test_a_plain_python_is_found_and_it_is_not_nuke(start):
    start()
    import subprocess

    from xmem_roto_nuke.core import set_up

    answer = subprocess.run([set_up.python(), "-c", "print('plain')"], capture_output=True, text=True)
    assert answer.stdout == "plain\n"


def test_menu_has_its_entries_and_says_when_the_core_is_missing(start, monkeypatch, tmp_path):
    monkeypatch.setenv("XMEM_ROTO_PYTHON", str(tmp_path / "nowhere"))
    stage = start()
    menu = stage.nuke.menu("Nodes").findItem("XMem Roto")
    names = [item.name() for item in menu.items()]
    assert names == [
        "XMemRoto",
        "XMemPass",
        "Propagate selected",
        "Propagate all",
        "Next view",
        "Set up the core (needed once)",
        "Diagnosis",
    ]


def test_a_folder_without_the_set_up_does_not_offer_it(start, monkeypatch, tmp_path):
    """As a wheel installs it: plugin and protocol, and no bootstrap.py."""
    monkeypatch.setenv("XMEM_ROTO_PYTHON", str(tmp_path / "nowhere"))
    for name in ("nuke_plugin", "xmem_roto_nuke.py", "gizmos", "xmemcore", "menu.py", "init.py"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    stage = start(plugin=False)
    del sys.modules["xmem_roto_nuke"]
    from xmem_roto_nuke.core import launch, set_up

    monkeypatch.setattr(launch, "CHECKOUT", tmp_path)
    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    stage.host.startup([str(tmp_path)])
    assert [item.name() for item in stage.nuke.menu("Nodes").findItem("XMem Roto").items()] == [
        "XMemRoto",
        "XMemPass",
        "Propagate selected",
        "Propagate all",
        "Next view",
        "Diagnosis",
    ]
    assert set_up.start() is None and "Set XMEM_ROTO_PYTHON" in stage.told[-1]
    monkeypatch.delenv("XMEM_ROTO_PYTHON")
    with pytest.raises(launch.CoreMissing, match="Set XMEM_ROTO_PYTHON"):
        launch.interpreter()


def test_without_a_core_the_button_says_how_to_make_it(start, monkeypatch, tmp_path):
    stage = start().build()
    from xmem_roto_nuke.core import client, launch

    monkeypatch.setattr(launch, "CHECKOUT", tmp_path)
    (tmp_path / "bootstrap.py").touch()
    monkeypatch.delenv("XMEM_ROTO_PYTHON", raising=False)
    client._session = client.Core()
    stage.propagate()
    assert "Set up the core" in stage.told[-1] and "bootstrap.py" in stage.told[-1]


def test_a_broken_plugin_does_not_keep_nuke_from_starting(start, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "xmem_roto_nuke.core.launch", None)
    import nukesim

    from tests.nuke_plugin.conftest import forget_plugin

    forget_plugin()
    monkeypatch.setitem(sys.modules, "xmem_roto_nuke.core.launch", None)
    with nukesim.start(gui=True) as host:
        host.startup([str(CHECKOUT)])
        assert not host.python_errors
        sys.modules["nuke"].createNode("XMemRoto")
    assert "cannot be loaded" in capsys.readouterr().out
    sys.modules.pop("xmem_roto_nuke.core.launch", None)
