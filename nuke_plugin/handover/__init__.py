"""What a node gives the core: the plate, the annotations, Nuke's own alpha. Public: exchange, plates, pictures, digest."""
