"""The footage: frames on one canvas, display-encoded for the network, and their kept features. Public: plate, canvas, frame_source."""
