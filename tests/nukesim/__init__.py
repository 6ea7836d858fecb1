"""A stand-in for Nuke, hand-written from NUKE_FACTS and the types-nuke stubs, strict where Nuke is strict.

    import nukesim
    with nukesim.start(gui=True, version=(16, 0)) as host:
        import nuke                    # nuke, nuke.rotopaint, nukescripts are in sys.modules until close
        ...

What is where
- `host*.py`       the Host: life, threads and contexts (host), Tcl, loading, saving (host_script), making, deleting, undo, callbacks (host_nodes),
                   pictures and nuke.execute (host_images). Names without underscore are for tests, the plugin sees only the modules.
- `api.py`         functions of the `nuke` module; every call goes through `guard.py`: right thread, live object, Non-commercial's ten nodes.
- `nodes.py`, `classes.py`, `knobs.py`, `array_knobs.py`, `user_knobs.py`   the model. Nodes refer to each other by number, so that undo brings a node
                   back under a fresh Python object while what was held before stays dead.
- `reader.py`, `writer.py`, `tcl_words.py`   .nk text. A file runs in a real Tcl interpreter (tkinter.Tcl); commands that Tcl does not know are node
                   classes. Words of a body are cut by our scanner and given to Tcl for substitution, so an unescaped [..] really runs.
- `expressions.py`, `animation.py`   knob expressions and curves.
- `curvelib.py`, `curveknob.py`, `roto_text.py`, `roto_shapes.py`, `vectors.py`   roto: API, text, evaluation. Written apart from the product's own
                   roto package and never importing it, because comparing the two is the point.
- `lowering.py`    turns a node at a frame into a flat list of picture operations (also what opHashes hashes);
- `render_client.py` asks `render_server.py`, a process with numpy, OpenEXR and Pillow (`picture*.py`, `outline_raster.py`). The host itself needs only
                   the standard library with tkinter, so it runs in every Python that a supported Nuke has.

Known differences from Nuke are in README.md beside this file.
"""

from __future__ import annotations

from typing import Any

from .host import Host, NodeLimit, WrongThread
from .mainthread import Deadlock
from .reader import ScriptError
from .state import SimError

__all__ = ["Deadlock", "Host", "NodeLimit", "ScriptError", "SimError", "WrongThread", "start"]


def start(gui: bool = True, version: tuple[int, ...] = (16, 0), nc: bool = False, **editions: Any) -> Host:
    """Start a stand-in in this process and thread (which becomes the main thread); close it with Host.close() or `with`."""
    return Host(gui=gui, version=version, nc=nc, **editions).install()
