"""The module that buttons and callbacks of version 0.2.0 import."""

import sys

from xmem_roto_nuke import buttons

sys.modules[__name__] = buttons
