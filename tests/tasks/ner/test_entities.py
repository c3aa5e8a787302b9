"""Texts with entities from CoNLL files, rows and brat folders, each word and character where it was."""

import gzip
import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.tasks.ner.entities import outermost, read_examples
from bigbird_cli.tasks.ner.gold import Columns, GoldEntity, NERExample


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


def test_lines_without_a_word_are_left_out_on_demand(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Ada\tB-PER\n \tO\nleft\tO\nx\t\n")
    with pytest.raises(DataError, match=r"a\.conll:2: the word is empty; .*task\.on_empty: skip"):
        read(path)
    with pytest.warns(BigBirdWarning, match="2 rows, lines or texts left out"):
        [example] = read_examples(path, Columns(), on_empty="skip")
    assert example.text == "Ada left"


def test_tags_that_break_their_scheme_are_read_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Ada B-PER\nsaw O\nRome I-LOC\n")
    with pytest.warns(BigBirdWarning, match="1 of 2 tags against IOB2, read as conlleval reads them"):
        [example] = read(path)
    assert named(example) == [("PER", "Ada"), ("LOC", "Rome")]


@pytest.mark.parametrize("tag", ["B_PER", "PER-B"])
def test_a_mark_where_none_is_looked_for_is_refused_and_named(tag: str, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(f"Ada\t{tag}\nlit\tO\n", encoding="utf-8")
    row = {"tokens": ["Ada", "lit"], "tags": [tag, "O"]}
    (tmp_path / "b.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    for name in ("a.conll", "b.jsonl"):
        with pytest.raises(DataError, match=f"the tag '{tag}' has its mark where none is looked for") as caught:
            read(tmp_path / name)
        assert name in str(caught.value.where)


@pytest.mark.parametrize("outside", ["0", "o", "-", "_"])
def test_words_outside_may_be_tagged_otherwise(outside: str, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(f"Ada\tB-PER\nlit\t{outside}\nit\t{outside}\n", encoding="utf-8")
    [example] = read(tmp_path / "a.conll")
    assert named(example) == [("PER", "Ada")]


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


def test_rows_may_leave_types_and_characters_open(tmp_path: Path) -> None:
    row = {"text": "Ada saw Bel", "entities": [[0, 3, "PER|ORG"]], "types": ["PER", "ORG"], "unsure": [[8, 11]]}
    path = rows(tmp_path, row, {"text": "Bel", "entities": []})
    first, second = read(path, partial=True)
    assert (first.types, first.unsure) == (frozenset({"PER", "ORG"}), ((8, 11),))
    assert (second.types, second.unsure) == (None, ())
    assert [(whole.types, whole.unsure) for whole in read(path)] == [(None, ())] * 2  # unless the task says so


@pytest.mark.parametrize(
    ("left_open", "where", "words"),
    [
        ({"unsure": [[2, 9]]}, "unsure[0]", "no characters of a text of 3"),
        ({"unsure": [[0, 1], [1]]}, "unsure[1]", r"this is \[1\]"),
        ({"unsure": 3}, ":1", "a number, not a list"),
        ({"types": [1]}, "types[0]", "not a string"),
    ],
)
def test_what_is_left_open_is_checked(tmp_path: Path, left_open: dict[str, Any], where: str, words: str) -> None:
    path = rows(tmp_path, {"text": "Ada", "entities": [], **left_open})
    with pytest.raises(DataError, match=words) as error:
        read(path, partial=True)
    assert str(error.value.where).endswith(where)


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
        ({"tokens": ["Ada", "left"], "tags": ["O"]}, r'"tokens" has 2 words and "tags" 1 tag'),
        ({"tokens": ["Ada"], "tags": [3]}, r'a.jsonl:1: "tags" holds numbers, not tags; .*task\.tags: \[O, B-PER'),
        ({"tokens": [3], "tags": ["O"]}, r"a.jsonl:1, tokens\[0\]: this is a number, not a string"),
        ({"tokens": None, "tags": None}, r'"tokens" is null.*task\.on_empty: skip'),
        ({"text": "Ada", "entities": None}, r'"entities" is null.*task\.on_empty: skip'),
        ({"text": None, "entities": []}, r'"text" is null.*task\.on_empty: skip'),
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


def test_numbers_are_tags_by_the_names_that_the_recipe_gives(tmp_path: Path) -> None:
    path = rows(tmp_path, {"tokens": ["Ada", "left"], "ner_tags": [1, 0]})
    assert [named(example) for example in read(path, names=("O", "B-PER"))] == [[("PER", "Ada")]]
    path = rows(tmp_path, {"tokens": ["Ada", "left"], "ner_tags": [2, 0]})
    with pytest.raises(DataError, match=r"ner_tags\[0\]: the tag 2 is no number from 0 to 1"):
        read(path, names=("O", "B-PER"))


@pytest.mark.parametrize(
    "row",
    [
        {"entities": [{"id": 1, "label": "PER", "start_offset": 4, "end_offset": 7}], "relations": []},
        {"label": [[4, 7, "PER"]]},
        {"labels": [[4, 7, "PER"]]},
        {"ents": [{"start": 4, "end": 7, "label": "PER"}]},
        {"entities": [{"start": 4, "end": 7, "labels": ["PER"], "text": "Ada"}]},
    ],
)
def test_what_annotation_tools_write_is_read(tmp_path: Path, row: dict[str, Any]) -> None:
    [example] = read(rows(tmp_path, {"text": "saw Ada", **row}))
    assert named(example) == [("PER", "Ada")]


def test_rows_that_lack_something_are_left_out_on_demand(tmp_path: Path) -> None:
    good = {"tokens": ["Ada"], "tags": ["B-PER"]}
    path = rows(tmp_path, good | {"tokens": None}, good, good | {"tags": None}, {"text": None, "entities": []})
    with pytest.warns(BigBirdWarning, match="3 rows, lines or texts left out"):
        assert [example.text for example in read_examples(path, Columns(), on_empty="skip")] == ["Ada"]


def test_white_space_at_the_ends_of_entities_is_left_out_with_a_warning(tmp_path: Path) -> None:
    text = "so  Ada\u00a0Bel \n left"
    entities = [[2, 12, "PER"], [12, 14, "PER"], [14, 18, "X"]]
    with pytest.warns(BigBirdWarning, match=r"1 entity taken without.*1 entity of nothing but white space"):
        [example] = read(rows(tmp_path, {"text": text, "entities": entities}))
    assert named(example) == [("PER", "Ada\u00a0Bel"), ("X", "left")]


# CSV

KAGGLE = """Sentence #,Word,POS,Tag
Sentence: 1,Ada,NNP,B-per
,left,VBD,O
,",",",",O
Sentence: 2,[,-,O
,Rome,NNP,B-geo
"""


def test_a_table_of_words_becomes_sentences(tmp_path: Path) -> None:
    examples = read(write(tmp_path / "ner_dataset.csv", KAGGLE))
    assert [example.text for example in examples] == ["Ada left ,", "[ Rome"]
    assert [named(example) for example in examples] == [[("per", "Ada")], [("geo", "Rome")]]
    assert examples[1].where == f"{tmp_path}/ner_dataset.csv:5"


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("sentence_idx,word,tag\n1,Ada,B-PER\n1,left,O\n2,Bel,B-PER\n", ["Ada left", "Bel"]),
        ("word,tag\nAda,B-PER\nleft,O\n", ["Ada left"]),
        ("token,label\nAda,B-PER\n,\n,\nBel,B-PER\n,\n", ["Ada", "Bel"]),
        ("tokens,tags\n[,O\nAda,B-PER\n", ["[ Ada"]),
        ('tokens,tags\n"[""Ada"", ""left""]","[""B-PER"", ""O""]"\n', ["Ada left"]),
        ('text,entities\nAda left,"[{""start"": 0, ""end"": 3, ""type"": ""PER""}]"\n', ["Ada left"]),
        ('text,labels\nAda left,"[[0, 3, ""PER""]]"\n', ["Ada left"]),
    ],
)
def test_csv_has_a_word_a_row_or_lists_in_json(tmp_path: Path, content: str, texts: list[str]) -> None:
    examples = read(write(tmp_path / "a.csv", content))
    assert [example.text for example in examples] == texts
    assert named(examples[-1])[-1] in [("PER", "Ada"), ("PER", "Bel")]


def test_tab_separated_rows_may_hold_lists(tmp_path: Path) -> None:
    [example] = read(write(tmp_path / "a.tsv", 'tokens\ttags\n["Ada", "left"]\t["B-PER", "O"]\n'))
    assert named(example) == [("PER", "Ada")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tokens,tags\n\"['Ada']\",\"['B-PER']\"\n", r'a\.csv:2: "tokens" is a list that is not JSON'),
        ('tokens,tags\n"[""Ada""]","[""B-\\ud800""]"\n', r'a\.csv:2: "tags\[0\]" holds half a character'),
        ("Sentence #,Word,Tag\n1,Ada,B-PER\n,,O\n", r'a\.csv:3: "Word" is an empty string'),
        ("Ada,B-PER\nleft,O\n", r"a\.csv:2: a row with names needs words and tags.*here is Ada, B-PER"),
    ],
)
def test_csv_that_cannot_be_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "a.csv", content))


