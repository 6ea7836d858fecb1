"""The core's process: find it, set it up, start it and talk to it. Public: client, launch, set_up."""
