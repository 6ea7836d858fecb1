"""Menus: a tree of items that tests can find and press."""

from __future__ import annotations

from typing import Any

from . import state
from .guard import public_class


@public_class
class MenuItem:
    """A command; its script is text or a function."""

    def __init__(self, name: str, script: Any = "", shortcut: str = "", icon: str = "") -> None:
        self._name, self._script, self._shortcut, self._icon = name, script, shortcut, icon
        self._enabled = self._visible = True

    def name(self) -> str:
        return self._name

    def script(self) -> str:
        return self._script if isinstance(self._script, str) else ""

    def icon(self) -> str:
        return self._icon

    def shortcut(self) -> str:
        return self._shortcut

    def setVisible(self, visible: bool) -> None:
        self._visible = bool(visible)

    def invoke(self) -> None:
        """Run the script, as a click does; a grey item does nothing."""
        host = state.current()
        if not self._enabled:
            return
        if callable(self._script):
            with host._user_code():
                self._script()
        else:
            host._run_python(self._script, f"<menu {self._name}>")


class _Container:
    """What menus, menu bars and toolbars share."""

    def __init__(self, name: str, icon: str = "") -> None:
        self._items: list[Any] = []
        MenuItem.__init__(self, name, "", "", icon)  # type: ignore[arg-type]

    def _insert(self, item: Any, index: int) -> Any:
        self._items = [old for old in self._items if old._name != item._name or not item._name]
        if index is None or index < 0 or index > len(self._items):
            self._items.append(item)
        else:
            self._items.insert(index, item)
        return item

    def _descend(self, path: str) -> tuple[Any, str]:
        parts = path.split("/")
        menu = self
        for part in parts[:-1]:
            menu = menu.addMenu(part)
        return menu, parts[-1]

    def addCommand(
        self,
        name: str,
        command: Any = "",
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        shortcutContext: int = 0,
        node: bool = False,
        tags: str = "",
    ) -> Any:
        menu, last = self._descend(name)
        return menu._insert(MenuItem(last, command, shortcut or "", icon or ""), index)

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1, node: bool = False, tags: str = "") -> Any:
        menu, last = self._descend(name)
        for item in menu._items:
            if item._name == last and isinstance(item, _Container):
                return item
        return menu._insert(Menu(last, icon or ""), index)

    def addSeparator(self, **kwargs: Any) -> Any:
        return self._insert(MenuItem(""), kwargs.get("index", -1))

    def findItem(self, name: str) -> Any | None:
        menu: Any = self
        for part in name.split("/"):
            found = [item for item in getattr(menu, "_items", []) if item._name.replace("&", "") == part.replace("&", "")]
            if not found:
                return None
            menu = found[0]
        return menu

    def menu(self, name: str) -> Any | None:
        found = self.findItem(name)
        return found if isinstance(found, _Container) else None

    def items(self) -> list[Any]:
        return list(self._items)

    def removeItem(self, name: str) -> None:
        self._items = [item for item in self._items if item._name != name]

    def clearMenu(self) -> Any:
        self._items = []
        return None

    def name(self) -> str:
        return self._name

    def updateMenuItems(self) -> None:
        pass


_METHODS = ("addCommand", "addMenu", "addSeparator", "findItem", "menu", "items", "removeItem", "clearMenu", "name", "updateMenuItems")


@public_class
class Menu(_Container, MenuItem):
    """A menu inside another."""

    locals().update({method: vars(_Container)[method] for method in _METHODS})


@public_class
class MenuBar(_Container):
    """A bar of menus."""

    locals().update({method: vars(_Container)[method] for method in _METHODS})


@public_class
class ToolBar(_Container):
    """The Nodes toolbar."""

    locals().update({method: vars(_Container)[method] for method in _METHODS})


BARS = ("Nuke", "Pane", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis")
"""Menus that the interface has."""
