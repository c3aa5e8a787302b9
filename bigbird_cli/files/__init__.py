"""Paths, and files that are written whole."""
