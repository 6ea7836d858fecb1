"""Nuke runs this in every mode when this folder is on its plugin path: the gizmos and the plugin's name become known."""

import os
import sys

import nuke

nuke.pluginAddPath("./gizmos")
if os.path.dirname(os.path.abspath(__file__)) not in sys.path:
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
try:
    from xmem_roto_nuke import doors

    doors.open_doors()
    nuke.addOnScriptLoad(doors.script_loaded)
except Exception as error:  # whatever it is, it must not keep Nuke from starting
    nuke.tprint(f"XMem Roto: the plugin cannot be loaded: {error}")
