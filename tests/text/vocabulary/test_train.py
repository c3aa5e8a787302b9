"""A learned vocabulary has BigBird's layout, reads its own corpus exactly, and is the same each time."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import DataError, ResourceError, UsageError
from bigbird_cli.text.documents import Document
from bigbird_cli.text.tokenizers.tokenizer import BigBirdTokenizer, load_tokenizer
from bigbird_cli.text.vocabulary.corpus import Corpus
from bigbird_cli.text.vocabulary.train import N_SPECIAL, USER_DEFINED, Progress, VocabularyReport, train_vocabulary

SPIECE = Path(__file__).parents[1] / "fixtures" / "tiny-spiece.model"


def prose() -> str:
    draw = random.Random(0)
    syllables = ["ka", "lo", "mi", "ße", "tür", "wen", "or", "ist", "é", "Q", "7"]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(300)]
    return "\n".join(" ".join(draw.choices(words, k=9)) + "." for _ in range(400))


def genome(n: int = 20_000) -> str:
    return "".join(random.Random(0).choices("ACGT", k=n))


def learn(folder: Path, text: str, *, vocab_size: int = 250, **settings: Any) -> VocabularyReport:
    folder.mkdir()
    return train_vocabulary(Corpus([Document("text", text)]), folder, vocab_size=vocab_size, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned") / "prose"
    learn(folder, prose())
    return folder


def kinds(path: Path, n: int) -> list[tuple[str, bool, bool, bool]]:
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [(model.id_to_piece(i), model.is_control(i), model.is_unknown(i), model.is_unused(i)) for i in range(n)]


def test_special_pieces_are_bigbirds_name_for_name(folder: Path) -> None:
    assert len(USER_DEFINED) == 98
    assert kinds(folder / "spiece.model", N_SPECIAL) == kinds(SPIECE, N_SPECIAL)


def test_a_configs_special_ids_fit(folder: Path) -> None:
    config = BigBirdConfig(vocab_size=250)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.vocab_size == config.vocab_size
    assert (tokenizer.pad_id, tokenizer.sep_id) == (config.pad_token_id, config.sep_token_id)
    assert (tokenizer.cls_id, tokenizer.mask_id, tokenizer.unk_id) == (65, 67, 100)


def test_both_tokenizers_open_it_and_agree(folder: Path) -> None:
    ours, documented = load_tokenizer(folder), BigBirdTokenizer.from_pretrained(folder)
    for line in prose().split("\n")[:100]:
        assert documented(line)["input_ids"] == [65, *ours.encode(line).ids.tolist(), 66]
    assert len(documented) == documented.vocab_size == 250
    assert documented("a [MASK]")["input_ids"][-2:] == [67, 66]


@pytest.mark.parametrize("settings", [{}, {"algorithm": "bpe"}, {"byte_fallback": True, "vocab_size": 500}])
def test_text_comes_back_and_offsets_are_exact(tmp_path: Path, settings: dict[str, Any]) -> None:
    learn(tmp_path / "v", prose(), **settings)
    tokenizer = load_tokenizer(tmp_path / "v")
    for line in prose().split("\n")[:100]:
        tokens = tokenizer.encode(line)
        assert tokenizer.decode(tokens.ids) == line
        for piece, start, end in zip(tokenizer.pieces(tokens.ids), tokens.starts, tokens.ends, strict=True):
            assert line[start:end] == piece.removeprefix("▁")


def test_no_piece_reaches_over_white_space(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert not [piece for piece in tokenizer.pieces(range(N_SPECIAL, 250)) if "▁" in piece[1:]]


def test_without_words_a_text_begins_with_no_space(tmp_path: Path) -> None:
    report = learn(tmp_path / "v", genome(), split="none")
    tokens = load_tokenizer(tmp_path / "v").encode("GATTACA")
    assert "".join(load_tokenizer(tmp_path / "v").pieces(tokens.ids)) == "GATTACA"
    assert report.tokens_per_word is None
    assert report.bytes_per_token > 2
    assert report.unknown == 0


def test_dna_in_either_case_has_the_same_tokens_and_comes_back(tmp_path: Path) -> None:
    masked = genome()[:8_000] + genome()[8_000:].lower()
    learn(tmp_path / "v", masked, split="none", upper_case=True)
    tokenizer = load_tokenizer(tmp_path / "v")
    lower, upper = tokenizer.encode(masked), tokenizer.encode(genome())
    for name in ("ids", "starts", "ends"):
        assert getattr(lower, name).tolist() == getattr(upper, name).tolist()
    assert tokenizer.decode(lower.ids) == genome()
    assert upper.ends.tolist() == [*upper.starts.tolist()[1:], len(genome())]
    documented = BigBirdTokenizer.from_pretrained(tmp_path / "v")
    assert documented("gattaca")["input_ids"] == documented("GATTACA")["input_ids"]


def test_without_words_a_piece_may_hold_a_space(tmp_path: Path) -> None:
    learn(tmp_path / "v", "of the of the\n" * 200, split="none", vocab_size=115)
    tokenizer = load_tokenizer(tmp_path / "v")
    assert [piece for piece in tokenizer.pieces(range(N_SPECIAL, 115)) if "▁" in piece[1:-1]]


def test_a_line_of_any_length_is_learned_from_to_its_end(tmp_path: Path) -> None:
    text = "ACGT" * 20_000 + "TTTTGGGG" * 5000
    learn(tmp_path / "v", text, split="none", vocab_size=130)
    assert {"TTTTGGGG", "TTTT", "GGGG"} & set(load_tokenizer(tmp_path / "v").pieces(range(N_SPECIAL, 130)))


def test_the_same_corpus_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    learn(tmp_path / "v", prose())
    assert (tmp_path / "v" / "spiece.model").read_bytes() == (folder / "spiece.model").read_bytes()


def test_the_report_counts_what_was_read_and_what_came_of_it(tmp_path: Path) -> None:
    text = prose() + "\n\n漢"
    report = learn(tmp_path / "v", text, character_coverage=0.9999)
    assert (report.vocab_size, report.n_learned) == (250, 149)
    assert (report.n_lines, report.n_bytes) == (402, len(text.encode()))
    tokenizer = load_tokenizer(tmp_path / "v")
    n_tokens = sum(len(tokenizer.encode(line)) for line in text.split("\n"))
    assert report.tokens_per_word == pytest.approx(n_tokens / len(text.split()))
    assert report.bytes_per_token == pytest.approx(len(text.replace("\n", "").encode()) / n_tokens)
    assert report.unknown == pytest.approx(1 / n_tokens)
    assert report.unknown_text == {"漢": 1}


def test_bytes_leave_nothing_unknown(tmp_path: Path) -> None:
    report = learn(tmp_path / "v", prose(), vocab_size=500, byte_fallback=True)
    assert report.n_learned == 500 - 101 - 256
    tokenizer = load_tokenizer(tmp_path / "v")
    assert tokenizer.decode(tokenizer.encode("ka 漢 \U0001f525").ids) == "ka 漢 \U0001f525"


def test_no_more_than_the_sample_is_learned_from(tmp_path: Path) -> None:
    report = learn(tmp_path / "v", genome(3_000_000), split="none", sample_mb=1, vocab_size=200)
    assert report.n_bytes == 3_000_000
    assert 990_000 < report.n_sampled_bytes <= 1_000_000


def test_progress_tells_of_reading_and_then_of_learning(tmp_path: Path) -> None:
    told: list[Progress] = []
    learn(tmp_path / "v", prose(), on_progress=told.append)
    assert [progress.phase for progress in told] == ["reading", "learning"]
    assert (told[-1].n_lines, told[-1].n_bytes) == (400, len(prose().encode()))


def test_a_vocabulary_of_just_the_most_there_is_can_be_had(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="30,000 pieces are more than the corpus gives") as caught:
        learn(tmp_path / "a", prose(), vocab_size=30_000)
    most = int("".join(filter(str.isdigit, str(caught.value.fix))))
    assert learn(tmp_path / "b", prose(), vocab_size=most).vocab_size == most


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 101}, "no room beside the 101 fixed ones"),
        ({"vocab_size": 357, "byte_fallback": True}, "no room beside the 357 fixed ones"),
        ({"vocab_size": 105}, r"too few: .* alone are 12\d; ask for more than 12\d"),
    ],
)
def test_a_vocabulary_too_small_says_what_would_do(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        learn(tmp_path / "v", prose(), **settings)


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_a_corpus_without_text_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="no text"):
        learn(tmp_path / "v", text)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os.kill(os.getpid(), 9)", ResourceError),
        ("import sys; sys.exit('what(): std::bad_alloc')", ResourceError),
        ("import sys; sys.exit('something else')", RuntimeError),
    ],
)
def test_a_trainer_that_dies_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception]
) -> None:
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **rest: popen([command[0], "-c", code], **rest))
    with pytest.raises(error, match=r"memory|something else"):
        learn(tmp_path / "v", prose())


def test_nothing_of_sentencepieces_log_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    learn(tmp_path / "v", prose())
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_while_reading_goes_through(tmp_path: Path) -> None:
    def sources() -> Iterator[Document]:
        yield Document("a", prose())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_vocabulary(Corpus(sources()), tmp_path, vocab_size=250)
    assert not list(tmp_path.iterdir())


def test_the_trainer_ends_with_whoever_asked(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text(genome(300_000))
    settings = {"vocab_size": 5000, "split_by_whitespace": False, "max_sentence_length": 1_000_000}
    arguments = [json.dumps(settings), str(tmp_path / "lines"), str(tmp_path / "model")]
    command = [sys.executable, "-m", "bigbird_cli.text.vocabulary.sentencepiece_process", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 1
    assert not (tmp_path / "model").exists() or not (tmp_path / "model").read_bytes()
