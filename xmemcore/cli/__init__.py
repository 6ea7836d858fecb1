"""The command line: one door to the shot. Nothing here imports torch before a command needs it."""
