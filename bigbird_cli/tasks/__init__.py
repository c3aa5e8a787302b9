"""What a task is, without a framework: read examples, encode them, decode a model's outputs, score them."""
