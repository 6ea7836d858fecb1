"""nukescripts: registering a widget as a panel, and PythonPanel, as far as a plugin uses them."""

from __future__ import annotations

import types
from typing import Any

from . import state
from .guard import public_class


@public_class
class PythonPanel:
    """A panel of knobs; showModalDialog answers what host.answers["panel"] says."""

    def __init__(self, title: str = "", id: str = "", scrollable: bool = True) -> None:
        self._title, self._id = title, id
        self._panel_knobs: dict[str, Any] = {}

    def addKnob(self, knob: Any) -> None:
        self._panel_knobs[knob._name] = knob

    def removeKnob(self, knob: Any) -> None:
        self._panel_knobs.pop(knob._name, None)

    def knobs(self) -> dict[str, Any]:
        return dict(self._panel_knobs)

    def knobChanged(self, knob: Any) -> None:
        pass

    def setMinimumSize(self, x: int, y: int) -> None:
        pass

    def show(self) -> None:
        state.current().messages.append(("panel", self._title))

    def showModal(self, defaultKnobText: str = "") -> None:
        state.current().messages.append(("panel", self._title))

    def showModalDialog(self, defaultKnobText: str = "") -> bool:
        host = state.current()
        host.messages.append(("panel", self._title))
        answer = host.answers.get("panel", True)
        return bool(answer(self) if callable(answer) else answer)

    def addToPane(self, pane: Any = None) -> Any:
        return None


class WidgetPanel:
    """What registerWidgetAsPanel gives: addToPane builds the widget."""

    def __init__(self, expression: str, name: str) -> None:
        self._expression, self._name = expression, name
        self.widget: Any = None

    def addToPane(self, pane: Any = None) -> WidgetPanel:
        self.widget = state.current()._eval_python(self._expression + "()")
        return self


def registerWidgetAsPanel(widget: str, name: str, id: str, create: bool = False) -> Any:
    """Remember a widget as a panel in the Pane menu; with create, return it."""
    host = state.current()
    panel = WidgetPanel(widget, name)
    if host._gui:
        host._menus["Pane"].addCommand(name, panel.addToPane)
    return panel if create else None


def registerPanel(id: str, command: Any) -> None:
    pass


def modules() -> tuple[Any, Any]:
    """nukescripts and nukescripts.panels."""
    panels = types.ModuleType("nukescripts.panels")
    scripts = types.ModuleType("nukescripts")
    scripts.__path__ = []  # type: ignore[attr-defined]
    for module in (panels, scripts):
        for thing in (PythonPanel, registerWidgetAsPanel, registerPanel):
            setattr(module, thing.__name__, thing)
    scripts.panels = panels  # type: ignore[attr-defined]
    return scripts, panels
