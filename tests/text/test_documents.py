"""The tokens of a document lie where its text does."""

import numpy as np

from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.tokenizers.tokenizer import Tokens


def document_of(text: str, spans: list[tuple[int, int]]) -> EncodedDocument:
    starts, ends = (np.array(column, dtype=np.int32) for column in zip(*spans, strict=True))
    return EncodedDocument(text, Tokens(np.arange(len(spans), dtype=np.int32), starts, ends), unknown=0)


def test_white_space_and_empty_tokens_are_not_visible() -> None:
    document = document_of("  ab \n", [(0, 0), (2, 4), (5, 6)])
    assert document.visible.tolist() == [False, True, False]


def test_a_span_has_no_white_space_at_its_ends() -> None:
    document = document_of(" ab cd \n", [(0, 3), (3, 7), (7, 8)])
    assert document.span(0, 0) == (1, 3)
    assert document.span(0, 1) == (1, 6)


def test_tokens_of_finds_the_tokens_that_cover_characters() -> None:
    document = document_of("one two three", [(0, 3), (4, 7), (8, 13)])
    assert document.tokens_of(4, 7) == (1, 1)
    assert document.tokens_of(5, 9) == (1, 2)
    assert document.tokens_of(3, 4) is None
    assert document.tokens_of(0, 13) == (0, 2)
