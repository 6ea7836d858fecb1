"""The cache of a shot: all that can be made again. Public: cache, permanent, state, at_work, leases."""
