"""What can be chosen, once for plugin, command line and core. The first of each is the default, unless a setting says otherwise."""

from __future__ import annotations

DEVICES = ("auto", "cpu", "cuda", "mps")
"""What computes; auto: CUDA, else Apple's GPU, else the CPU."""

PRECISIONS = ("auto", "float32", "mixed", "fast")
"""How much is rounded; auto: mixed where the device is faster with half the bits, else float32."""

MODES = ("xmem++", "xmem")
"""XMem++: every annotation is permanent. XMem: the first one is."""

ORDERS = ("outward", "forward")
"""From both sides of every gap; or first frame to last."""

RESAMPLINGS = ("area", "published")
"""How a plate is reduced to the working size: averaged; or as the papers do, bilinear without antialiasing."""

EDGES = ("refined", "plain")
"""What becomes of a matte between working size and plate: its edges are solved again from the plate, or it is only enlarged."""

COMPRESSIONS = ("zip", "zips", "piz", "none")
"""Of the mattes' files; all keep every bit. ZIP packs 16 lines at a time, ZIPS one."""

PICTURES = ("none", "png16", "index")
"""What is written beside the EXRs for those who cannot read them: 16-bit PNGs, one an object, or one PNG of labels with a palette."""

METHODS = ("coverage", "published", "uniform", "random")
"""Strategies that choose frames to key; `engine.selection` has what they do."""

FROM_SCRIPT = "from the script"
"""In a node: the plate is encoded as Nuke's working space is."""

SHAPES, UNION, ALPHA = "each shape or layer", "union of all shapes", "alpha of the input"
ROTO_INPUTS = (SHAPES, UNION, ALPHA)
"""What a node's roto input means."""
