"""Spans are as like a question as the sentence in them that is most like it."""

import numpy as np
import pytest

from bigbird_cli.search.vectors import Sentences

SENTENCES = Sentences(
    np.array([0, 10, 20]), np.array([10, 20, 40]), np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float16)
)


def test_a_span_has_the_cosine_of_its_best_sentence_and_none_without_one() -> None:
    spans = np.array([(0, 25), (6, 40), (16, 29), (0, 16)])
    found = SENTENCES.scores(np.array([1.0, 0.0]), spans)
    np.testing.assert_allclose(found, [1, 0.6, -1, 1], atol=1e-3)


def test_bytes_give_the_sentences_back() -> None:
    found = Sentences.from_bytes(SENTENCES.to_bytes())
    assert found is not None
    for name in ("starts", "ends", "vectors"):
        np.testing.assert_array_equal(getattr(found, name), getattr(SENTENCES, name))
        assert getattr(found, name).dtype == getattr(SENTENCES, name).dtype


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", SENTENCES.to_bytes()[:-9], b"\x80\x04N."])
def test_other_bytes_give_none(content: bytes | None) -> None:
    assert Sentences.from_bytes(content) is None
