"""The handover of a node to the core: the plate, the annotations, Nuke's own alpha. Public: exchange, plates, pictures, digest."""
