"""Qt, as this Nuke brings it: Nuke 16 and later bring PySide6, those before it PySide2. The one module that imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["QtCore", "QtGui", "QtWidgets"]

if TYPE_CHECKING:
    from PySide6 import QtCore, QtGui, QtWidgets
else:
    try:
        from PySide6 import QtCore, QtGui, QtWidgets
    except ImportError:
        from PySide2 import QtCore, QtGui, QtWidgets
