"""`nuke_plugin` as nodes saved by version 0.2.0 know it: two names that lead to today's modules. See `doors`."""
