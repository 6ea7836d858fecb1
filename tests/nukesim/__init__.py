"""A stand-in for Nuke, hand-written from NUKE_FACTS and the types-nuke stubs, strict where Nuke is strict.

    import nukesim
    with nukesim.start(gui=True, version=(16, 0)) as host:
        import nuke                    # nuke, nuke.rotopaint, nukescripts are in sys.modules until close
        ...

What is where
- `host.py` is the Host: life, threads, contexts, the user's hands. `host_script.py` holds Tcl, loading and saving, `host_nodes.py`
  making, deleting, undo and callbacks, `host_images.py` pictures and nuke.execute. Names without underscore are for tests.
- `api.py` has the functions of the `nuke` module. Every call passes `guard.py`: right thread, live object, Non-commercial's ten nodes.
- `nodes.py`, `classes.py`, `knobs.py`, `array_knobs.py`, `user_knobs.py` are the model. Nodes refer to each other by number, so that undo
  brings a node back under a fresh Python object while what was held before stays dead.
- `reader.py`, `writer.py`, `tcl_words.py` are the .nk text. A file runs in a real Tcl interpreter (tkinter.Tcl); commands that Tcl does not
  know are node classes. The words of a body are cut by our scanner and given to Tcl, so an unescaped [..] really runs.
- `expressions.py`, `animation.py` are knob expressions and curves.
- `curvelib.py`, `curveknob.py`, `roto_text.py`, `roto_shapes.py`, `vectors.py` are roto: API, text, evaluation. They are written apart from
  the product's own roto package and never import it, because comparing the two is the point.
- `lowering.py` turns a node at a frame into a flat list of picture operations (also what opHashes hashes); `render_client.py` asks
  `render_server.py`, a process with numpy, OpenEXR and Pillow (`picture*.py`, `outline_raster.py`). The host itself needs only the standard
  library with tkinter, so it runs in every Python that a supported Nuke has.

How to use it, and the known differences from Nuke: README.md beside this file.
"""

from __future__ import annotations

from typing import Any

from .host import Host, WrongThread
from .mainthread import Deadlock
from .reader import ScriptError
from .state import SimError

__all__ = ["Deadlock", "Host", "ScriptError", "SimError", "WrongThread", "start"]


def start(gui: bool = True, version: tuple[int, ...] = (16, 0), nc: bool = False, **editions: Any) -> Host:
    """Start a stand-in in this process and thread (which becomes the main thread); close it with Host.close() or `with`."""
    return Host(gui=gui, version=version, nc=nc, **editions).install()
