"""What the plugin's text promises: Python 3.9, standard library, Nuke at one door, types that fit Nuke's stubs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pythons import find_python

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = sorted((CHECKOUT / "nuke_plugin").rglob("*.py"))
SHARED = [path for room in ("protocol", "curves") for path in sorted((CHECKOUT / "xmemcore" / room).rglob("*.py"))]
IN_NUKE = [*MODULES, *SHARED, *(CHECKOUT / name for name in ("init.py", "menu.py", "xmem_roto_nuke.py"))]
NUKE_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports when it runs; those for type checkers do not count."""
    names: set[str] = set()

    def visit(nodes):
        for node in nodes:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                visit(node.orelse)
                continue
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
            visit(ast.iter_child_nodes(node))

    visit(ast.parse(path.read_text("utf-8")).body)
    return names


@pytest.mark.parametrize("path", IN_NUKE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_module_is_python_39(path):
    ast.parse(path.read_text("utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("version", NUKE_PYTHONS)
def test_every_module_compiles_where_nuke_has_this_python(version):
    python = find_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    check = "import sys\nfor path in sys.argv[1:]:\n    compile(open(path, encoding='utf-8').read(), path, 'exec')"
    subprocess.run([python, "-c", check, *map(str, IN_NUKE)], check=True, timeout=60)


def test_plugin_needs_nothing_but_the_standard_library_nuke_and_the_protocol():
    if not hasattr(sys, "stdlib_module_names"):  # a Python 3.9
        pytest.skip("this Python does not list its standard library")
    for path in IN_NUKE:
        for name in imported(path):
            top = name.split(".")[0]
            allowed = top in sys.stdlib_module_names or top in ("nuke", "xmem_roto_nuke", "PySide6", "PySide2")
            assert allowed or name.startswith(("xmemcore.protocol", "xmemcore.curves")), f"{path.name} imports {name}"


def test_nuke_is_imported_at_the_door_and_qt_in_the_panel_alone():
    for path in MODULES:
        names = {name.split(".")[0] for name in imported(path)}
        assert ("nuke" in names) == (path.parent.name == "host" and path.name != "__init__.py"), path.name
        assert bool(names & {"PySide6", "PySide2"}) == (path.name == "qt.py"), path.name


GIZMO = (CHECKOUT / "gizmos" / "XMemRoto.gizmo").read_text("utf-8")


def test_every_visible_knob_has_a_tooltip():
    lines = re.findall(r"addUserKnob \{.*\}", GIZMO)
    assert len(lines) > 50
    for line in lines:
        kind, name = re.match(r"addUserKnob \{(\d+) (\w+)", line).groups()
        if "+INVISIBLE" in line or kind in ("20", "52") or name.startswith("divider"):
            continue
        assert re.search(r' t "[^"]{20,}', line), f"{name} has no tooltip"


def test_every_call_of_the_gizmo_exists(start):
    start()
    from xmem_roto_nuke import buttons

    called = set(re.findall(r"buttons(?:'\])?\.(\w+)\(", GIZMO))
    assert {"propagate", "suggest_frames", "cancel", "created", "knob_changed", "idle", "label"} <= called
    for name in called:
        assert callable(getattr(buttons, name))


def test_gizmo_text_runs_nothing_when_it_is_loaded():
    gizmos = sorted((CHECKOUT / "gizmos").glob("*.gizmo"))
    assert [gizmo.stem for gizmo in gizmos] == ["XMemPass", "XMemRoto"]
    for gizmo in gizmos:
        unescaped = re.findall(r"(?<!\\)[\[$](?!N\w+|stack 0\])", gizmo.read_text("utf-8"))
        assert not unescaped, f"{gizmo.name} would run Tcl while it loads"


def test_pass_is_made_of_stock_nodes_alone():
    classes = re.findall(r"^ (\w+) \{$", (CHECKOUT / "gizmos" / "XMemPass.gizmo").read_text("utf-8"), re.MULTILINE)
    stock = {"Read", "Copy", "Switch", "Remove", "Output", "Crop", "FilterErode", "Blur", "Grade", "Invert", "FrameRange"}
    assert set(classes) <= stock
    assert "xmem_roto_nuke" not in (CHECKOUT / "gizmos" / "XMemPass.gizmo").read_text("utf-8")


def test_no_test_module_takes_anything_from_another():
    """What several need stands in a module of its own, so that a test can be read, moved and run alone."""
    takes = re.compile(r"^\s*(?:from|import) .*\btest_\w+", re.MULTILINE)
    modules = [*CHECKOUT.glob("tests/nuke_plugin/*.py"), *CHECKOUT.glob("tests/nukesim_tests/*.py")]
    assert [module.name for module in modules if takes.search(module.read_text("utf-8"))] == []
