"""The module in which nodes of version 0.2.0 look for the strip."""

import sys

from xmem_roto_nuke.panel import strip

sys.modules[__name__] = strip
