"""What the artist sees and presses in the panel: status, keyframes, strip, passes, the mattes in the node."""
