"""Pages about training runs and evaluations: one file each, with everything in it."""