# folders


def test_a_folder_of_several_kinds_of_files_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.conll", "Ada B-PER\n")
    rows(tmp_path, {"tokens": ["Bel"], "tags": ["B-PER"]})
    write(tmp_path / "b.csv", "word,tag\nCora,B-PER\n")
    write(tmp_path / "c.ann", "T1\tPER 0 3\tDov\n")
    write(tmp_path / "c.txt", "Dov")
    examples = read(tmp_path)
    assert [example.text for example in examples] == ["Ada", "Bel", "Cora", "Dov"]
    assert len({example.id for example in examples}) == 4


def test_what_tells_of_the_data_by_its_name_is_told_of_and_not_read(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "Ada B-PER\nleft O\n")
    write(tmp_path / "README.txt", "Words and tags.\n")
    with pytest.warns(BigBirdWarning, match=r"left out as about the data, by the name: README\.txt"):
        assert [example.text for example in read(tmp_path)] == ["Ada left"]
    write(tmp_path / "notes.ann", "T1\tPER 0 3\tBel\n")
    write(tmp_path / "notes.txt", "Bel")
    (tmp_path / "README.txt").unlink()
    (tmp_path / "train.txt").unlink()
    assert [example.text for example in read(tmp_path)] == ["Bel"]  # without a warning


def test_a_text_without_annotations_beside_annotated_ones_is_told_of(tmp_path: Path) -> None:
    write(tmp_path / "a.ann", "T1\tPER 0 3\tAda\n")
    write(tmp_path / "a.txt", "Ada")
    write(tmp_path / "b.txt", "Bel")
    with pytest.warns(BigBirdWarning, match=r"1 text left out because no \.ann file is beside it"):
        assert [example.text for example in read(tmp_path)] == ["Ada"]


