"""What tasks that read long documents in windows have in common."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """How much of a document was read for a prediction.

    Attributes:
        n_tokens: tokens of the document.
        n_read: how many of them stood in a window that the model read, each counted once.
        n_unknown: how many of them are the unknown token.
        n_windows: model inputs that were read.
        longest_input: tokens of the longest of them, special tokens and a second text included.
    """

    n_tokens: int
    n_read: int
    n_unknown: int
    n_windows: int
    longest_input: int
