"""The panel: status, keyframes, strip, passes, and the mattes in the node. Public: status, keys, strip, result, versions, views."""
