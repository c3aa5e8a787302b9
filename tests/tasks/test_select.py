"""Sentences that support a query: a window each, exact characters, likeness of meaning and of words."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.tasks.select import Selection, SentenceSelection
from bigbird_cli.text.documents import EncodedDocument, encode_document
from bigbird_cli.text.sentences import sentences
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.text.windows import owned_sums

TEXT = "The lamp is old.  Ada kept it.\n\nA storm came in 1820! Who put out the lamp? "
EAST, NORTH = np.eye(2)


@pytest.fixture(scope="module")
def tokenizer(tiny_qa_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_qa_model)


def select(text: str, query: str, places: Sequence[np.ndarray], tokenizer: Tokenizer, *, n_best: int = 3) -> Selection:
    """The selection of a text whose sentences, or their parts, are embedded at these places; added last one first."""
    task = SentenceSelection(window=16, overlap=2)
    document = encode_document(text, tokenizer, name="here")
    plan = task.plan(document)
    decoder = task.decoder_for(["here"], query, EAST, n_best=n_best)
    for window, owned, place in reversed(list(zip(plan, owned_sums(plan), places, strict=True))):
        feature = task.window_feature(document, window, owned, tokenizer, example=0)
        decoder.add(feature, {"embedding": place})
    return decoder.prediction(0)


def texts_of(document: EncodedDocument) -> list[str]:
    plan = SentenceSelection(window=16, overlap=2).plan(document)
    return [document.text[slice(*document.span(window.start, window.stop - 1))] for window in plan]


def test_sentences_are_found_without_the_white_space_around_them() -> None:
    found = [TEXT[start:end] for start, end in sentences(TEXT)]
    assert found == ["The lamp is old.", "Ada kept it.", "A storm came in 1820!", "Who put out the lamp?"]
    assert sentences(" \n ") == []
    assert sentences("Mr. Day met E. Dov") == [(0, 18)]


def test_each_sentence_is_a_window_and_a_long_one_is_read_in_parts(tokenizer: Tokenizer) -> None:
    assert texts_of(encode_document(TEXT, tokenizer, name="here"))[1] == "Ada kept it."
    long = encode_document("Lamp " * 40 + ". Ada.", tokenizer, name="here")
    plan = SentenceSelection(window=16, overlap=2).plan(long)
    assert all(0 < window.stop - window.start <= 14 for window in plan)
    assert all(after.start <= before.stop for before, after in pairwise(plan))
    assert (plan[0].start, plan[-1].stop) == (0, len(long))


def test_the_sentence_whose_embedding_is_nearest_comes_first_at_its_characters(tokenizer: Tokenizer) -> None:
    found = select(TEXT, "x", [NORTH, NORTH, EAST, NORTH], tokenizer, n_best=2)
    assert [sentence.text for sentence in found.sentences] == ["A storm came in 1820!", "The lamp is old."]
    assert all(TEXT[sentence.start : sentence.end] == sentence.text for sentence in found.sentences)
    assert (found.coverage.n_windows, found.coverage.n_read) == (4, found.coverage.n_tokens)


def test_of_sentences_alike_in_meaning_the_one_that_shares_words_comes_first(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = select(TEXT, "what came in 1820", [EAST, EAST, EAST, EAST], tokenizer)
    assert found.sentences[0].text == "A storm came in 1820!"
    monkeypatch.setattr(SentenceSelection, "word_scale", 0.0)
    alike = select(TEXT, "what came in 1820", [EAST] * 4, tokenizer)
    assert alike.sentences[0].text == "The lamp is old."


def test_scores_are_shares_of_all_sentences(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentenceSelection, "cosine_scale", np.log(3.0))
    found = select(TEXT, "x", [NORTH, EAST, NORTH, NORTH], tokenizer, n_best=9)
    assert [sentence.score for sentence in found.sentences] == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_a_sentence_in_parts_is_as_good_as_its_best_part(tokenizer: Tokenizer) -> None:
    text = "Ada. " + "Lamp " * 20 + "."
    found = select(text, "x", [NORTH, NORTH, EAST], tokenizer, n_best=1)
    assert found.sentences[0].start == 5


def test_what_cannot_be_compared_is_refused(tokenizer: Tokenizer) -> None:
    task = SentenceSelection(window=16, overlap=2)
    with pytest.raises(DataError, match="0 tokens; it must have 1 to 14"):
        task.query_feature("", tokenizer)
    with pytest.raises(ModelError, match="not a finite number"):
        select("Ada.", "x", [np.array([np.nan, 0.0])], tokenizer)
