"""The program's version, which both sides of the wire state."""

from __future__ import annotations

VERSION = "0.3.0"
"""Version of plugin and core, which come from one checkout; `setup.py` reads it too."""
