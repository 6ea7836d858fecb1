"""What a request names, opened and checked; nothing is computed here. Public: inputs, opened, approved."""
