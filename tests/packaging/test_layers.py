"""Who may import whom: the layer rule, read from the source of every module."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests import rooms
from tests.rooms import imports, modules

CHECKOUT = Path(__file__).resolve().parents[2]

LEAVES = {"protocol", "curves"}
"""What the plugin imports too: standard library only."""
CORE = {"network", "memory", "roto", "engine", "shot"}
MAY_IMPORT = {
    "protocol": set(),
    "curves": {"protocol"},
    "network": {"protocol"},
    "memory": {"protocol"},
    "engine": {"protocol", "network", "memory"},
    "roto": LEAVES,
    "shot": LEAVES | {"network", "memory", "engine", "roto"},
    "worker": LEAVES | CORE,
    "evaluation": LEAVES | CORE,
    # A training looks now and then at how good the network has become.
    "training": LEAVES | CORE | {"evaluation"},
    # Reports, demo, measurements and training are commands too; they are imported when one of them is given.
    "cli": LEAVES | CORE | {"worker", "evaluation", "training"},
}
OUTSIDE_ONLY = {
    "roto": {"numpy", "cv2"},
    "memory": {"torch", "numpy"},
}
"""Third-party packages that a layer is limited to."""


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "xmemcore" and len(parts) > 1 and parts[1] in MAY_IMPORT else None


CORE_MODULES = modules("xmemcore")


def test_no_layer_reaches_itself_through_others() -> None:
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()  # raises CycleError


@pytest.mark.parametrize("path", CORE_MODULES, ids=lambda p: str(p.relative_to(CHECKOUT)))
def test_core_module_imports_only_to_the_left(path: Path) -> None:
    layer = layer_of(".".join(path.relative_to(CHECKOUT).with_suffix("").parts))
    if layer is None:
        return  # xmemcore/__init__.py and __main__.py have tests of their own
    reached = {other for name in imports(path) if (other := layer_of(name)) is not None} - {layer}
    assert reached <= MAY_IMPORT[layer], f"{path.name} of {layer} imports {sorted(reached - MAY_IMPORT[layer])}"
    assert not any(name.split(".")[0] in ("nuke_plugin", "xmem_roto_nuke") for name in imports(path))


@pytest.mark.parametrize("layer", sorted(OUTSIDE_ONLY))
def test_layer_keeps_to_its_third_party_packages(layer: str) -> None:
    for path in modules(f"xmemcore/{layer}"):
        outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"xmemcore"}
        assert outside <= OUTSIDE_ONLY[layer], f"{path.name} imports {sorted(outside - OUTSIDE_ONLY[layer])}"


def test_the_package_itself_imports_nothing() -> None:
    assert imports(CHECKOUT / "xmemcore" / "__init__.py") <= {"__future__", "__future__.annotations"}


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_what_the_plugin_shares_is_standard_library_only(leaf: str) -> None:
    for path in modules(f"xmemcore/{leaf}"):
        names = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names)
        assert names <= {"xmemcore"}, f"{path.name} imports {sorted(names)}"


def test_plugin_imports_the_shared_packages_and_the_standard_library_only() -> None:
    """`nuke` only in the host room and menu.py, Qt only in the panel's qt.py."""
    for path in modules("nuke_plugin"):
        allowed = {"xmemcore", "xmem_roto_nuke"}
        if path.parent.name == "host":
            allowed |= {"nuke"}
        if path.name == "qt.py":
            allowed |= {"PySide2", "PySide6", "shiboken2", "shiboken6"}
        names = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names)
        assert names <= allowed, f"{path.name} imports {sorted(names - allowed)}"
        reached = {layer_of(name) for name in imports(path) if name.startswith("xmemcore.")}
        assert reached <= LEAVES, f"{path.name} imports more of the core than it may: {sorted(map(str, reached))}"


ROOMS = {
    "xmemcore/shot": (
        "listener", "machine", "store", "files", "plate", "annotations", "mattes", "inputs", "suggestion", "plan", "run",
    ),
    "nuke_plugin": ("host", "roto", "core", "node", "handover", "staleness", "panel"),
}  # fmt: skip
"""Rooms in the order in which they may import each other, to the left alone. What stands in no room may import all of them, and
none imports it."""


@pytest.mark.parametrize("folder", sorted(ROOMS))
def test_rooms_import_to_the_left(folder: str) -> None:
    package = {"nuke_plugin": "xmem_roto_nuke"}.get(folder, folder.replace("/", "."))
    order = ROOMS[folder]
    for path in modules(folder):
        room = room_of(folder, path.relative_to(CHECKOUT / folder).with_suffix("").as_posix())
        if room is None:
            continue
        tops = {name[len(package) + 1 :].split(".")[0] for name in imports(path) if name.startswith(f"{package}.")}
        reached = {
            room_of(folder, top) for top in tops if (CHECKOUT / folder / top).is_dir() or (CHECKOUT / folder / f"{top}.py").is_file()
        }
        assert None not in reached, f"{path} imports what stands above all rooms: {sorted(tops)}"
        higher = sorted(other for other in reached if other is not None and order.index(other) > order.index(room))
        assert not higher, f"{path.relative_to(CHECKOUT)} is of room {room} and imports from {higher}"


def test_modules_of_the_door_to_nuke_import_in_one_direction() -> None:
    door = "xmem_roto_nuke.host."
    graph = {path.stem: {name.split(".")[2] for name in imports(path) if name.startswith(door)} for path in modules("nuke_plugin/host")}
    assert set(graph) - {"__init__"} == graph["__init__"]
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def room_of(folder: str, module: str) -> str | None:
    """Name the room of a module below a folder; None for what stands above all rooms."""
    top = module.split("/")[0]
    foundation = rooms.FOUNDATIONS.get(f"{folder}/{top}.py")
    name = top if foundation is None else foundation.rpartition("/")[2]
    return name if name in ROOMS[folder] else None


@pytest.mark.parametrize("folder", ["xmemcore", *sorted(ROOMS)])
def test_every_room_says_what_it_is(folder: str) -> None:
    rooms_of = sorted(path.parent for path in (CHECKOUT / folder).glob("*/__init__.py"))
    assert rooms_of
    for room in rooms_of:
        assert (ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or "").strip(), room


def test_importing_the_command_line_does_not_import_torch() -> None:
    code = "import sys, xmemcore.cli.main, xmemcore.cli; assert not {'torch', 'numpy', 'cv2'} & set(sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
