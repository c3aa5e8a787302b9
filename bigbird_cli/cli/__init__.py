"""The `bigbird` command: one line a command, and the boundary where errors become messages."""
