"""Nuke runs this in every mode when this folder is on its plugin path: the gizmos become known, nothing else happens."""

import os
import sys

import nuke

nuke.pluginAddPath("./gizmos")
if os.path.dirname(os.path.abspath(__file__)) not in sys.path:
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
