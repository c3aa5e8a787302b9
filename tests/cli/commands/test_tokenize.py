"""`bigbird tokenize`: what it reads, what it shows, what it says of unknown text, and how it learns a vocabulary."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bigbird_cli.cli.boundary import guarded
from bigbird_cli.cli.commands.tokenize import tokenize
from bigbird_cli.text.vocabulary.train import CHARACTER_COVERAGE

SPIECE = Path(__file__).parents[2] / "text" / "fixtures" / "tiny-spiece.model"
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
    assert "\x1b" not in records(result)[0]["unknown_text"]  # it separates words, as a space does


LINES = "".join(f"{word} of the {other}\n" for word in ("light", "lamp", "sea", "harbour") for other in "abcdefgh") * 9


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text(LINES)
    (tmp_path / "corpus" / "b.jsonl").write_text(json.dumps({"text": LINES + "漢"}) + "\n")
    return tmp_path / "corpus"


@pytest.mark.usefixtures("corpus")
def test_a_vocabulary_is_learned_and_read_with(invoke: Tokenize) -> None:
    result = invoke("tokenize", "--train", "corpus", "--vocab-size", 120, "--out", "new/one")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    learning, learned, quality, where = result.stderr.splitlines()
    assert learning == "learning · 0.0 MB in 577 lines"
    assert learned.startswith("19 of 120 pieces learned from 0.0 MB in 577 lines")
    assert " tokens a word · " in quality
    assert "0.000% of tokens unknown" in quality
    assert where == "vocabulary in new/one"
    assert invoke("tokenize", "--model", "new/one", "--counts", stdin="the light").stdout.endswith("\t-\n")


@pytest.mark.usefixtures("corpus")
def test_one_object_tells_of_a_vocabulary(invoke: Tokenize) -> None:
    args = ("--train", "corpus", "--vocab-size", 120, "--character-coverage", 0.999, "--json", "--quiet")
    result = invoke("tokenize", *args, "-o", "new")
    (record,) = records(result)
    assert result.stderr == ""
    assert list(record) == [
        "out", "vocab_size", "n_learned", "n_lines", "n_bytes", "n_sampled_bytes", "bytes_per_token",
        "tokens_per_word", "unknown", "unknown_text", "seconds",
    ]  # fmt: skip
    assert (record["out"], record["vocab_size"], record["n_lines"]) == ("new", 120, 577)
    assert record["unknown_text"] == {"漢": 1}


def test_a_vocabulary_is_learned_from_standard_input(invoke: Tokenize, tmp_path: Path) -> None:
    args: tuple[str | int, ...] = ("--train", "--vocab-size", 120, "--split", "none", "--out", "dna")
    assert invoke("tokenize", *args, stdin="ACGTTGCA" * 500).exit_code == 0
    rows = "".join(json.dumps({"seq": "ACGTTGCA" * 100}) + "\n" for _ in range(5))
    args = ("--train", "-", "--vocab-size", 120, "--split", "none", "--text-field", "seq", "--out", "rows")
    assert invoke("tokenize", *args, stdin=rows).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        "special_tokens_map.json",
        "spiece.model",
        "tokenizer_config.json",
    ]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("corpus", "--out", "v"), 2, "--train needs --vocab-size"),
        (("corpus", "--vocab-size", "130"), 2, "--train needs --out"),
        (("corpus", "--vocab-size", "130", "--out", "v", "--counts"), 2, "--counts reads with a vocabulary"),
        (("corpus", "--vocab-size", "130", "--out", "v", "--model", "qa-mini"), 2, "--model reads with a vocabulary"),
        (("corpus", "--vocab-size", "130", "--out", "corpus"), 2, "something of that name"),
        (("corpus", "--vocab-size", "9000", "--out", "v"), 2, "more than the corpus gives"),
        (("corpus", "--vocab-size", "130", "--out", "v", "--character-coverage", "0"), 2, "0.0 is no share"),
        (("nowhere.txt", "--vocab-size", "130", "--out", "v"), 3, "no such file"),
        (("-", "-", "--vocab-size", "130", "--out", "v"), 2, "once only"),
    ],
)
@pytest.mark.usefixtures("corpus")
def test_a_wrong_call_to_learn_says_what_to_do_and_writes_nothing(
    invoke: Tokenize, tmp_path: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = invoke("tokenize", "--train", *args, stdin=LINES)
    assert result.exit_code == code
    assert message in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "option", ["--vocab-size=9", "--out=v", "--split=none", "--byte-fallback", "--text-field=text"]
)
def test_an_option_that_says_how_to_learn_needs_train(run: Tokenize, option: str) -> None:
    result = run(option, stdin="the light")
    assert result.exit_code == 2
    assert f"{option.split('=')[0]} says how to learn a vocabulary" in result.stderr


def test_the_help_page_gives_the_coverage_that_is_used(invoke: Tokenize) -> None:
    assert f"[default: {CHARACTER_COVERAGE}]" in invoke("tokenize", "--help").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_learning_leaves_no_folder_and_no_process(tmp_path: Path, repository: Path, number: int) -> None:
    (tmp_path / "genome.txt").write_text("".join(random.Random(0).choices("ACGT", k=1_000_000)))
    command = "tokenize --train genome.txt --split none --algorithm unigram --vocab-size 4000 --out dna"
    with subprocess.Popen(
        [sys.executable, "-m", "bigbird_cli", *command.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"learning")
        process.send_signal(number)
        assert process.stderr.read() == "✗ stopped\n".encode()
    assert process.returncode == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["genome.txt"]
    for _ in range(100):  # a trainer that was just being started ends by itself
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process goes on")
