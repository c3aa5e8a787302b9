"""FASTA is read record by record, however it was written; what is none is named with its line."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import Document, FailedDocument, read_standard_input
from bigbird_cli.text.formats import fasta
from bigbird_cli.text.formats.fasta import GAP, read_records, sequence_blocks
from bigbird_cli.text.readers import suffix_of
from bigbird_cli.text.vocabulary.corpus import Corpus


def records(text: str | bytes) -> list[tuple[str, str, str]]:
    """Ids, descriptions and sequences."""
    stream = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return [(record.id, record.description, record.sequence()) for record in read_records(stream, "a.fa")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (">a\nACGT\n", [("a", "", "ACGT")]),
        (">a the first\nACGT\nAC\n\n>b\nGG", [("a", "the first", "ACGTAC"), ("b", "", "GG")]),
        (">a\r\nAC\r\nGT\r\n>b\r\nT\r\n", [("a", "", "ACGT"), ("b", "", "T")]),
        (">a\rAC\rGT\r", [("a", "", "ACGT")]),
        ("\ufeff>a\nacgtNNnn\n", [("a", "", "ACGTNNNN")]),
        ("; by hand\n>a\n;a comment\nAC\n; another\nGT\n", [("a", "", "ACGT")]),
        (">a\nRYKMSWBDHVN-\n>p\nMKV*\n", [("a", "", "RYKMSWBDHVN-"), ("p", "", "MKV*")]),
        ("> 4214020\nACGT\n", [("4214020", "", "ACGT")]),
        (">\nACGT\n", [("", "", "ACGT")]),
        (">a\nACGTACGTAC ACGTACGTAC\n", [("a", "", "ACGTACGTACACGTACGTAC")]),
        (">gi|1|ref|NC_1.1| E. coli, 2nd\tstrain\nAC\n", [("gi|1|ref|NC_1.1|", "E. coli, 2nd\tstrain", "AC")]),
    ],
)
def test_a_record_is_its_id_its_description_and_its_letters(text: str, found: list[tuple[str, str, str]]) -> None:
    assert records(text) == found


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (">a\nAC\n>b\n\n>c\nG\n", "a.fa:3", "the record has no sequence"),
        (">a\nAC\n>b", "a.fa:3", "the record has no sequence"),
        ("\nACGT\n", "a.fa:2", "this is no FASTA: it begins with 'ACGT'"),
        ("@r1\nACGT\n+\nIIII\n", "a.fa:1", "this is FASTQ, not FASTA"),
        (">a\nAC\nA1GT\n", "a.fa:3", "'1' is no letter of a sequence"),
        (">a\nACÄ\n", "a.fa:2", "'Ä' is no letter of a sequence"),
        ("", "a.fa", "there is no sequence in it"),
        ("; nothing\n\n", "a.fa", "there is no sequence in it"),
        (b">a\nAC\xff\n", "a.fa", r"0xff .* \(line 2\) is not UTF-8 text"),
        (b"\x1f\x8b\x08", "a.fa", "packed by gzip"),
    ],
)
def test_what_is_no_fasta_is_named_with_its_line(text: str | bytes, where: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        records(text)
    assert caught.value.where == where


def test_a_record_that_is_broken_leaves_the_others_to_be_read() -> None:
    found = []
    for record in read_records(io.BytesIO(b">a\nA!\nCC\n>b\n>c\nGG\n>d\nTT\n"), "a.fa"):
        if record.id != "d":
            try:
                found.append(record.sequence())
            except DataError as error:
                found.append(str(error.where))
    assert found == ["a.fa:2", "a.fa:4", "GG"]


def test_words_of_a_description_may_be_columns() -> None:
    record = next(read_records(io.BytesIO(b">a label=yes [organism=E. coli] x = y n=2\nAC\n"), "a.fa"))
    assert record.attributes == {"label": "yes", "organism": "E. coli", "n": "2"}


@settings(max_examples=50)
@given(
    runs=st.lists(st.tuples(st.sampled_from("ACGN"), st.integers(1, 2 * GAP)), max_size=6),
    width=st.integers(1, 90),
    block=st.integers(1, 130),
)
def test_a_sequence_is_cut_at_its_gaps_alone(runs: list[tuple[str, int]], width: int, block: int) -> None:
    letters = "A" + "".join(letter * n for letter, n in runs)
    text = "\n".join([">a", *(letters[i : i + width] for i in range(0, len(letters), width))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta, "BLOCK", block)
        record = next(read_records(io.BytesIO(text.encode()), "a.fa"))
        contigs = ["".join(contig) for contig in record.contigs()]
    assert contigs == [part for part in re.split(f"N{{{GAP},}}", letters) if part]


def test_a_corpus_holds_letters_and_no_heads(tmp_path: Path) -> None:
    text = ">chr1 soft masked\nacgt\nACGT\n>chr2\n" + "GG" + "N" * GAP + "CC\n"
    (tmp_path / "a.fa").write_text(text)
    assert list(Corpus([tmp_path / "a.fa"])) == ["ACGTACGT\nGG\nCC\n"]
    assert list(Corpus(["-"], stdin=io.BytesIO(text.replace("acgt", "acgtacgtac").encode()))) == [
        "ACGTACGTACACGT\nGG\nCC\n"
    ]


def test_blocks_are_bounded_whatever_a_line_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasta, "BLOCK", 8)
    assert list(sequence_blocks(io.BytesIO(b">a\nACGTACGTACGTACGTAC\nGG\n"), "a.fa")) == [
        *("ACGTACGT", "ACGTACGT", "ACGG"),
        "\n",
    ]


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b">chr1\nACGTACGTNN\n", ".fa"),
        (b"; made by hand\n\n>chr1 x\r\nacgtacgtnn\r\n", ".fa"),
        (b">chr1\nACGTACGTACGT", ".fa"),
        (b"> she wrote:\n> the lamp is lit\nYes.\n", ""),
        (b">GATTACAGATTACA\nwas what she wrote\n", ""),
        (b">chr1\nACGT\n", ""),
    ],
)
def test_a_pipe_of_nucleotides_is_told_by_its_start(start: bytes, suffix: str) -> None:
    assert suffix_of(start) == suffix


def test_one_sequence_is_a_document_and_a_second_is_refused() -> None:
    one = b">a x\nacgtacgtacgt\n"
    assert read_standard_input(io.BytesIO(one)) == Document("-", "ACGTACGTACGT")
    failed = read_standard_input(io.BytesIO(one + one))
    assert isinstance(failed, FailedDocument)
    assert (failed.error.where, failed.error.problem) == (
        "standard input:3",
        "this is a second sequence, where one document is read",
    )
