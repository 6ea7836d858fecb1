"""The command line of the core. Nothing here imports torch before a command needs it."""
