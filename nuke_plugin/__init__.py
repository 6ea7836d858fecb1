"""The artist's side of XMem Roto. Runs in Nuke's own Python (3.9 and later): standard library, `nuke`, Qt in one module."""
