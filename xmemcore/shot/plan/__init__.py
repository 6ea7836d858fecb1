"""What a propagate will compute, and what each matte depends on; nothing is written. Public: plan, dependencies, chunks, windows."""
