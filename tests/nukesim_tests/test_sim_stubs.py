"""The stand-in offers nothing that Nuke does not have: names and parameters against the types-nuke stubs."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

EXTRAS = {"KNOB_CHANGED_ALWAYS": "NUKE_FACTS 5: flags (stubs15)"}
"""Names beyond the stubs, each with the line of NUKE_FACTS that shows it."""

ADDED_PARAMETERS = {
    "allNodes": {"recurseGroups"},  # NUKE_FACTS: stubs15 lists it
    "Node.sample": {"frame"},  # NUKE_FACTS 4: node.sample(ch,x,y[,dx,dy,frame])
}
BY_VALUE = {"modified"}
"""Functions whose parameters the stubs overload; calls are checked by other tests."""

MODULES = {
    "nuke": ("_nuke", "callbacks", "utils", "overrides", "executeInMain", "scripts", "colorspaces"),
    "nuke.rotopaint": ("_curveknob", "_curvelib", "_nuke"),
    "nuke.callbacks": ("callbacks",),
}


def stubs_folder():
    for folder in sys.path:
        path = Path(folder) / "nuke-stubs"
        if path.is_dir():
            return path
    pytest.skip("types-nuke is not installed in this Python")


def read_stubs(folder, names):
    """(functions, classes, variables): functions and methods as lists of argument lists, one per overload."""
    functions, classes, variables = {}, {}, set()
    for name in names:
        tree = ast.parse((folder / (name + ".pyi")).read_text())
        for item in tree.body:
            if isinstance(item, ast.FunctionDef):
                functions.setdefault(item.name, []).append(item.args)
            elif isinstance(item, ast.ClassDef):
                methods, fields = {}, set()
                for part in item.body:
                    if isinstance(part, ast.FunctionDef):
                        methods.setdefault(part.name, []).append(part.args)
                    elif isinstance(part, ast.AnnAssign):
                        fields.add(part.target.id)
                classes[item.name] = (methods, fields, [base.id for base in item.bases if isinstance(base, ast.Name)])
            elif isinstance(item, ast.AnnAssign):
                variables.add(item.target.id)
            elif isinstance(item, ast.Assign):
                variables |= {target.id for target in item.targets}
            elif isinstance(item, ast.ImportFrom):
                variables |= {alias.asname or alias.name for alias in item.names}
    return functions, classes, variables


def family(classes, name):
    """A class and its bases, as far as the stubs know them."""
    found = [name]
    for base in classes.get(name, ({}, set(), []))[2]:
        found += family(classes, base)
    return found


def parameters_differ(function, overloads, is_method):
    """A sentence when our parameters cannot take what the stubs allow, or take names that the stubs do not have."""
    ours = [p for p in inspect.signature(function).parameters.values() if not (is_method and p.name in ("self", "cls"))]
    free = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in ours)
    for arguments in overloads:
        names = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs if a.arg not in ("self", "cls")]
        if arguments.vararg or arguments.kwarg:
            return None  # the stubs do not say
        own_names = [p.name for p in ours if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if names[: len(own_names)] == own_names and (free or len(own_names) == len(names)):
            return None
    return "({}) instead of {}".format(", ".join(p.name for p in ours), [[a.arg for a in o.args] for o in overloads])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_public_name_is_in_the_stubs(host, module):
    functions, classes, variables = read_stubs(stubs_folder(), MODULES[module])
    real = importlib.import_module(module)
    wrong = []
    for name, member in vars(real).items():
        if name.startswith("_") or inspect.ismodule(member) or name in EXTRAS:
            continue
        if name not in functions and name not in classes and name not in variables:
            wrong.append(f"{module}.{name}")
        elif name in functions and name not in ADDED_PARAMETERS and name not in BY_VALUE:
            fault = parameters_differ(member, functions[name], False)
            if fault:
                wrong.append(f"{module}.{name}{fault}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", ["nuke", "nuke.rotopaint"])
def test_every_public_method_is_in_the_stubs(host, module):
    order = ("_nuke", "_curvelib", "_curveknob")  # two classes are called Layer: the later one counts
    _, classes, _ = read_stubs(stubs_folder(), order if module == "nuke.rotopaint" else order[::-1])
    real = importlib.import_module(module)
    wrong = []
    for name, cls in vars(real).items():
        if not inspect.isclass(cls) or name.startswith("_") or name not in classes:
            continue
        methods, fields = {}, set()
        for ancestor in reversed(family(classes, name)):
            methods.update(classes.get(ancestor, ({}, set(), []))[0])
            fields |= classes.get(ancestor, ({}, set(), []))[1]
        for method, member in inspect.getmembers(cls):
            label = f"{name}.{method}"
            if method.startswith("_") or label in EXTRAS or method in fields or not (callable(member) or isinstance(member, property)):
                continue
            if method not in methods:
                if issubclass(cls, BaseException) or isinstance(member, property):
                    continue
                wrong.append(label)
            elif label not in ADDED_PARAMETERS and not any(base + "." + method in ADDED_PARAMETERS for base in family(classes, name)):
                fault = parameters_differ(member, methods[method], True)
                if fault:
                    wrong.append(label + fault)
    assert not wrong, "\n".join(wrong)


def test_extras_are_few_and_real(host):
    import nuke

    assert len(EXTRAS) + len(ADDED_PARAMETERS) < 10
    for name in EXTRAS:
        target = nuke
        for part in name.split("."):
            target = getattr(target, part)


def test_constants_have_the_values_that_nuke_has(host):
    import nuke

    assert (nuke.INVISIBLE, nuke.DO_NOT_WRITE, nuke.ALWAYS_SAVE, nuke.NO_UNDO, nuke.STARTLINE, nuke.READ_ONLY) == (
        0x400,
        0x200,
        0x100000,
        0x80000,
        0x1000,
        0x10000000,
    )
