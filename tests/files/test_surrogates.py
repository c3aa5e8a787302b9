"""Half a character is named, wherever it stands."""

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.files.surrogates import check_text


def test_a_lone_surrogate_is_named() -> None:
    check_text("\U0001f680", "the context", "x")
    with pytest.raises(DataError, match=r"x: the context holds half a character, U\+D83D, at character 2"):
        check_text("ab\ud83d", "the context", "x")


def test_the_line_and_the_column_of_half_a_character_are_told_however_far_it_stands_in() -> None:
    text = "é\n" * (1 << 20) + "ab\udc80"
    with pytest.raises(DataError, match=rf"U\+DC80, at character {2 << 20 | 2} \(line {(1 << 20) + 1}, column 3\)"):
        check_text(text)
