"""How each token is written, from its own characters alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.tasks.ner.casing import casing_of


def plain(token: str) -> int:
    """The rule, a token at a time."""
    cased = [c.isupper() or c.istitle() for c in token if c.isupper() or c.islower() or c.istitle()]
    if not any(cased):
        return 1 if cased else 0
    if sum(cased) == 1 and cased[0]:
        return 2
    return 3 if all(cased) else 4


@pytest.mark.parametrize(
    ("token", "case"),
    [
        *(("", 0), ("42", 0), ("\u4e2d", 0), ("ada", 1), ("\u00e9", 1), ("A", 2), ("Ada", 2), ("(Ada", 2)),
        *(("\u01c5a", 2), ("ADA", 3), ("U.S", 3), ("iPhone", 4), ("McBel", 4)),
    ],
)
def test_a_token_is_of_the_case_of_its_letters(token: str, case: int) -> None:
    assert casing_of(token, np.array([0]), np.array([len(token)])).tolist() == [case]
    assert plain(token) == case


@given(st.lists(st.text("aAbB1.\u01c5 \u00e9\u00c9\u4e2d", max_size=5), max_size=12))
def test_tokens_anywhere_in_a_text_are_told_apart(tokens: list[str]) -> None:
    ends = np.cumsum([len(token) for token in tokens], dtype=np.int32)
    starts = ends - np.array([len(token) for token in tokens], dtype=np.int32)
    found = casing_of("Zz" + "".join(tokens) + "z", starts + 2, ends + 2)
    assert found.tolist() == [plain(token) for token in tokens]
    assert found.dtype == np.int8