def test_brat_is_read_from_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "brat.zip", "w") as archive:
        archive.writestr("set/a.txt", "Ada left")
        archive.writestr("set/a.ann", "T1\tPER 0 3\tAda\n")
    [example] = read(tmp_path / "brat.zip")
    assert (example.id, named(example)) == ("a", [("PER", "Ada")])


# headers and comments

GERMEVAL = """#\thttp://de.wikipedia.org/wiki/Ada [2009-10-17]
1\tAda\tB-PER\tO
2\tlebt\tO\tO

#\tn/a
1\t#\tO\tO
2\tRom\tB-LOC\tO
"""
HIPE = """TOKEN\tNE-COARSE-LIT\tNE-COARSE-METO\tMISC
# hipe2022:document_id = one
# language = de
Ada\tB-pers\tO\t_
# segment_iiif_link = http://x
lebt\tO\tO\tEndOfLine

# hipe2022:document_id = two
Rom\tB-loc\tO\t_
"""


def test_comments_of_germeval_are_no_words(tmp_path: Path) -> None:
    [example] = read(write(tmp_path / "a.tsv", GERMEVAL), words=1, tags=2)
    assert (example.text, named(example)) == ("Ada lebt\n# Rom", [("PER", "Ada"), ("LOC", "Rom")])


def test_hipe_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    one, two = read(write(tmp_path / "a.tsv", HIPE))
    assert (one.id, one.text, named(one)) == ("one", "Ada lebt", [("pers", "Ada")])
    assert (two.id, named(two)) == ("two", [("loc", "Rom")])


@pytest.mark.parametrize(
    "header",
    ["word\tlabel", "token pos tag", "Token\tPOS\tTag", "# global.columns = FORM UPOS NER", "TOKEN UPOS ner MISC", "x"],
)
def test_a_header_names_columns_and_is_no_entity(tmp_path: Path, header: str) -> None:
    n_columns = max(2, len(header.removeprefix("# global.columns = ").split()))
    sep = "\t" if "\t" in header else " "
    tag = {"TOKEN UPOS ner MISC": 2}.get(header, -1)
    lines = [[word, *(["_"] * (n_columns - 1))] for word in ("Ada", "left")]
    lines[0][tag], lines[1][tag] = "B-PER", "O"
    content = "".join(sep.join(line) + "\n" for line in lines)
    first = "" if header == "x" else header + "\n"
    [example] = read(write(tmp_path / "a.conll", first + content))
    assert (example.text, named(example)) == ("Ada left", [("PER", "Ada")])


def test_a_header_of_unknown_words_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "\nWort\tEtikett\nAda\tB-PER\nlebt\tO\n")
    with pytest.raises(DataError, match="the first word 'Wort' has the tag 'Etikett'") as caught:
        read(path)
    assert caught.value.where == f"{path}:2"


# overlapping entities


def test_of_entities_that_overlap_the_longest_is_kept_with_a_warning(tmp_path: Path) -> None:
    entities = [[4, 10, "ORG"], [0, 15, "FAC"], [11, 15, "PER"], [16, 19, "PER"], [16, 19, "LOC"], [18, 23, "GPE"]]
    path = rows(tmp_path, {"text": "the bank of Ada Bel saw", "entities": entities})
    with pytest.warns(BigBirdWarning, match="4 entities left out for a longer one"):
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
    with pytest.warns(BigBirdWarning, match="1 entity in several pieces"):
        [example] = read(tmp_path)
    assert named(example) == [("Body", "left and right lung")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tPER 4 7\tAda", r"a.ann:2: the entity 'Ada' is not at characters 4 to 7 of its text; 'saw' stands there"),
        ("T1 PER 0 3", r"a.ann:2: this is no entity"),
        ("T1\tPER 0 99\tAda", r"at characters 0 to 99 of a text of 8"),
        pytest.param(f"T1\tPER 0 {'9' * 5000}\tAda", "of a text of 8", id="5000 digits"),
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
