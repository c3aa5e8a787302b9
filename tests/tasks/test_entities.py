"""Texts with entities from CoNLL files, rows and brat folders, each word and character where it was."""

import gzip
import json
import tempfile
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.tasks.entities import Columns, GoldEntity, NERExample, outermost, read_examples


def read(source: Path | str, **columns: Any) -> list[NERExample]:
    return list(read_examples(source, Columns(**columns)))


def named(example: NERExample) -> list[tuple[str, str]]:
    return [(type_, example.text[start:end]) for type_, start, end in example.entities]


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    """No warning passes unseen."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


# CoNLL


def test_conll_words_become_one_text_with_the_tags_as_characters(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.conll",
        "Ada\tB-PER\nof\tI-PER\nKo\u0308ln\tI-PER\n.\tO\n\n\U0001f600\tO\nBel\tB-PER\nCora\tB-PER\n\n",
    )
    [example] = read(path)
    assert example.text == "Ada of Ko\u0308ln .\n\U0001f600 Bel Cora"
    assert named(example) == [("PER", "Ada of Ko\u0308ln"), ("PER", "Bel"), ("PER", "Cora")]
    assert example.where == f"{path}:1"


@pytest.mark.parametrize(
    "tags",
    [
        "B-PER I-PER O B-LOC B-LOC",
        "I-PER I-PER O I-LOC B-LOC",
        "B-PER E-PER O S-LOC S-LOC",
        "B-PER L-PER O U-LOC U-LOC",
    ],
)
def test_every_scheme_is_read(tmp_path: Path, tags: str) -> None:
    words = ["Ada", "Bel", "saw", "Rome", "Paris"]
    lines = [f"{word} {tag}" for word, tag in zip(words, tags.split(), strict=True)]
    [example] = read(write(tmp_path / "a.txt", "\n".join(lines)))
    assert named(example) == [("PER", "Ada Bel"), ("LOC", "Rome"), ("LOC", "Paris")]


def test_plain_types_are_read(tmp_path: Path) -> None:
    [example] = read(write(tmp_path / "a.tsv", "Ada\tPER\nBel\tPER\nsaw\tO\nRome\tLOC\n"))
    assert named(example) == [("PER", "Ada Bel"), ("LOC", "Rome")]


def test_documents_end_where_the_file_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "-DOCSTART- O\n\nAda B-PER\n\n-DOCSTART- O\n\nBel B-PER\nleft O\n")
    assert [example.text for example in read(path)] == ["Ada", "Bel left"]


def test_an_entity_ends_with_its_sentence(tmp_path: Path) -> None:
    [example] = read(write(tmp_path / "a.conll", "in O\nRome I-LOC\n\nParis I-LOC\nis O\n"))
    assert named(example) == [("LOC", "Rome"), ("LOC", "Paris")]


def test_columns_are_chosen_by_number(tmp_path: Path) -> None:
    text = "# newdoc id = one\n1\tAda\tB-PER\t-\tannie\n2\tleft\tO\t-\t-\n"
    [example] = read(write(tmp_path / "a.iob2", text), words=1, tags=2)
    assert (example.id, example.text, named(example)) == ("one", "Ada left", [("PER", "Ada")])
    with pytest.raises(DataError, match=r"words in column 0 only count.*task\.words_column: 1"):
        read(tmp_path / "a.iob2")
    with pytest.raises(DataError, match="CoNLL columns have numbers"):
        read(tmp_path / "a.iob2", words="form")


def test_tags_that_break_their_scheme_are_read_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Ada B-PER\nsaw O\nRome I-LOC\n")
    with pytest.warns(BigBirdWarning, match="1 of 2 tags break IOB2 and are read as conlleval reads them"):
        [example] = read(path)
    assert named(example) == [("PER", "Ada"), ("LOC", "Rome")]


def test_a_packed_file_and_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.conll.gz").write_bytes(gzip.compress(b"Bel B-PER\n"))
    write(tmp_path / "a.conll", "Ada B-PER\n")
    assert [example.text for example in read(tmp_path)] == ["Ada", "Bel"]
    assert [example.text for example in read(tmp_path / "b.conll.gz")] == ["Bel"]


# rows


def rows(tmp_path: Path, *values: Any) -> Path:
    return write(tmp_path / "a.jsonl", "".join(json.dumps(value) + "\n" for value in values))


def test_rows_hold_tokens_and_tags(tmp_path: Path) -> None:
    path = rows(
        tmp_path,
        {"id": 7, "tokens": ["Ada", "left"], "ner_tags": ["B-PER", "O"]},
        {"words": ["Bel"], "tags": ["B-PER"], "text": "not looked at"},
    )
    first, second = read(path)
    assert (first.id, first.text, named(first)) == ("7", "Ada left", [("PER", "Ada")])
    assert (second.id, second.text, named(second)) == ("2", "Bel", [("PER", "Bel")])
    assert second.where == f"{path}:2"


def test_rows_hold_a_text_and_its_entities(tmp_path: Path) -> None:
    text = "\U0001f600 Ada\r\nsaw Ko\u0308ln"
    path = rows(
        tmp_path,
        {"text": text, "entities": [{"start": 11, "end": 16, "label": "LOC"}, {"start": 2, "end": 5, "type": "PER"}]},
        {"text": text, "spans": [[2, 5, "PER"]], "tokens": ["x"], "tags": ["O"]},
        {"text": text, "entities": []},
    )
    first, second, third = read(path)
    assert first.text == text
    assert named(first) == [("PER", "Ada"), ("LOC", "Ko\u0308ln")]
    assert named(second) == [("PER", "Ada")]
    assert third.entities == ()


def test_rows_have_their_columns_named(tmp_path: Path) -> None:
    path = rows(tmp_path, {"form": ["Ada"], "bio": ["B-PER"]}, {"body": "Ada", "found": [[0, 3, "PER"]]})
    columns = {"words": "form", "tags": "bio", "text": "body", "entities": "found"}
    assert [named(example) for example in read(path, **columns)] == [[("PER", "Ada")]] * 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Ada"}, r"a.jsonl:1: a row with names needs words and tags.*here is text"),
        ({"tokens": ["Ada", "left"], "tags": ["O"]}, r'"tokens" has 2 words and "tags" 1 tags'),
        ({"tokens": ["Ada"], "tags": [3]}, r"a.jsonl:1, tags\[0\]: this is a number, not a string"),
        ({"tokens": ["Ada", ""], "tags": ["O", "O"]}, r"a.jsonl:1, tokens\[1\]: this is empty"),
        ({"tokens": "Ada", "tags": ["O"]}, r'"tokens" is a string, not a list'),
        ({"text": 3, "entities": []}, r'"text" is a number, not a string'),
        ({"text": "Ada", "entities": {}}, r'"entities" is an object, not a list'),
        ({"text": "Ada", "entities": [3]}, r"a.jsonl:1, entities\[0\]: this is a number, not an entity"),
        ({"text": "Ada", "entities": [{"start": 0, "end": 3}]}, "the entity has no type"),
        ({"text": "Ada", "entities": [["0", 3, "PER"]]}, '"start" and "end" are not whole numbers'),
        ({"text": "Ada", "entities": [[0, 4, "PER"]]}, "at characters 0 to 4 of a text of 3"),
        ({"text": "Ada", "entities": [[2, 2, "PER"]]}, "at characters 2 to 2 of a text of 3"),
        (
            {"text": "so Ada", "entities": [{"start": 2, "end": 5, "type": "PER", "text": "Ada"}]},
            "the entity 'Ada' is not at characters 2 to 5 of its text; ' Ad' stands there",
        ),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(rows(tmp_path, row))


# overlapping entities


def test_of_entities_that_overlap_the_longest_is_kept_with_a_warning(tmp_path: Path) -> None:
    entities = [[4, 10, "ORG"], [0, 15, "FAC"], [11, 15, "PER"], [16, 19, "PER"], [16, 19, "LOC"], [18, 23, "GPE"]]
    path = rows(tmp_path, {"text": "the bank of Ada Bel saw", "entities": entities})
    with pytest.warns(BigBirdWarning, match="4 entities are left out because a longer one"):
        [example] = read(path)
    assert example.entities == (GoldEntity("FAC", 0, 15), GoldEntity("GPE", 18, 23))


spans = st.tuples(st.sampled_from("XY"), st.integers(0, 12), st.integers(1, 6))


@given(st.lists(spans, max_size=10))
def test_what_is_kept_shares_nothing_and_what_is_not_meets_something_as_long(drawn: list[tuple[str, int, int]]) -> None:
    entities = [GoldEntity(type_, start, start + size) for type_, start, size in drawn]
    kept = outermost(entities)
    assert all(one.end <= two.start for one, two in pairwise(kept))
    for entity in entities:
        if entity not in kept:
            rivals = [one for one in kept if one.start < entity.end and entity.start < one.end]
            assert max(one.end - one.start for one in rivals) >= entity.end - entity.start
    in_order = sorted(entities, key=start_of)
    if all(one.end <= two.start for one, two in pairwise(in_order)):
        assert kept == in_order


def start_of(entity: GoldEntity) -> int:
    return entity.start


# brat


def test_brat_pairs_are_read(tmp_path: Path) -> None:
    text = "Ada\r\nsaw\nRome \U0001f600 again"
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner" / "b.txt", text)
    annotations = (
        "T1\tPER 0 3\tAda\nR1\tLives Arg1:T1 Arg2:T2\n#1\tNote T1\tsure\nT2\tLOC 5 13\tsaw Rome\r\nT3\tX 16 21\tagain\n"
    )
    write(tmp_path / "inner" / "b.ann", annotations)
    write(tmp_path / "a.txt", "nothing")
    write(tmp_path / "a.ann", "")
    write(tmp_path / "._a.ann", "what macOS puts beside it")
    empty, example = read(tmp_path)
    assert (empty.id, empty.text, empty.entities) == ("a", "nothing", ())
    assert (example.id, example.text) == ("b", text)
    assert example.entities == (GoldEntity("PER", 0, 3), GoldEntity("LOC", 5, 13), GoldEntity("X", 16, 21))
    assert read(tmp_path / "inner" / "b.ann")[0].entities == example.entities


def test_an_entity_in_pieces_is_taken_whole_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "left and right lung")
    write(tmp_path / "a.ann", "T1\tBody 0 4;15 19\tleft lung\n")
    with pytest.warns(BigBirdWarning, match="1 entities in several pieces"):
        [example] = read(tmp_path)
    assert named(example) == [("Body", "left and right lung")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tPER 4 7\tAda", r"a.ann:2: the entity 'Ada' is not at characters 4 to 7 of its text; 'saw' stands there"),
        ("T1 PER 0 3", r"a.ann:2: this is no entity"),
        ("T1\tPER 0 99\tAda", r"at characters 0 to 99 of a text of 8"),
    ],
)
def test_a_line_that_brat_would_not_write_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path / "a.txt", "Ada saw.")
    write(tmp_path / "a.ann", f"R1\tx\n{line}\n")
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_annotations_without_their_text_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.ann", "T1\tPER 0 3\tAda\n")
    with pytest.raises(DataError, match=r"a\.txt: there is no such file"):
        read(tmp_path)


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.text(alphabet="aé\u0301\U0001f600中'", min_size=1, max_size=4),
                st.sampled_from(["O", "B-X", "I-X", "I-Y"]),
            ),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_tagged_word_stands_where_it_is_said_to(sentences: list[list[tuple[str, str]]]) -> None:
    lines = ["".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", BigBirdWarning)
        [example] = read(write(Path(folder) / "a.conll", "\n".join(lines)))
    assert example.text.split("\n") == [" ".join(word for word, _ in sentence) for sentence in sentences]
    tagged = [word for sentence in sentences for word, tag in sentence if tag != "O"]
    assert " ".join(text for _, text in named(example)).split(" ") == (tagged or [""])
