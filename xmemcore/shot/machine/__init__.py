"""The machine that computes: where the network runs, and how much memory the process uses. Public: device, footprint."""
