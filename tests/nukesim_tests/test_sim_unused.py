"""What the stand-in offers of Nuke's API has a user: by name, from what the plugin and its tests say, through what the stand-in calls."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
USERS = ("init.py", "menu.py", "xmem_roto_nuke.py", "nuke_plugin", "gizmos", "farm", "tests/nuke_plugin", "tests/in_nuke", "tests/costs.py")
"""The plugin and its tests. The stand-in's own tests are none: what they alone use is not needed."""
FACTS = {
    "AnimAttributes.getCurve": "9.5",
    "AnimAttributes.getName": "9.5",
    "AnimCTransform.getRotationKeyTimes": "9.3",
    "AnimCTransform.getScaleKeyTimes": "9.3",
    "AnimCTransform.getTransformKeyTimes": "9.3",
    "AnimCTransform.getTranslationKeyTimes": "9.3",
    "AnimCTransform.isDefault": "9.3",
    "Node.maxInputs": "9.6",
    "Node.minInputs": "9.6",
    "_Gsv_Knob.getGsvValue": "9.15",
}
"""What only a measured fact needs, with its section of NUKE_MEASURED."""
FUNCTIONS_FOR_FACTS = {"frame", "scriptReadText", "undo", "thisGroup", "addAutolabel", "addKnobChanged", "addOnDestroy", "addOnUserCreate"}
"""Functions by which the tests of the stand-in ask for facts that the plugin rests on; neither it nor its own tests call them."""
STUDIO = {f"add{when}Render" for when in ("Before", "After", "BeforeFrame")}
"""What `host.visit_of_studio` calls by a name that it puts together."""
DISPATCHED = ("do_", "_cmd_")
"""Prefixes of methods that are found by the class of a node, or by a word of Tcl."""
CALLS = re.compile(r"[.\[]\s*(\w+)|(\w+)\s*\(")
"""In a text that is no program, as a line of Tcl or a message: attributes, commands in brackets, and what is called."""


@dataclass(frozen=True)
class Offer:
    """A function, method or class of the stand-in."""

    file: str
    line: int
    owner: str
    name: str
    needs: frozenset[str]
    """Names that its body says."""

    @property
    def wanted_as(self) -> str:
        """The word by which it is found."""
        return next((self.name[len(prefix) :] for prefix in DISPATCHED if self.name.startswith(prefix)), self.name)

    @property
    def path(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def for_tests(self) -> bool:
        """Whether it belongs to what a test may press, look at and call, which is not Nuke's."""
        return self.file in ("host.py", "host_script.py", "tcl_words.py") and not self.name.startswith("_")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.path}"


def without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            kept = [line for line in node.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))]
            node.body = kept or [ast.Pass()]
    return tree


def names_in_text(text: str) -> Iterator[str]:
    """Names in a text: a program's own, a name that stands alone, else what looks like a call."""
    if re.fullmatch(r"\w+", text.strip()):
        yield text.strip()
        return
    try:
        with warnings.catch_warnings():  # a backslash of Tcl is none of Python's
            warnings.simplefilter("ignore")
            program = ast.parse(text) if "\n" in text or "(" in text else None
    except (SyntaxError, ValueError):
        program = None
    if program is not None:
        yield from names(program)
    else:
        yield from (word for found in CALLS.findall(text) for word in found if word)


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that a program says, in texts as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.name.split(".")[-1]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from names_in_text(node.value)


def names_of_users() -> set[str]:
    found: set[str] = set()
    for user in USERS:
        path = CHECKOUT / user
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix == ".py":
                found.update(names(without_docstrings(ast.parse(file.read_text(encoding="utf-8")))))
            elif file.suffix in (".gizmo", ".nk"):
                found.update(re.findall(r"\w+", file.read_text(encoding="utf-8")))
    return found


def offers(text: str, file: str) -> tuple[list[Offer], set[str]]:
    """What a module offers, and the names that it says by being imported."""
    found, said = [], set()

    def visit(node: ast.Module | ast.ClassDef, owner: str) -> None:
        for part in node.body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append(Offer(file, part.lineno, owner, part.name, frozenset(names(part)) - {part.name}))
                said.update(part.name for by in part.decorator_list if isinstance(by, ast.Attribute) and by.attr == "register")
            elif isinstance(part, ast.ClassDef):
                bases = frozenset(name for base in part.bases for name in names(base))
                found.append(Offer(file, part.lineno, owner, part.name, bases))
                visit(part, f"{owner}.{part.name}" if owner else part.name)
            else:
                said.update(names(part))

    tree = without_docstrings(ast.parse(text))
    assert isinstance(tree, ast.Module)
    visit(tree, "")
    return found, said


def unused(modules: dict[str, str], wanted: set[str]) -> list[Offer]:
    """What neither the users' names, nor anything that these lead to, ask for."""
    wanted, waiting = set(wanted), []
    for file, text in modules.items():
        found, said = offers(text, file)
        waiting += found
        wanted |= said
    while True:
        used = [offer for offer in waiting if offer.wanted_as in wanted or re.fullmatch(r"__\w+__", offer.name)]
        if not used:
            return waiting
        waiting = [offer for offer in waiting if offer not in used]
        wanted.update(name for offer in used for name in offer.needs)


def stand_in() -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted((CHECKOUT / "tests" / "nukesim").glob("*.py"))}


def test_the_api_holds_what_the_plugin_its_tests_or_a_fact_need_and_nothing_else():
    found = {offer.path: offer for offer in unused(stand_in(), names_of_users()) if not offer.for_tests}
    assert not [str(offer) for path, offer in found.items() if path not in FACTS], "no user: take it away"
    assert sorted(FACTS) == sorted(found), "used, or gone: it needs no exception"
    facts = " ".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_sim_*_facts.py"))
    assert not [path for path in FACTS if path.split(".")[-1] not in facts], "a fact has its test"


def test_no_function_of_the_nuke_module_is_offered_that_nobody_calls(host):
    """By the whole name, since a word like `frame` stands anywhere; events are run by the host, which finds them by their names."""
    import nuke

    paths = [path for user in USERS for path in ([CHECKOUT / user] if (CHECKOUT / user).is_file() else (CHECKOUT / user).rglob("*"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.suffix in (".py", ".gizmo"))
    events = {name for name in vars(nuke.callbacks) if not name.startswith(("add", "remove"))}
    offered = {name for name, member in vars(nuke).items() if inspect.isfunction(member) and name not in events}
    unused_ones = {name for name in offered if not re.search(rf"\bnuke\.{name}\b", text)}
    assert unused_ones == FUNCTIONS_FOR_FACTS | STUDIO, "no user: take it away; or one that needs no exception"


def test_what_only_unused_things_call_is_unused():
    module = """
class Knob:
    def __init__(self): self.kept()
    def kept(self): pass
    def label(self): return _shown(self)
    def odd(self): return self.even()
    def even(self): return self.odd()
def _shown(knob): 'Says odd.'
def _hidden(): pass
def do_Grade(): _hidden()
def do_Blur(): pass
"""
    assert [offer.path for offer in unused({"a.py": module}, {"Knob", "label", "Grade"})] == ["Knob.odd", "Knob.even", "do_Blur"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setLink", {"setLink"}),
        ("node['a'].setLink('b')", {"node", "a", "setLink", "b"}),
        ("[value Master.gain]", {"value", "gain"}),
        ("a sentence about setLink", set()),
    ],
)
def test_names_are_found_in_programs_and_tcl_and_not_in_sentences(text, said):
    assert set(names_in_text(text)) == said
