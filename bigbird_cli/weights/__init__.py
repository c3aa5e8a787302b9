"""Files and the arrays in them: model folders, checkpoints, conversion."""
