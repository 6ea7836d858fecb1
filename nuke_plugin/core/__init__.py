"""The core's process: find it, set it up, start it and talk to it. Public: client, command, set_up."""
