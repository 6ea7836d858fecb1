"""The cache of a shot: everything kept that can be made again. Public: cache, permanent, state, lock."""
