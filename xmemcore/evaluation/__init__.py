"""Quality and speed, measured on the path that a propagate takes. Public: evaluate, experiments, bench, demo_run."""
