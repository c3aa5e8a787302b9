"""FASTA is a table of rows, packed or not; its labels stand in the heads, or are the names of files and folders."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.data.rows import read_rows
from bigbird_cli.data.texts import read_texts
from bigbird_cli.errors import DataError
from bigbird_cli.tasks.classify.task import Classification
from tests.made import PACKED

TWO = b">a label=yes 5' end\nacgt\nAC\n>b label=no\nGG\n"


def fields(source: Path) -> list[dict[str, Any]]:
    return [row.fields for row in read_rows(source)]


@pytest.mark.parametrize("packing", ["", *PACKED])
def test_a_record_is_a_row_packed_or_not(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"seqs.fna{packing}"
    path.write_bytes(PACKED.get(packing, bytes)(TWO))
    assert fields(path) == [
        {"label": "yes", "text": "ACGTAC", "id": "a", "description": "label=yes 5' end"},
        {"label": "no", "text": "GG", "id": "b", "description": "label=no"},
    ]
    assert [(row.where, row.key) for row in read_rows(path)] == [(f"{path}:1", "1"), (f"{path}:4", "4")]


def test_what_bgzip_packs_in_parts_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "seqs.fa.gz"
    path.write_bytes(PACKED[".gz"](TWO[:20]) + PACKED[".gz"](TWO[20:]))
    assert [row["text"] for row in fields(path)] == ["ACGTAC", "GG"]


def test_a_broken_record_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "seqs.fa"
    path.write_bytes(b">a\n>b\nAC!\n>c\nGG\n")
    problems: list[DataError] = []
    assert [row.fields["text"] for row in read_rows(path, report=problems.append)] == ["GG"]
    assert [error.where for error in problems] == [f"{path}:1", f"{path}:3"]


@pytest.mark.parametrize(
    "names",
    [
        ("promoter.fa", "other.fa"),
        ("promoter.fasta.gz", "other.FA"),
        ("promoter/chr1.fa", "other/x/chr1.fa"),
    ],
)
def test_a_file_or_a_folder_is_a_label_where_the_head_has_none(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, letters in zip(names, (b">a\nAC\n>b label=odd\nAG\n", b">c\nGG\n"), strict=True):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PACKED.get(path.suffix, bytes)(letters))
    found = {(example.id, example.label) for example in Classification().read(tmp_path / "set")}
    assert found == {("a", "promoter"), ("b", "odd"), ("c", "other")}


def test_members_of_an_archive_are_labels_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("promoter.fa", ">a\nAC\n")
        archive.writestr("other.fa", ">b\nGG\n")
    assert [(row["id"], row["label"]) for row in fields(tmp_path / "set.zip")] == [("b", "other"), ("a", "promoter")]


def test_one_file_without_labels_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "seqs.fa").write_bytes(b">a\nACGT\n")
    with pytest.raises(DataError, match='there is no "label" here, only text, id') as caught:
        list(Classification().read(tmp_path / "seqs.fa"))
    assert caught.value.where == f"{tmp_path / 'seqs.fa'}:1"


def test_language_models_read_each_contig_as_a_document(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(">chr1\n" + "N" * 500 + "\nacgt\nNNGG" + "N" * 100 + "\nTT\n>chr2\nCC\n")
    found = [(text.name, "".join(text.parts)) for text in read_texts(tmp_path)]
    first, second = (f"{tmp_path / 'genome.fa'}:{line}" for line in (1, 6))
    assert found == [(first, "ACGTNNGG"), (first, "TT"), (second, "CC")]


def test_a_kind_that_is_read_in_two_ways_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("ada")
    with pytest.raises(DataError) as caught:
        list(read_texts(tmp_path))
    assert caught.value.problem.count("*.fna") == 1


def test_what_is_left_of_a_sequence_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bigbird_cli.text.formats.fasta.BLOCK", 2)
    (tmp_path / "genome.fa").write_text(">chr1\nAACC" + "N" * 100 + "GGTT\n>chr2\nCCAA\n")
    assert [next(text.parts) for text in read_texts(tmp_path)] == ["AA", "GG", "CC"]
