"""The plugin's import name. Its folder is called `nuke_plugin`, as the folders of other tools are too.

A module with a `__path__` is a package, so `xmem_roto_nuke.panel` is `nuke_plugin/panel`: in a checkout, in a release and in the folder
that a wheel puts under `share`. `nuke_plugin` has no `__init__.py`: a foreign package of that name is found first, wherever it stands on
sys.path.
"""

import os
import sys

if sys.version_info < (3, 9):  # noqa: UP036 -- Nuke 13 has Python 3.7
    raise ImportError(f"XMem Roto needs the Python 3.9 of Nuke 14 or a later one; this is Python {sys.version.split()[0]}.")

__path__ = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "nuke_plugin")]
