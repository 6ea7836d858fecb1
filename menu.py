"""Nuke runs this in the interface when this folder is on its plugin path: the toolbar's entries, each of which calls one function."""

import nuke

try:
    from nuke_plugin import core_command

    core_missing = not core_command.is_set_up()
    entries = nuke.menu("Nodes").addMenu("XMem Roto")
    entries.addCommand("XMemRoto", "nuke.createNode('XMemRoto')")
    entries.addCommand("XMemPass", "nuke.createNode('XMemPass')")
    if core_command.can_set_up():
        entries.addCommand(
            "Set up the core (needed once)" if core_missing else "Set up the core again",
            "from nuke_plugin import setup_core; setup_core.start()",
        )
    entries.addCommand("Diagnosis", "from nuke_plugin import setup_core; setup_core.diagnose()")
    # The strip's knob looks for this module; last, because it needs Qt.
    from nuke_plugin import panel  # noqa: F401
except Exception as error:  # whatever it is, it must not keep Nuke from starting
    nuke.tprint(f"XMem Roto: a part of the plugin cannot be loaded: {type(error).__name__}: {error}")
