"""What is kept of a shot and can be made again. Public: cache, permanent, state, lock."""
