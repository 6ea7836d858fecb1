"""The door to Nuke: the only room, besides menu.py, that imports `nuke`. All others take nodes and settings.

Callers write `host.tell(...)` and need not know which module of the room has a name. Within the room a module imports only those above it:

    artist      the main thread, and what the artist and the farm are told
    edition     how many nodes this edition of Nuke hands out
    script      the open script
    paths       paths in knobs, and the script's variables
    nodes       nodes and knobs
    rendering   frames of a node to files
    passes      passes, and a Write for mattes
"""

# ruff: noqa: F401  (what is imported here is what the room gives)

from __future__ import annotations

from xmem_roto_nuke.host.artist import (
    HostGone,
    NodeGone,
    ProgressBar,
    ask,
    has_interface,
    in_main,
    later,
    say,
    tell,
    tell_farm,
    tell_together,
)
from xmem_roto_nuke.host.edition import EditionLimited, handed_out, limit_reached, may_walk_trees, refuse_too_large
from xmem_roto_nuke.host.nodes import (
    delete,
    find_named,
    find_node,
    groups,
    input_name,
    keep_out_of_presets,
    knob_names,
    make_inside,
    mark_frames,
    op_hashes,
    remove_knob,
    selected,
    set_ranges,
    show_indicators,
    still_says,
    ticked_on,
    update_widget,
    upstream,
    write_hidden_curve,
)
from xmem_roto_nuke.host.passes import COPIES_AT_ONCE, create_matte_write, create_passes, matte_writes_of, name_node, passes_of
from xmem_roto_nuke.host.paths import (
    file_pattern,
    filled,
    filled_path,
    kept_path,
    kept_variables,
    note_path,
    script_variables,
    set_path,
    text_of,
)
from xmem_roto_nuke.host.rendering import (
    CANCELLED,
    FrameWriter,
    RenderFailed,
    Rendering,
    RotoDrawing,
    RunWrite,
    delete_leftovers,
    make_black,
    make_crop,
    make_nothing,
    refuse_wrong_context,
    render,
)
from xmem_roto_nuke.host.script import (
    bear_name,
    current_frame,
    float_space,
    full_size,
    go_to,
    known_channels,
    on_script,
    one_undo,
    open_script,
    program,
    save_copy,
    save_script,
    script_path,
    script_range,
    script_state,
    stand_for,
    unrecorded,
    unsaved_as_before,
    working_space,
)
