"""Names of Qt that the panel uses, and those of them that the Qt of a Python has. A Python with PySide2 writes `pyside2_names.txt`.

python tests/nuke_plugin/qt_names.py        # prints the names that this Qt lacks; with PySide2, records the others
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

PANEL = Path(__file__).resolve().parents[2] / "nuke_plugin" / "panel"
RECORDED = Path(__file__).with_name("pyside2_names.txt")
MODULES = ("QtCore", "QtGui", "QtWidgets")


def used() -> tuple[set[str], set[str]]:
    """Give what is named from a module on (`QtGui.QPen`, `QtCore.Qt.PenStyle.NoPen`), and every attribute of anything else."""
    chains: set[str] = set()
    attributes: set[str] = set()
    for path in sorted(PANEL.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "panel.qt import" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                name = ast.unparse(node)
                (chains if name.split(".")[0] in MODULES else attributes).add(name if name.split(".")[0] in MODULES else node.attr)
            elif isinstance(node, ast.FunctionDef) and node.name.endswith("Event"):
                attributes.add(node.name)
    return chains, attributes


def names_of(binding: str) -> tuple[set[str], set[str]]:
    """Give those chains that a binding has, and the names of all methods of its classes."""
    modules = {name: importlib.import_module(f"{binding}.{name}") for name in MODULES}
    kinds = [getattr(module, name) for module in modules.values() for name in dir(module)]  # PySide6 makes a class when it is asked for
    methods = {name for kind in kinds if isinstance(kind, type) for name in dir(kind)}
    return {chain for chain in used()[0] if _has(modules, chain)}, methods


def _has(modules: dict[str, Any], chain: str) -> bool:
    first, *rest = chain.split(".")
    found = modules[first]
    for name in rest:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def main() -> int:
    binding = "PySide6" if importlib.util.find_spec("PySide6") else "PySide2"
    chains, attributes = used()
    has, methods = names_of(binding)
    print(f"{binding} lacks: {', '.join(sorted(chains - has)) or 'nothing'}")
    if binding == "PySide2":
        RECORDED.write_text("\n".join(sorted(has | (attributes & methods))) + "\n", encoding="utf-8")
    return int(chains > has)


if __name__ == "__main__":
    sys.exit(main())
