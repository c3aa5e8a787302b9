"""A message keeps its sense at any length of what it tells of."""

import json
import pickle
import warnings

import pytest

from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, RecipeError, UsageError, needs_extra
from bigbird_cli.messages import counted, shortened

PATH = "/data/" + "/".join(["corpus-of-contracts"] * 8) + "/train.jsonl"


def test_a_long_word_shows_both_ends_and_its_length() -> None:
    error = DataError("the word " + "a" * 40_000 + "b" * 40_000 + " is unknown")
    assert error.problem.startswith("the word aaaa")
    assert error.problem.endswith("bbbb (80,000 characters) is unknown")
    assert len(error.problem) < 150


def test_a_long_quoted_value_is_cut_and_not_the_words_around_it() -> None:
    error = DataError(f"the answer {'yes and ' * 500!r} is not at character 3 of its context; {'no'!r} stands there")
    assert error.problem.startswith("the answer 'yes and yes")
    assert error.problem.endswith("and ' (4,000 characters) is not at character 3 of its context; 'no' stands there")


def test_a_long_list_is_cut_in_its_middle() -> None:
    told = shortened("the labels are " + ", ".join(f"label_{i}" for i in range(10_000)))
    assert told.startswith("the labels are label_0, label_1, ")
    assert told.endswith("label_9999 (118,903 characters)")
    assert len(told) <= 300


def test_a_path_of_common_length_stays_whole() -> None:
    assert 150 < len(PATH) < 200
    assert str(DataError("it is empty", where=f"{PATH}:12")) == f"{PATH}:12: it is empty"


def test_apostrophes_open_no_value() -> None:
    told = (
        "the file's words are those of the model's own vocabulary, and none of the users' words stands in the reader's"
    )
    assert shortened(told) == told


@pytest.mark.parametrize("text", ["'", "' ", '"', "« ", "'\\", "a", "a ", "\x00", "\n", "'a'"])
def test_any_text_is_shortened_in_time_that_grows_with_its_length(text: str) -> None:
    assert len(shortened(text * 200_000)) <= 300


def test_what_a_terminal_would_obey_becomes_visible() -> None:
    error = DataError("no column \x1b[31mred\x07", where="a\nb.csv\udc80", fix="name\r\n   another")
    assert str(error) == r"a b.csv\udc80: no column \x1b[31mred\x07; name another"


def test_the_record_of_a_failed_item_is_shortened_too() -> None:
    record = DataError("it holds " + "x" * 10_000, where="y" * 10_000, fix="z" * 10_000).to_dict()
    assert len(json.dumps(record)) < 500


def test_an_error_comes_through_a_pickle_as_it_is() -> None:
    error = DataError(f"{'word ' * 5000!r} and {'x' * 5000}", where="here", fix="there")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DataError
    assert again.to_dict() == error.to_dict()


def test_warnings_are_shortened() -> None:
    with pytest.warns(BigBirdWarning, match=r"^names: aaa.* \(9,000 characters\)$"):
        warnings.warn("names: " + "a" * 9_000, BigBirdWarning, stacklevel=1)


def test_an_error_says_where_and_what_to_do() -> None:
    assert str(BigBirdError("it is gone", where="a.txt", fix="bring it back")) == "a.txt: it is gone; bring it back"


def test_a_library_that_is_not_there_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(UsageError) as caught, needs_extra("train"):
        import no_such_library  # type: ignore[import-not-found]  # noqa: F401
    assert str(caught.value) == "no_such_library is not installed; pip install 'bigbird-cli[train]'"


def test_several_problems_have_a_line_each() -> None:
    error = RecipeError("30 settings are wrong:", details=[f"setting {i} is {'x' * 1000}" for i in range(30)])
    lines = error.problem.split("\n")
    assert len(lines) == 22
    assert lines[1].startswith("  setting 0 is xxx")
    assert lines[-1] == "  and 10 more"
    assert pickle.loads(pickle.dumps(error)).problem == error.problem


@pytest.mark.parametrize(("number", "said"), [(0, "0 rows"), (1, "1 row"), (2_000, "2,000 rows")])
def test_what_is_counted_stands_in_its_number(number: int, said: str) -> None:
    assert counted(number, "row") == said


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    assert (counted(1, "entity", "entities"), counted(2, "entity", "entities")) == ("1 entity", "2 entities")
