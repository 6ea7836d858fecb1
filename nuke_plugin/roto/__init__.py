"""A Roto node read: shapes, keyed frames, and what the artist changed about the keyframes. Public: rotopaint, key_edits."""
