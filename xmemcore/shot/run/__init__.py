"""One propagate at work: its parts in turn, the network, gaps side by side, what is written. Public: computation, run_mattes, turns."""
