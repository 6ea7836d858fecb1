"""The choices that plugin, command line and core share. The first of each list is the default, unless a setting names another."""

from __future__ import annotations

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Devices to compute on. auto takes CUDA, else Apple's GPU, else the CPU."""
SEVERAL_DEVICES = ("cuda",)
"""Devices of which a machine may have several: cuda:1 is the second."""

PRECISIONS = ("auto", "float32", "mixed", "fast")
"""Levels of rounding. auto takes mixed where the device is faster with half the bits, else float32."""

MODES = ("xmem++", "xmem")
"""XMem++ keeps every annotation in permanent memory, XMem the first alone."""

ORDERS = ("outward", "forward")
"""outward sweeps from both sides of every gap, forward from the first frame to the last."""

RESAMPLINGS = ("area", "published")
"""How a plate is reduced to the working size. area averages; published is bilinear without antialiasing, as in the papers."""

EDGES = ("refined", "matting", "plain")
"""How a matte gets from working size to the plate's. refined solves its edges again from the plate, matting does so pixel by pixel and
needs a package, plain only enlarges the matte."""

CROPS = ("auto", "off")
"""Whether small objects are computed in a part of the frame, at the same working size, so that they are seen larger."""

COMPRESSIONS = ("zip", "zips", "piz", "none")
"""Compressions of the mattes' files; all keep every bit. ZIP packs 16 lines at a time, ZIPS one."""

PICTURES = ("none", "png16", "index")
"""Pictures written beside the EXRs, for programs that read none: a 16-bit PNG for each object, or one PNG of labels with a palette."""

METHODS = ("coverage", "published", "uniform", "random")
"""Strategies that choose frames to key; `engine.selection` defines them."""

FIRSTS = ("mask", "best")
"""First keys of an evaluation: the first mask, or the best first frame."""

LIVE, AFTER_GAPS, AT_THE_END = "live", "after each gap", "at the end"
UPDATES = (LIVE, AFTER_GAPS, AT_THE_END)
"""When the viewer shows what a run has computed: every update makes Nuke compute anew what is downstream."""

HERE, IN_BACKGROUND = "in this Nuke", "in the background"
PLATE_RENDERS = (HERE, IN_BACKGROUND)
"""Where the plate is rendered for the core."""

FROM_SCRIPT = "from the script"
"""In a node: the plate is encoded as Nuke's working space is."""

SHAPES, UNION, ALPHA = "each shape or layer", "union of all shapes", "alpha of the input"
ROTO_INPUTS = (SHAPES, UNION, ALPHA)
"""What a node's roto input means."""

ALL_OBJECTS = "all"
"""Entry of a node's pulldowns of objects that stands for all of them."""
