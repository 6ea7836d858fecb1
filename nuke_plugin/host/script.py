"""The open script: its file, its project settings, the frame that is shown, its Undo list, and when Nuke loads and saves it."""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Iterator, List, Optional, Set, Tuple

import nuke

from xmem_roto_nuke import environment, graph
from xmem_roto_nuke.host.artist import plain, tell
from xmem_roto_nuke.host.edition import root_node
from xmemcore.protocol.failures import RequestError

_stands_for = ""
_opened: Optional[Tuple[int, int]] = None
"""Time and size of the script's file when this terminal opened it."""


def stand_for(script: str) -> None:
    """Let the open script count as another one, of which it is a copy: its nodes keep their ids, and their mattes go where its would."""
    global _stands_for
    _stands_for = script


def script_path() -> str:
    """Give the path of the script, or of the one that it stands for; empty when it was never saved."""
    if _stands_for:
        return _stands_for
    name = str(root_node()["name"].value())
    return "" if name in ("", "Root", "Untitled") else name


def bear_name(script: str) -> None:
    """Let a copy of a script that was opened here give its expressions the name of the script that it was made of."""
    root_node()["name"].setValue(script)


def save_copy(path: str) -> None:
    """Save the script as it is to a file, and leave name and state of the open one as they are.

    Raises:
        RuntimeError.
    """
    nuke.scriptSaveToTemp(path)


def program() -> str:
    """Give the path of Nuke's own program."""
    return str(nuke.env["ExecutablePath"])


def open_script(path: str) -> None:
    """Open a script in this terminal.

    Raises:
        RequestError.
    """
    global _opened
    if not os.path.isfile(path):
        raise RequestError(f"There is no script {path}. Check the path.")
    _opened = _file_state(path)  # before it is read: what is saved meanwhile counts as later
    try:
        nuke.scriptOpen(path)
    except RuntimeError as error:
        raise RequestError(f"Nuke cannot open {path}: {plain(error)}.") from error


def _file_state(path: str) -> Optional[Tuple[int, int]]:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def save_script() -> None:
    """Save the script that was opened. One that may not be written stays as it is, since the mattes lie beside it anyway; so does one that
    was saved by somebody else meanwhile, whose work would be lost.
    """
    if _file_state(script_path()) != _opened:
        tell(
            f"{script_path()} was saved by somebody else meanwhile, so it stays as it is; the mattes are complete, and whoever opens it in "
            "the interface sees them."
        )
        return
    try:
        nuke.scriptSave(script_path())
    except RuntimeError as error:
        tell(f"The script cannot be saved ({plain(error)}); the mattes are complete.")


def on_script(loaded: Callable[[], None], saving: Callable[[], None], closing: Callable[[], None]) -> None:
    """Have Nuke call when it has loaded a script, before it saves one, and when it closes one."""
    nuke.addOnScriptClose(graph.begin_anew)
    nuke.addOnScriptClose(closing)
    nuke.addOnScriptLoad(loaded)
    nuke.addOnScriptSave(saving)


def script_range() -> Tuple[int, int]:
    """Give the first and last frame of the project settings."""
    return int(root_node()["first_frame"].value()), int(root_node()["last_frame"].value())


def current_frame() -> int:
    """Give the frame that is shown."""
    return int(root_node()["frame"].value())


def go_to(frame: int) -> None:
    """Show a frame."""
    root_node()["frame"].setValue(frame)


def working_space() -> Tuple[str, str, str]:
    """Give colour management, OCIO configuration and working space of the project settings."""
    root = root_node()
    return tuple(str(root[name].value()) for name in ("colorManagement", "OCIO_config", "workingSpaceLUT"))  # type: ignore[return-value]


def float_space() -> str:
    """Give the project's colour space of files whose pixels are floats."""
    return str(root_node()["floatLut"].value())


PICTURE_SETTINGS = ("format", "customOCIOConfigPath", "int8Lut", "int16Lut", "logLut", "floatLut", "gsv")
"""Project settings, beside the working space, that act on pixels: of generators, of Reads whose colour space is the default, of paths."""


def script_state() -> Tuple[str, ...]:
    """Give the project settings that act on pixels: format, colour with the OCIO configuration, and the variables of the script."""
    root = root_node()
    knobs = {name: root.knob(name) for name in PICTURE_SETTINGS}
    texts = [f"{name} {knob.toScript()}" for name, knob in knobs.items() if knob is not None]
    space, custom = working_space(), knobs["customOCIOConfigPath"]
    config = str(custom.getEvaluatedValue() or "") if custom is not None and space[1] == "custom" else ""  # type: ignore[attr-defined]
    return (*space, *texts, *(environment.ocio_state(config) if space[0] == "OCIO" else ()))


def known_channels() -> Set[str]:
    """Name all channels that the script has, whatever node made them; main thread."""
    return {str(name) for name in nuke.channels()}


@contextlib.contextmanager
def full_size() -> Iterator[None]:
    """Switch proxy mode off, in which plates come out reduced and formats may be read reduced, and put it back."""
    proxy = root_node()["proxy"]
    was_on = bool(proxy.value())
    if was_on:
        proxy.setValue(False)
    try:
        yield
    finally:
        if was_on:
            proxy.setValue(True)


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Keep what happens inside out of the Undo list."""
    was_disabled = bool(nuke.Undo.disabled())
    if not was_disabled:
        nuke.Undo.disable()
    try:
        yield
    finally:
        if not was_disabled:
            nuke.Undo.enable()


@contextlib.contextmanager
def unsaved_as_before() -> Iterator[None]:
    """Let what happens inside be no reason to save the script: it is looked up anew whenever the script is opened."""
    root = root_node()
    was_modified = bool(root.modified())  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if not was_modified:
            root.setModified(False)  # type: ignore[attr-defined]


@contextlib.contextmanager
def one_undo(title: str) -> Iterator[None]:
    """Make what happens inside one entry of the Undo list."""
    nuke.Undo.begin()
    nuke.Undo.name(title)
    try:
        yield
    finally:
        nuke.Undo.end()


@contextlib.contextmanager
def whole_or_nothing(title: str) -> Iterator[List[nuke.Node]]:
    """Make nodes as one entry of the Undo list; where that fails, none of them stays. What is made is to be put into the list given."""
    created: List[nuke.Node] = []
    nuke.Undo.begin()
    nuke.Undo.name(title)
    try:
        yield created
    except BaseException:
        nuke.Undo.cancel()  # takes a node away too that was made and not handed out, past the tenth of Non-commercial
        for node in reversed(created):
            with contextlib.suppress(ValueError):  # it is gone already; in a terminal Undo does nothing
                nuke.delete(node)
        raise
    nuke.Undo.end()
