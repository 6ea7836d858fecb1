"""How wrong the mattes are, where, and why, in words for an artist. Public: shot_masks, doubt, reasons."""
