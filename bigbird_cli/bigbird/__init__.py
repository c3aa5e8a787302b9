"""What BigBird is, with numpy alone: its settings, its attention pattern, its parameters' names."""
