"""Which passages of a text are worth reading for a question: numbers in, numbers out, without a model."""
