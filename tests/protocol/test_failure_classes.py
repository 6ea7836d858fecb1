"""A class of failure exists where code tells it apart, or where the wire names its kind; everywhere else a sentence is enough."""

from __future__ import annotations

import ast

from tests.rooms import CHECKOUT, modules

MODULES = {path: ast.parse(path.read_text(encoding="utf-8")) for folder in ("xmemcore", "nuke_plugin") for path in modules(folder)}
KINDS = CHECKOUT / "xmemcore" / "protocol" / "failures.py"


def names_in(node: ast.AST) -> set[str]:
    return {part.id if isinstance(part, ast.Name) else part.attr for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute))}


def classes() -> dict[str, ast.ClassDef]:
    """List every class of failure outside of the kinds themselves, which have codes."""
    found = {node.name: node for node in ast.parse(KINDS.read_text("utf-8")).body if isinstance(node, ast.ClassDef)}
    kinds, size = set(found), 0
    while size != len(found):
        size = len(found)
        for tree in MODULES.values():
            found |= {
                node.name: node
                for node in ast.walk(tree)
                if isinstance(node, ast.ClassDef) and any(names_in(base) & set(found) for base in node.bases)
            }
    return {name: node for name, node in found.items() if name not in kinds}


def told_apart() -> set[str]:
    """List the names that code catches, asks for, or expects of a function."""
    found: set[str] = set()
    for tree in MODULES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                found |= names_in(node.type)
            elif isinstance(node, ast.Call) and names_in(node.func) & {"isinstance", "suppress"}:
                found |= set().union(*map(names_in, node.args))
    return found


def test_every_class_of_failure_is_told_apart_or_carries_something() -> None:
    caught = told_apart()
    idle = [
        name for name, node in classes().items() if name not in caught and not any(isinstance(part, ast.FunctionDef) for part in node.body)
    ]
    assert not idle, f"nothing tells these from RequestError or MachineError, whose sentence is enough: {idle}"
