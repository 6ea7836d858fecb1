"""The panel that the artist sees and presses: status, keyframes, strip, passes, the mattes in the node."""
