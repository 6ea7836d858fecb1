"""A shot: a plate, its annotations and its mattes. A module beside the rooms is a job, whole; Listener is whom every job tells."""
