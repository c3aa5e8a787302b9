"""`bigbird tokenize`: what it reads, what it shows, and what it says of unknown text."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bigbird_cli.cli.boundary import guarded
from bigbird_cli.cli.tokenize import tokenize

SPIECE = Path(__file__).parents[1] / "text" / "fixtures" / "tiny-spiece.model"
Tokenize = Callable[..., Result]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """A folder with a small spiece.model of BigBird's layout, and no model."""
    folder = tmp_path / "vocabulary"
    folder.mkdir()
    (folder / "spiece.model").write_bytes(SPIECE.read_bytes())
    return folder


@pytest.fixture
def run(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenize:
    """Run the command in an empty folder, with the small vocabulary unless --model names another."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(guarded(tokenize))

    def invoke(*args: str | Path, stdin: str | bytes | None = None) -> Result:
        model = [] if "--model" in args else ["--model", str(vocabulary)]
        result = CliRunner().invoke(app, [*map(str, args), *model], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("args", [(), ("-",)])
def test_standard_input_becomes_one_line_of_pieces(run: Tokenize, args: tuple[str, ...]) -> None:
    result = run(*args, stdin="the light\nof the [SEP]\n")
    assert result.exit_code == 0
    assert result.stdout == "▁the ▁light ▁of ▁the ▁ <unk> S E P <unk>\n"
    assert "[ (U+005B) × 1, ] (U+005D) × 1" in result.stderr


def test_ids_are_numbers_of_the_vocabulary(run: Tokenize) -> None:
    assert run("--ids", stdin="the , s").stdout == "101 103 102 140\n"


def test_counts_are_one_line_a_document(run: Tokenize, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "b.txt").write_text("the light of the")
    (folder / "a.md").write_text("the the")
    result = run("texts", "--counts")
    assert result.stdout == "2\ttexts/a.md\n4\ttexts/b.txt\n"
    assert result.stderr == "6 tokens in 2 documents\n"
    assert run("texts", "--counts", "--quiet").stderr == ""


def test_json_offsets_point_into_the_text_as_given(run: Tokenize, tmp_path: Path) -> None:
    text = "\ufeffthe  light\r\n漢 of\tthe"
    (tmp_path / "a.txt").write_bytes(text.encode())
    (record,) = records(run("a.txt", "--json"))
    assert list(record) == ["document", "tokens", "unknown", "unknown_text", "pieces", "ids", "offsets"]
    assert record["document"] == "a.txt"
    assert record["tokens"] == len(record["pieces"]) == len(record["ids"]) == len(record["offsets"])
    spans = {piece: text[start:end] for piece, (start, end) in zip(record["pieces"], record["offsets"], strict=True)}
    assert spans["▁light"] == "light"
    assert spans["▁of"] == "of"
    assert record["unknown"] == 3
    assert record["unknown_text"] == {"\ufeff": 1, "漢": 1, "\t": 1}

    (record,) = records(run("a.txt", "--json", "--ids"))
    assert list(record) == ["document", "tokens", "unknown", "unknown_text", "ids", "offsets"]
    (record,) = records(run("a.txt", "--json", "--counts"))
    assert list(record) == ["document", "tokens", "unknown", "unknown_text"]


def test_unknown_text_is_counted_and_named_on_standard_error(run: Tokenize) -> None:
    result = run("--counts", stdin="the 漢字 漢\tlight")
    assert result.stdout == "7\t-\n"
    assert result.stderr.startswith("! -  2 of 7 tokens are unknown to the vocabulary")
    assert result.stderr.endswith(": 漢 (U+6F22) × 2, 字 (U+5B57) × 1, U+0009 × 1\n")
    assert run("--counts", "--quiet", stdin="漢").stderr == ""


def test_kept_newlines_are_unknown_and_the_remark_says_what_to_do(run: Tokenize) -> None:
    text = "the light\nof the\r\nlight"
    assert run("--counts", "--newline", "space", stdin=text).stderr == ""
    result = run("--counts", "--newline", "keep", stdin=text)
    assert "2 of" in result.stderr
    assert "U+000A × 2, U+000D × 1; --newline space" in result.stderr


def test_a_word_whose_characters_are_all_known_is_named_whole(run: Tokenize, tiny_qa_model: Path) -> None:
    result = run("--json", "--model", tiny_qa_model, stdin="the lamp " + "a" * 150 + " 漢lamp")
    (record,) = records(result)
    assert record["unknown_text"] == {"a" * 150: 1, "漢": 1}
    assert record["unknown"] == 2


def test_many_unknown_characters_are_summed_up(run: Tokenize) -> None:
    result = run("--counts", stdin=" ".join("αβγδεζηθικ"))
    assert ", 2 more" in result.stderr


def test_a_bad_document_fails_alone(run: Tokenize, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("the light")
    (tmp_path / "bad.txt").write_bytes(b"the \xff light")
    result = run("bad.txt", "good.txt", "none.txt", "--json")
    assert result.exit_code == 1
    bad, good, none = records(result)
    assert bad["error"]["exit_code"] == none["error"]["exit_code"] == 3
    assert "offset 4" in bad["error"]["problem"]
    assert good["tokens"] == 2
    assert result.stderr.count("✗") == 2
    assert run("bad.txt", "none.txt").exit_code == 3


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--ids", "--counts"), 2, "exclude each other"),
        (("-", "-"), 2, "once only"),
        (("--model", "./nowhere", "-"), 4, "no such model folder"),
    ],
)
def test_a_wrong_call_says_what_to_do(run: Tokenize, args: tuple[str, ...], code: int, message: str) -> None:
    result = run(*args, stdin="the light")
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_an_empty_document_is_a_data_error(run: Tokenize) -> None:
    assert run(stdin="").exit_code == 3


def test_a_broken_vocabulary_is_a_model_error(run: Tokenize, vocabulary: Path) -> None:
    (vocabulary / "spiece.model").write_bytes(b"broken")
    result = run(stdin="the light")
    assert result.exit_code == 4
    assert "spiece.model" in result.stderr


def test_control_characters_of_a_text_reach_no_terminal(run: Tokenize) -> None:
    result = run("--json", stdin="the \x1b[31m \x9b light")
    assert "\x1b" not in result.stdout + result.stderr
    assert "\x9b" not in result.stdout + result.stderr
    assert records(result)[0]["unknown_text"]["\x1b"] == 1
