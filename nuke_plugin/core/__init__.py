"""The core's process: found, set up, started and spoken to. Public: client, command, set_up."""
