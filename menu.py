"""Nuke runs this in the interface when this folder is on its plugin path: the toolbar's entries, each of which calls one function."""

import sys

import nuke

if "xmem_roto_nuke.doors" in sys.modules:  # else init.py has said why the plugin cannot be loaded
    try:
        from xmem_roto_nuke.core import launch

        core_missing = not launch.is_set_up()
        entries = nuke.menu("Nodes").addMenu("XMem Roto", icon="XMemRoto.png")
        entries.addCommand("XMemRoto", "nuke.createNode('XMemRoto')", icon="XMemRoto.png")
        entries.addCommand("XMemPass", "nuke.createNode('XMemPass')")
        for title, function, shortcut in (
            ("Propagate selected", "propagate_selected", ""),
            ("Propagate all", "propagate_all", ""),
            ("Next view", "next_view", "alt+shift+v"),
        ):
            entries.addCommand(title, f"from xmem_roto_nuke import buttons; buttons.{function}()", shortcut)
        if launch.can_set_up():
            entries.addCommand(
                "Set up the core (needed once)" if core_missing else "Set up the core again",
                "from xmem_roto_nuke.core import set_up; set_up.start()",
            )
        entries.addCommand("Diagnosis", "from xmem_roto_nuke.core import set_up; set_up.diagnose()")
        # The strip's knob looks for this module; last, because it needs Qt.
        from xmem_roto_nuke.panel import strip  # noqa: F401
    except Exception as error:  # whatever it is, it must not keep Nuke from starting
        nuke.tprint(f"XMem Roto: a part of the plugin cannot be loaded: {type(error).__name__}: {error}")
