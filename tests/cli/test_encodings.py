"""Text in any encoding is read by every command, and its offsets count characters."""

import json
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import read_inputs
from bigbird_cli.errors import UsageError
from bigbird_cli.text.documents import Document

TEXT = "Caf\u00e9 \u201cHarbour\u201d\r\nAda lit the lamp \u2013 in 1820.\r\n"


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "UTF-16LE", "utf-8"])
@pytest.mark.parametrize("command", ["qa", "ner", "classify", "select", "tokenize"])
def test_every_command_reads_it(
    command: str, encoding: str, invoke: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (tmp_path / "utf8.txt").write_bytes(TEXT.encode())
    (tmp_path / "other.txt").write_bytes(TEXT.encode(encoding))
    kind = {"ner": "tiny_ner_model", "classify": "tiny_label_model", "select": "tiny_label_model"}
    model = request.getfixturevalue(kind.get(command, "tiny_qa_model"))
    asked = {"qa": ("-q", "who?"), "classify": ("--labels", "lamp,sea"), "select": ("-q", "who?")}.get(command, ())
    args = (command, "-m", model, *asked, "--json")
    plain = invoke(*args, "utf8.txt")
    assert plain.exit_code == 0, plain.stderr
    other = invoke(*args, "other.txt", "--encoding", encoding)
    piped = invoke(*args, "--encoding", encoding, stdin=TEXT.encode(encoding))
    assert other.stdout == plain.stdout.replace("utf8.txt", "other.txt")
    assert piped.stdout == plain.stdout.replace("utf8.txt", "-")


def test_offsets_count_the_characters_of_the_decoded_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode("cp1252"))
    assert list(read_inputs([tmp_path / "a.txt"], encoding="cp1252")) == [Document(str(tmp_path / "a.txt"), TEXT)]


def test_a_given_encoding_goes_before_what_a_page_says(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes('<meta charset="utf-8"><p>caf\xe9'.encode("cp1252"))
    [page] = read_inputs([tmp_path / "a.html"], encoding="cp1252")
    assert isinstance(page, Document)
    assert page.text == "caf\xe9"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json"])
def test_rows_are_read_in_it_and_a_wrong_byte_spoils_its_row_alone(
    suffix: str, tiny_ner_model: Path, tmp_path: Path
) -> None:
    rows = [{"text": "ada caf\xe9", "day": day} for day in "123"]
    between = {".csv": ",", ".tsv": "\t"}.get(suffix)
    lines = (
        [between.join(row.values()) for row in rows]
        if between
        else [json.dumps(row, ensure_ascii=False) for row in rows]
    )
    table = "\n".join([between.join(rows[0]), *lines]) if between else "\n".join(lines)
    if suffix == ".json":
        table = f"[{','.join(lines)}]"
    (tmp_path / f"a{suffix}").write_bytes(table.encode("cp1252"))
    found = bb.ner(tmp_path / f"a{suffix}", model=tiny_ner_model, encoding="cp1252")
    assert [record["fields"]["day"] for record in found] == ["1", "2", "3"]
    if suffix == ".json":  # it cannot be read on from there
        return
    wrong = table.encode("cp1252").replace(b"\xe9", b"\x81", 2).replace(b"\x81", b"\xe9", 1)
    (tmp_path / f"a{suffix}").write_bytes(wrong)
    first, second, third = bb.ner(tmp_path / f"a{suffix}", model=tiny_ner_model, encoding="cp1252")
    assert ("error" in first, "error" in third) == (False, False)
    assert "0x81" in second["error"]["problem"]
    assert "is not CP1252 text" in second["error"]["problem"]


def test_lines_on_standard_input_are_read_in_it(invoke: Any, tiny_ner_model: Path) -> None:
    rows = "\n".join(json.dumps({"text": "ada caf\xe9", "day": day}, ensure_ascii=False) for day in "12")
    for text in (rows, "[" + rows.replace("\n", ",") + "]"):
        for encoding in ("cp1252", "utf-16"):
            result = invoke("ner", "-m", tiny_ner_model, "--json", "--encoding", encoding, stdin=text.encode(encoding))
            assert [record["fields"] for record in records(result.stdout)] == [{"day": "1"}, {"day": "2"}]


@pytest.mark.parametrize(
    ("name", "data", "fix"),
    [
        ("a.txt", "caf\xe9".encode("cp1252"), "such as --encoding cp1252"),
        ("a.txt", "caf\xe9 noir".encode("utf-16"), "such as --encoding utf-16"),
        ("a.csv", "text\ncaf\xe9".encode("cp1252"), "such as --encoding cp1252"),
        ("a.jsonl", '{"text": "caf\xe9"}'.encode("cp1252"), "such as --encoding cp1252"),
        ("a.json", '[{"text": "caf\xe9"}]'.encode("cp1252"), "such as --encoding cp1252"),
        ("a.html", "<p>caf\xe9".encode("cp1252"), "such as --encoding cp1252"),
        ("a.html", '<meta charset="shift_jis"><p>caf\xe9\xff'.encode("cp1252"), "such as --encoding cp1252"),
    ],
)
def test_the_error_of_other_bytes_names_the_option(
    name: str, data: bytes, fix: str, invoke: Any, tiny_ner_model: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    result = invoke("ner", name, "-m", tiny_ner_model, "--json")
    assert result.exit_code == 3
    assert fix in records(result.stdout)[0]["error"]["fix"]
    assert fix in result.stderr
    if name.endswith((".txt", ".jsonl")):
        assert fix in invoke("ner", "-m", tiny_ner_model, stdin=data).stderr


def test_an_unknown_encoding_is_refused_before_anything_is_read(invoke: Any, tmp_path: Path) -> None:
    for command in (
        ("qa", "-q", "who?"),
        ("ner",),
        ("classify", "--labels", "a,b"),
        ("select", "-q", "?"),
        ("tokenize",),
    ):
        result = invoke(*command, "gone.txt", "--encoding", "cp1253x", "-m", "gone")
        assert result.exit_code == 2
        assert result.stderr == "\u2717 --encoding  there is no encoding 'cp1253x'\n  did you mean cp1253?\n"
    for call in (bb.ner, lambda text, **options: bb.answer(text, "who?", **options)):
        with pytest.raises(UsageError, match="encoding: there is no encoding"):
            call(tmp_path / "gone.txt", encoding="cp1253x")


def test_a_vocabulary_is_learned_of_it(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(
        ("caf\xe9 au lait, the lamp at the harbour was lit \xe9t\xe9 by ada\n" * 200).encode("cp1252")
    )
    args = ("tokenize", "--train", "a.txt", "--vocab-size", "125", "--out", "v")
    refused = invoke(*args)
    assert (refused.exit_code, "--encoding cp1252" in refused.stderr) == (3, True)
    result = invoke(*args, "--encoding", "cp1252")
    assert result.exit_code == 0, result.stderr
    assert bb.tokenize("caf\xe9", model=tmp_path / "v").unknown == 0
