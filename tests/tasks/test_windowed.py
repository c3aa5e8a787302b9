"""The common half of tasks: model inputs put together, windows gathered in any order, how much was read."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from pydantic import ValidationError

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import DataError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.multiple_choice import MultipleChoice
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.windowed import Coverage, Gatherer, WindowedTask, pack, settings_for, source_of
from bigbird_cli.tasks.zero_shot import ZeroShot
from bigbird_cli.text.documents import EncodedDocument, encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer

MARKS = cast(Tokenizer, SimpleNamespace(cls_id=1, sep_id=2))


@pytest.fixture(scope="module")
def tokenizer(tiny_qa_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_qa_model)


@pytest.fixture
def windows(tokenizer: Tokenizer) -> list[Feature]:
    """Of a text of 20 tokens, the windows 0..8, 6..14 and 12..20."""
    return list(
        ZeroShot(window=10, overlap=2).window_features(document_of("ada " * 20, tokenizer), tokenizer, example=0)
    )


def document_of(text: str, tokenizer: Tokenizer) -> EncodedDocument:
    return encode_document(text, tokenizer, name="here")


def test_one_text_stands_between_cls_and_sep() -> None:
    ids, types = pack(MARKS, np.array([7, 8]))
    assert (ids.tolist(), types.tolist()) == ([1, 7, 8, 2], [0, 0, 0, 0])
    assert (ids.dtype, types.dtype) == (np.dtype(np.int32), np.dtype(np.int8))


def test_a_second_text_has_a_type_of_its_own_and_so_has_the_sep_behind_it() -> None:
    ids, types = pack(MARKS, np.array([7]), np.array([8, 9]))
    assert (ids.tolist(), types.tolist()) == ([1, 7, 2, 8, 9, 2], [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("task", [QuestionAnswering(window=32, overlap=4), Classification(window=32, overlap=4)])
@pytest.mark.parametrize("n_second", [1, 5])
def test_a_full_window_beside_a_second_text_is_as_long_as_the_task_says(
    task: QuestionAnswering | Classification, n_second: int, tokenizer: Tokenizer
) -> None:
    document = document_of("ada " * task.capacity(n_second), tokenizer)
    second = np.full(n_second, 9, dtype=np.int32)
    [feature] = task.window_features(document, tokenizer, example=0, second=second)
    assert len(feature) == task.window
    source = source_of(feature)
    inside = slice(source.first, source.first + task.capacity(n_second))
    assert feature.ids[inside].tolist() == document.tokens.ids.tolist()
    assert feature.ids[feature.types == (0 if task.second_comes_first else 1)].tolist().count(9) == n_second


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (QuestionAnswering(window=64, overlap=4), "question"),
        (Classification(window=64, overlap=4), "second text"),
        (MultipleChoice(window=64, overlap=4), "question and choice"),
    ],
)
def test_a_second_text_that_leaves_no_room_is_refused_by_its_name(task: WindowedTask, name: str) -> None:
    with pytest.raises(
        DataError, match=rf"here: beside a {name} of 60 tokens.* 64 tokens has room for 1 .*shorten the"
    ):
        task.plan_windows(100, 60, where="here")


def test_windows_of_a_foreign_model_are_as_long_as_it_can_hold_and_share_a_part() -> None:
    assert settings_for(BigBirdConfig(max_position_embeddings=4096)) == {"window": 4096, "overlap": 128}
    assert settings_for(BigBirdConfig(max_position_embeddings=128)) == {"window": 128, "overlap": 32}
    assert settings_for(BigBirdConfig(max_position_embeddings=512), most=256, parts=8) == {"window": 256, "overlap": 32}


def test_windows_that_come_in_any_order_are_gathered_in_reading_order(windows: list[Feature]) -> None:
    gathered: Gatherer[int] = Gatherer(["a"])
    for number in (2, 0, 1):
        gathered.add(windows[number], number)
    assert gathered[0].in_order() == [0, 1, 2]
    assert gathered[0].windows == [source_of(feature).window for feature in windows]


def test_a_mean_weighs_each_window_by_the_tokens_that_it_answers_for(windows: list[Feature]) -> None:
    gathered: Gatherer[None] = Gatherer(["a"])
    for feature in windows:
        gathered.add(feature, None)
    n_owned = [len(source_of(feature).owned) / 2 for feature in windows]
    assert sum(n_owned) == 20
    values_WL = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert gathered[0].mean(values_WL) == pytest.approx([n_owned[0] / 20, n_owned[1] / 20])


def test_coverage_counts_each_token_once_and_what_was_left_out_not_at_all(windows: list[Feature]) -> None:
    whole: Gatherer[None] = Gatherer(["a"])
    part: Gatherer[None] = Gatherer(["a"])
    for feature in windows:
        whole.add(feature, None)
    part.add(windows[0], None)
    coverage = replace(whole[0].coverage, spans=())
    assert coverage == Coverage(n_tokens=20, n_read=20, n_unknown=0, n_windows=3, longest_input=10)
    coverage = replace(part[0].coverage, spans=())
    assert coverage == Coverage(n_tokens=20, n_read=8, n_unknown=0, n_windows=1, longest_input=10)


def test_coverage_tells_the_characters_of_each_window_in_reading_order(windows: list[Feature]) -> None:
    gathered: Gatherer[None] = Gatherer(["a"])
    for feature in reversed(windows):
        gathered.add(feature, None)
    assert gathered[0].coverage.spans == ((0, 31), (24, 55), (48, 79))


def test_a_window_added_twice_and_a_document_without_one_are_refused(windows: list[Feature]) -> None:
    gathered: Gatherer[None] = Gatherer(["a", "b"], kind="question")
    gathered.add(windows[0], None)
    with pytest.raises(ValueError, match="of question a was added twice"):
        gathered.add(windows[0], None)
    with pytest.raises(ValueError, match="no window of question b was added"):
        _ = gathered[1]


def test_an_overlap_that_leaves_no_room_is_refused_with_the_largest_that_does() -> None:
    with pytest.raises(ValidationError, match=r"task\.overlap 40 .* window of 32 tokens: give 28 or less, or raise"):
        ZeroShot(window=32, overlap=40)
    assert ZeroShot(window=32, overlap=28).plan_windows(100)
