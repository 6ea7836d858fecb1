"""The XMem Roto core. Importing it loads nothing: Nuke's Python imports `xmemcore.protocol` through it."""
