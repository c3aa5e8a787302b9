"""The model: embeddings, encoder blocks, attention by blocks, heads, and the classes that users know by name."""
