"""Colour spaces of OpenColorIO: those of $OCIO, else of its built-in studio configuration, decoded to linear Rec.709."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np

from xmemcore.protocol.colorspaces import canonical
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.store.cache import digest

BUILT_IN = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
"""The whole name of the built-in configuration: the spaces of "latest" change between versions."""
TARGET = "Linear Rec.709 (sRGB)"


def chosen() -> str | None:
    """Give the configuration that the studio chose, in $OCIO."""
    return os.environ.get("OCIO") or None


def space(name: str) -> str:
    """Find a colour space by name, alias or role, whatever its case, and give its own name; raises RequestError."""
    config = _config(chosen())
    colour_space = config.getColorSpace(name)
    if colour_space is None:
        # A name that differs only in punctuation, or one of our own names.
        wanted = canonical(name)
        colour_space = next(
            (config.getColorSpace(other) for other in config.getColorSpaceNames() if wanted and canonical(other) == wanted), None
        )
    if colour_space is None:
        names = list(config.getColorSpaceNames())
        alike = [other for other in names if name.lower() in other.lower()] or names
        raise RequestError(
            f"{_called(chosen())} has no colour space {name[:80]!r}; it has {', '.join(alike[:12])}{', ...' if len(alike) > 12 else ''}. "
            "Write ocio: and one of its names."
        )
    return str(colour_space.getName())


def signature(name: str) -> str:
    """Hash the decoding from a space; raises RequestError."""
    return digest(_processor(chosen(), name).getCacheID())


def to_rec709(pixels: np.ndarray, name: str) -> np.ndarray:
    """Decode (h, w, 3) float32 from a space to linear Rec.709; changes the array. Raises RequestError."""
    light = np.ascontiguousarray(pixels, np.float32)
    _processor(chosen(), name).applyRGB(light)
    return light


@lru_cache(maxsize=4)
def _config(path: str | None) -> Any:
    try:
        import PyOpenColorIO
    except ImportError as error:
        raise RequestError(
            "Colour spaces of OCIO need the extra 'color'. Install it (pip install 'xmem-roto[color]'), or convert the plate to ACEScg or "
            "linear Rec.709."
        ) from error
    PyOpenColorIO.SetLoggingLevel(PyOpenColorIO.LOGGING_LEVEL_NONE)
    try:
        if path is None:
            return PyOpenColorIO.Config.CreateFromBuiltinConfig(BUILT_IN)
        return PyOpenColorIO.Config.CreateFromFile(path)
    except (PyOpenColorIO.Exception, PyOpenColorIO.ExceptionMissingFile) as error:
        raise RequestError(f"{_called(path)} cannot be read: {_first_line(error)}. Check $OCIO.") from error


@lru_cache(maxsize=8)
def _processor(path: str | None, name: str) -> Any:
    """Make the transform from a space of a configuration to linear Rec.709."""
    import PyOpenColorIO

    config = _config(path)
    try:
        # A space of linear Rec.709 is asked for by name first: not every configuration says how it relates to others.
        linear = next((other for other in config.getColorSpaceNames() if canonical(other) == "linear"), None)
        if linear is not None:
            return config.getProcessor(name, linear).getDefaultCPUProcessor()
        built_in = PyOpenColorIO.Config.CreateFromBuiltinConfig(BUILT_IN)
        return PyOpenColorIO.Config.GetProcessorFromConfigs(config, name, built_in, TARGET).getDefaultCPUProcessor()
    except (PyOpenColorIO.Exception, PyOpenColorIO.ExceptionMissingFile) as error:
        raise RequestError(
            f"{_called(path)} does not tell how {name!r} relates to linear Rec.709: {_first_line(error)}. Convert the plate to ACEScg or "
            "linear Rec.709."
        ) from error


def _called(path: str | None) -> str:
    return f"The OCIO configuration {path}" if path else f"OCIO's built-in configuration {BUILT_IN}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(".")
