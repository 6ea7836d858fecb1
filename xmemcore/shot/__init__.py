"""A shot: a plate, its annotations and its mattes. Public: propagate, suggest, fit, approved, status, forecast, collect."""
