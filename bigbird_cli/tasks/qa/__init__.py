"""Question answering: the task, SQuAD's files, model inputs, spans from scores, and how they are measured."""
