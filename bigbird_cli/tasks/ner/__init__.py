"""Named entities: the task, annotated files, tags, decoding over all windows, and how they are measured."""
