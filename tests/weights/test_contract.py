"""What a model asks of its tensors is said in one wording, with the tensor, its shape and the file."""

import numpy as np
import pytest

from bigbird_cli.errors import ModelError
from bigbird_cli.weights.contract import check_finite, check_present, misshapen, tied_to

WORDS, TABLE = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"


def test_the_first_missing_tensor_is_named_and_the_others_counted() -> None:
    check_present({"a": (2,), "b": None}, {"a", "b"}, where="file")
    with pytest.raises(ModelError, match=r"file: the tensor b \(3, 4\) is missing, and 1 more"):
        check_present({"a": (2,), "b": (3, 4), "c": None}, {"a"}, where="file")
    with pytest.raises(ModelError, match="the tensor c is missing;"):
        check_present({"a": (2,), "c": None}, {"a"}, where="file")


def test_a_shape_is_told_beside_the_wanted_one() -> None:
    error = misshapen("a", (3,), (2,), where="file", asker="the others ask")
    assert error.problem == "the tensor a has the shape (3,) where the others ask for (2,)"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    check_finite("a", np.array([1, 2]), where="file")
    with pytest.raises(ModelError, match="the tensor a holds values that are not finite"):
        check_finite("a", np.array([1.0, value], dtype=np.float16), where="file")


@pytest.mark.parametrize("words", [WORDS, WORDS.removeprefix("bert.")])
def test_a_tied_tensor_is_found_with_the_prefix_and_without_and_must_be_the_same(words: str) -> None:
    table = np.ones((2, 3))
    assert tied_to(TABLE, {TABLE: table, words: table.copy()}, where="file") == words
    assert tied_to(TABLE, {TABLE: table}, where="file") is None
    assert tied_to(words, {TABLE: table, words: table}, where="file") is None
    with pytest.raises(ModelError, match=f"file: {TABLE} differs from {words}"):
        tied_to(TABLE, {TABLE: table, words: table + 1}, where="file")
