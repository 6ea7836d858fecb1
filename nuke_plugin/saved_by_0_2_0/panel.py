"""Where the strip of version 0.2.0 looks."""

import sys

from xmem_roto_nuke.panel import strip

sys.modules[__name__] = strip
