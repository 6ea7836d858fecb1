"""The plugin's import name collides with nobody's: nodes of 0.2.0 call their old name while it is free, and a foreign package keeps it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from tests.nuke_plugin.conftest import CHECKOUT
from tests.pythons import find_python
from tests.witness.old_script import placed

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Another tool's `nuke_plugin`, further down the path than this checkout."""
    package = tmp_path / "elsewhere" / "nuke_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WHOSE = 'another tool'\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(package.parent)])
    importlib.invalidate_caches()


def test_the_old_names_lead_to_todays_modules_while_they_are_free(start):
    pytest.importorskip("PySide6", reason="PySide6 is not installed")
    start()
    buttons, panel = importlib.import_module("nuke_plugin.buttons"), importlib.import_module("nuke_plugin.panel")
    from xmem_roto_nuke import buttons as todays
    from xmem_roto_nuke.panel import strip

    assert buttons is todays and panel is strip
    assert sys.modules["nuke_plugin.buttons"] is todays


def test_a_node_of_0_2_0_is_migrated_where_there_is_no_qt_too(start, tmp_path, monkeypatch):
    script = placed(tmp_path / "shot")
    for name in ("PySide6", "PySide2"):
        monkeypatch.setitem(sys.modules, name, None)
    stage = start()
    stage.host.open(script)
    node = next(node for node in stage.host.all_nodes() if node.knob("plugin_version") is not None)
    from xmemcore.protocol.version import VERSION

    assert node["plugin_version"].value() == VERSION and not stage.host.python_errors


def test_a_foreign_package_keeps_its_name_wherever_it_stands(start, foreign):
    start()
    assert importlib.import_module("nuke_plugin").WHOSE == "another tool"
    with pytest.raises(ImportError):
        importlib.import_module("nuke_plugin.buttons")


def test_with_a_foreign_package_an_old_script_is_migrated_with_one_sentence_and_its_buttons_work(start, foreign, tmp_path):
    script = placed(tmp_path / "shot")
    stage = start()
    stage.host.open(script)
    node = stage.host.node("XMemRoto")
    assert stage.host.pump(5, until=lambda: stage.told), "told together, after loading"
    assert [text for text in stage.told if "0.2.0" in text] == stage.told and len(stage.told) == 1
    assert "from xmem_roto_nuke import" in node["propagate"].value()
    stage.press("refresh", node)
    stage.propagate(node)
    assert "Up to date" in stage.status(node)
    assert not stage.host.python_errors


def test_a_terminal_with_a_foreign_package_points_no_node_elsewhere(start, foreign, tmp_path, monkeypatch):
    script = placed(tmp_path / "shot")
    stage = start(gui=False)
    from xmem_roto_nuke.panel import result

    pointed = []
    monkeypatch.setattr(result, "take_up", lambda node: pointed.append(node.name()))
    stage.host.open(script)
    assert "from xmem_roto_nuke import" in stage.host.node("XMemRoto")["propagate"].value(), "it was met"
    assert pointed == [], "an approved version renders what it rendered"


def test_a_migrated_node_calls_todays_name_everywhere(start, tmp_path):
    stage = start()
    stage.host.open(placed(tmp_path / "shot"))
    node = stage.host.node("XMemRoto")
    texts = [str(knob.value()) for knob in node.knobs().values() if knob.Class() == "PyScript_Knob"]
    texts += [str(node[name].value()) for name in ("onCreate", "knobChanged", "updateUI", "autolabel")]
    assert texts and not any("nuke_plugin" in text for text in texts)


OLD_NUKE = """
import runpy, sys, types

told, menus = [], types.SimpleNamespace(addCommand=lambda *words, **more: None)
menus.addMenu = lambda *words, **more: menus
nuke = types.ModuleType("nuke")
nuke.tprint, nuke.menu, nuke.pluginAddPath = told.append, (lambda name: menus), (lambda path: None)
nuke.addOnScriptLoad = lambda call: None
sys.modules["nuke"] = nuke
for name in ("init.py", "menu.py"):
    runpy.run_path(sys.argv[1] + "/" + name)
print(*told, sep="\\n")
"""


def test_an_older_python_is_told_in_one_sentence_and_by_no_syntax_error():
    python = find_python("3.7") or find_python("3.6")
    if python is None:
        pytest.skip("no Python 3.7, which Nuke 13 has, is installed here")
    done = subprocess.run([python, "-c", OLD_NUKE, str(CHECKOUT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (sentence,) = done.stdout.splitlines()
    assert "needs the Python 3.9 of Nuke 14" in sentence


def test_an_older_python_is_told_in_one_sentence(monkeypatch):
    code = (CHECKOUT / "xmem_roto_nuke.py").read_text()
    monkeypatch.setattr(sys, "version_info", (3, 7, 7))
    with pytest.raises(ImportError, match="needs the Python 3.9 of Nuke 14"):
        exec(compile(code, "xmem_roto_nuke.py", "exec"), {"__file__": str(CHECKOUT / "xmem_roto_nuke.py")})
