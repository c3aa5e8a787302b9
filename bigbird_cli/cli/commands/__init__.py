"""The commands, one a file: what they take, and what they show."""
