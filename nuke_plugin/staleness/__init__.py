"""Judge whether a result still holds: its inputs then, the node now, and the files on disk. Public: look, watch, snapshot."""
