"""Whether a result still holds: what it was made of, how the node is now, what is on disk. Public: look, watch, snapshot."""
