"""CoNLL files become sentences of words and tags, and a torn line is named."""

import bz2
from pathlib import Path

import pytest

from bigbird_cli.data.conll import Sentences, Token, read_sentences
from bigbird_cli.errors import DataError


def read(path: Path, content: str | bytes, **columns: int) -> list[Sentences]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_sentences(path, **columns))


def words(documents: list[Sentences]) -> list[list[str]]:
    return [[" ".join(token.word for token in sentence) for sentence in found.sentences] for found in documents]


def test_documents_end_at_docstart_and_sentences_at_empty_lines(tmp_path: Path) -> None:
    content = (
        "\ufeff-DOCSTART- -X- -X- O\r\n\r\nAda NNP I-NP B-PER\r\nsleeps VBZ I-VP O\r\n\r\n \t\r\n. . O O\r\n"
        "-DOCSTART- -X- -X- O\r\n\r\n-DOCSTART-\r\n\r\nBel NNP I-NP B-PER"
    )
    first, second = read(tmp_path / "a.txt", content)
    assert first.sentences == (
        (Token("Ada", "B-PER", 3), Token("sleeps", "O", 4)),
        (Token(".", "O", 7),),
    )
    assert second.sentences == ((Token("Bel", "B-PER", 12),),)
    assert (first.name, first.where, first.file) == (f"{tmp_path}/a.txt:3", f"{tmp_path}/a.txt:3", f"{tmp_path}/a.txt")


def test_comments_of_conll_u_name_documents_and_are_no_words(tmp_path: Path) -> None:
    content = "# newdoc id = d1\n# text = a\n1\ta\tO\n2\t#\tO\n\n# newdoc id = d2\n# x\n#\n1\t# b\tB-X\n\n"
    documents = read(tmp_path / "a.conllu", content, word=1)
    assert [found.name for found in documents] == ["d1", "d2"]
    assert words(documents) == [["a #"], ["# b"]]


def test_a_number_sign_may_be_a_word(tmp_path: Path) -> None:
    assert words(read(tmp_path / "a.conll", "a NN O\n\n# NN O\n5 CD O\n\n# a comment of five words\nb NN O")) == [
        ["a", "# 5", "b"]
    ]
    assert words(read(tmp_path / "a.tsv", "#\tO\n#tag\tO\n\n#\tO")) == [["# #tag", "#"]]


def test_columns_are_told_apart_by_tabs_where_there_are_any(tmp_path: Path) -> None:
    content = "New York\tB-LOC\nno\u00a0break\tO\n"
    assert words(read(tmp_path / "a.tsv", content)) == [["New York no\u00a0break"]]
    assert words(read(tmp_path / "b.txt", "no\u00a0break   O\n")) == [["no\u00a0break"]]


def test_the_columns_of_word_and_tag_are_a_choice(tmp_path: Path) -> None:
    [found] = read(tmp_path / "a.txt", "O x Ada\nB y Bel\n", word=-1, tag=0)
    assert found.sentences == ((Token("Ada", "O", 1), Token("Bel", "B", 2)),)


def test_files_of_a_folder_are_documents_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "b.iob.bz2").write_bytes(bz2.compress(b"bel O\n"))
    (tmp_path / "a.conll").write_text("ada O\n", encoding="utf-8")
    (tmp_path / "c.json").write_text("{}", encoding="utf-8")
    assert words(list(read_sentences(tmp_path))) == [["ada"], ["bel"]]


@pytest.mark.parametrize(
    ("content", "problem", "where"),
    [
        (b"", "the file holds no words", ""),
        (b"-DOCSTART- O\n\n# x\n", "the file holds no words", ""),
        (b"ada O\nbel\n", "the line has 1 column, those before it have 2", ":2"),
        (b"ada O\n\nbel X O\n", "the line has 3 columns", ":3"),
        (b"ada\n", "the line has 1 column, too few", ":1"),
        (b"ada\tO\n\tO\n", "the word is empty", ":2"),
        (b"ada\t\n", "the tag is empty", ":1"),
        (b"ada O\nb\xe9l O\n", "the byte 0xe9 at offset 7 (line 2)", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, content: bytes, problem: str, where: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.conll", content)
    assert problem in caught.value.problem
    assert caught.value.where == f"{tmp_path / 'a.conll'}{where}"


def test_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.conll:1: the line has 2 columns, too few"):
        read(tmp_path / "a.conll", "ada O\n", word=2)
