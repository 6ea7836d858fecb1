"""Many shots one after another: the list, the command that works through it, and the page that tells of all. Public: command."""
