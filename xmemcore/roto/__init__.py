"""Shapes: Nuke's curves text or roto JSON in, evaluated at a frame, rasters out. numpy only; knows no plates and no network."""

from __future__ import annotations

from xmemcore.roto.grid import PixelGrid
from xmemcore.roto.raster import drawn_hard, rasterise, rasterise_hard
from xmemcore.roto.read import read_roto
from xmemcore.roto.shapes import EvaluatedShape, Roto, RotoObject

__all__ = ["EvaluatedShape", "PixelGrid", "Roto", "RotoObject", "drawn_hard", "rasterise", "rasterise_hard", "read_roto"]
