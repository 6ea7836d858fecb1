"""Rotos read as text, sampled where the text cannot tell, and what the artist changed about the keyframes. Public: reading, key_edits."""
