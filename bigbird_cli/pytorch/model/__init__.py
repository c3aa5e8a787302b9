"""The model: from its bricks to the classes that users know by name."""
