"""Keep `nuke_plugin.buttons` and `nuke_plugin.panel` importable, which nodes of version 0.2.0 call, while no other tool has that name.

A foreign package `nuke_plugin` always wins, also when it is imported later. Nodes of 0.2.0 are brought up to date when their script has
been loaded; from then on they call `xmem_roto_nuke`.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any, Optional

OLD_NAME = "nuke_plugin"
_DOORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saved_by_0_2_0")


class DoorFinder(MetaPathFinder):
    """Find the old name behind our doors, unless there is a package of that name."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        if fullname != OLD_NAME or foreign() is not None:
            return None
        return spec_from_file_location(OLD_NAME, os.path.join(_DOORS, "__init__.py"), submodule_search_locations=[_DOORS])


def open_doors() -> None:
    """Keep the old names open from now on; a second time changes nothing."""
    # By name: after a reload the class is another one.
    if not any(type(finder).__name__ == DoorFinder.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, DoorFinder())


def foreign() -> Optional[str]:
    """Give the file of another tool's package `nuke_plugin`; None when there is none."""
    loaded = getattr(sys.modules.get(OLD_NAME), "__file__", None)
    if loaded is not None:
        return None if os.path.dirname(os.path.abspath(loaded)) == _DOORS else str(loaded)
    for finder in sys.meta_path:
        if type(finder).__name__ == DoorFinder.__name__ or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(OLD_NAME, None)
        # Our own folder, and any other without an __init__.py, has no origin and gives way.
        if spec is not None and spec.origin is not None:
            return spec.origin
    return None


def script_loaded() -> None:
    """Prepare the nodes of a script whose own callbacks found a foreign package."""
    if foreign() is not None:
        from xmem_roto_nuke import buttons

        buttons.greet_strangers()
