"""Learn a vocabulary: a corpus -> a folder with a sentencepiece model in the layout of BigBird's own.

Ids 0 to 100 are BigBird's special pieces, so that a config's special ids fit; learned pieces begin at 101. Text is not
normalised, but for letters' case where that is asked for, so that every offset is exact.
"""

import json
import re
import string
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bigbird_cli.choices import Algorithm, Split
from bigbird_cli.errors import DataError, ResourceError, UsageError
from bigbird_cli.files.names import SPIECE_MODEL
from bigbird_cli.files.whole import replace_file
from bigbird_cli.processes import python_command, python_environment
from bigbird_cli.text.tokenizers.tokenizer import BigBirdTokenizer, load_tokenizer
from bigbird_cli.text.vocabulary.corpus import Corpus, Sample
from bigbird_cli.text.vocabulary.report import tokenize

# google-research/bigbird@5e7d375, bigbird/vocab/gpt2.model
PAD_ID, EOS_ID, UNK_ID = 0, 1, 100
USER_DEFINED: Final = (
    "<s>",
    *(f"<sep_{i}>" for i in range(5)),
    "<no_saic_raw_sp>",
    *(f"<length_{i}>" for i in range(21)),
    *("<length_s>", "<length_m>", "<length_l>", "<::::>", "<space>"),
    *(f"<unused_{i}>" for i in range(34, 37)),
    *("<no_query_sp>", "<no_passage_raw_sp>"),
    *(f"<unused_{i}>" for i in range(39, 50)),
    *(f"<paraphrasing_{i}>" for i in range(9)),
    *("<empty>", "<row>", "<cn>", "<t>", "<ans>", "[CLS]", "[SEP]", "[MASK]"),
    *(f"<unused_{i}>" for i in range(67, 99)),
)
"""Pieces 2 to 99, in the order of their ids."""

N_SPECIAL: Final = UNK_ID + 1
N_BYTES: Final = 256

DEFAULT_ALGORITHM: Final[dict[Split, Algorithm]] = {"whitespace": "unigram", "none": "bpe"}
"""Without words, unigram takes ten times as long; BigBird's vocabulary of DNA is a bpe (Zaheer et al., 2020)."""

DEFAULT_SAMPLE_MB: Final[dict[Split, int]] = {"whitespace": 50, "none": 15}
"""sentencepiece needs some 20 bytes of memory for one of text, without words 65: about 1 GB either way."""

CHARACTER_COVERAGE: Final = 0.99999
"""All but 1 in 100,000; sentencepiece's 0.9995 loses Q and X in a megabyte of English."""

_TO_UPPER: Final = "".join(f"{ord(lower):X}\t{ord(lower.upper()):X}\n" for lower in string.ascii_lowercase)
"""A rule of sentencepiece's normaliser: a to z are A to Z. Each letter stays one, and so do offsets."""

_MEASURED_BYTES = 500_000
_PASSAGES_A_CALL = 4096

_TOO_MANY = re.compile(r"Vocabulary size too high \(\d+\)\. Please set it to a value <= (\d+)")
_TOO_FEW = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")


@dataclass(frozen=True)
class Progress:
    """How far learning a vocabulary has come; what was read stays as it is once "learning" has begun."""

    phase: Literal["reading", "learning"]
    n_lines: int
    n_bytes: int


@dataclass(frozen=True)
class VocabularyReport:
    """A learned vocabulary, and what it makes of a sample of its own corpus.

    Attributes:
        vocab_size: pieces in all.
        n_learned: of them, those that the corpus gave: all but special pieces and bytes.
        n_lines, n_bytes: text that was read, empty lines included.
        n_sampled_bytes: what of it the vocabulary was learned from.
        bytes_per_token: bytes of UTF-8 that a token stands for, spaces among them.
        tokens_per_word: tokens of a word between white space; None if pieces may reach over it.
        unknown: share of unknown tokens, 0 to 1.
        unknown_text: characters that they stand for, the commonest first.
        seconds: time for all of it.
    """

    vocab_size: int
    n_learned: int
    n_lines: int
    n_bytes: int
    n_sampled_bytes: int
    bytes_per_token: float
    tokens_per_word: float | None
    unknown: float
    unknown_text: dict[str, int]
    seconds: float


def train_vocabulary(
    corpus: Corpus,
    folder: Path,
    *,
    vocab_size: int,
    split: Split = "whitespace",
    algorithm: Algorithm | None = None,
    character_coverage: float = CHARACTER_COVERAGE,
    byte_fallback: bool = False,
    upper_case: bool = False,
    sample_mb: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> VocabularyReport:
    """Learn a vocabulary and write it; the same corpus and settings give the same bytes.

    Args:
        corpus: what to read; all of it is, though no more than the sample is kept.
        folder: an existing folder; spiece.model, tokenizer_config.json and special_tokens_map.json are written into it.
        vocab_size: pieces in all, special ones included.
        split: "whitespace" lets no piece reach over a space, and takes a text as if it began with one; "none" takes
            text as it stands, for DNA or protein sequences.
        algorithm: "unigram" (Kudo, 2018, arXiv:1804.10959) or "bpe" (Sennrich et al., 2016, arXiv:1508.07909); None for
            the usual one of the split.
        character_coverage: share of the sample's characters, 0 to 1, that the vocabulary has to know;
            the rarest stay unknown.
        byte_fallback: give each byte a piece, so that no text is unknown.
        upper_case: read a to z as A to Z, now and wherever the vocabulary is used: soft-masked DNA is the same DNA.
        sample_mb: megabytes (10^6 bytes) to learn from at most, drawn at random; None for the usual of the split.
        on_progress: is called every few megabytes, and when learning begins.

    Raises:
        DataError: the corpus cannot be read, or holds nothing.
        UsageError: vocab_size is too small or too large for the corpus; it says what would do.
        ResourceError: memory did not suffice.
    """
    begun = time.monotonic()
    report = on_progress or (lambda _progress: None)
    n_fixed = N_SPECIAL + (N_BYTES if byte_fallback else 0)
    if vocab_size <= n_fixed:
        raise UsageError(
            f"{vocab_size:,} pieces leave no room beside the {n_fixed} fixed ones",
            where="vocab_size",
            fix="ask for some thousands",
        )
    sample = Sample(1_000_000 * (DEFAULT_SAMPLE_MB[split] if sample_mb is None else sample_mb))
    for number, passage in enumerate(corpus):
        sample.add(passage)
        if number % _PASSAGES_A_CALL == 0:
            report(Progress("reading", corpus.n_lines, corpus.n_bytes))
    passages = sample.passages()
    if not passages:
        raise DataError("the corpus holds no text", fix="name files with text in them")
    report(Progress("learning", corpus.n_lines, corpus.n_bytes))
    has_words = split == "whitespace"
    model = _learn(
        passages,
        vocab_size=vocab_size,
        model_type=algorithm or DEFAULT_ALGORITHM[split],
        character_coverage=character_coverage,
        byte_fallback=byte_fallback,
        upper_case=upper_case,
        split_by_whitespace=has_words,
        add_dummy_prefix=has_words,
    )
    replace_file(folder / SPIECE_MODEL, model)
    BigBirdTokenizer(folder / SPIECE_MODEL).save_pretrained(folder)

    tokenizer = load_tokenizer(folder)
    measured = _first_lines(passages, _MEASURED_BYTES)
    reports = [tokenize(line, tokenizer) for line in measured]
    n_tokens = sum(len(report.tokens) for report in reports)
    return VocabularyReport(
        vocab_size=vocab_size,
        n_learned=vocab_size - n_fixed,
        n_lines=corpus.n_lines,
        n_bytes=corpus.n_bytes,
        n_sampled_bytes=sample.n_bytes,
        bytes_per_token=sum(len(line.encode("utf-8")) for line in measured) / n_tokens,
        tokens_per_word=n_tokens / sum(len(line.split()) for line in measured) if has_words else None,
        unknown=sum(report.unknown for report in reports) / n_tokens,
        unknown_text=dict(sum((report.unknown_text for report in reports), Counter()).most_common()),
        seconds=time.monotonic() - begun,
    )


def _first_lines(passages: Iterable[bytes], n_bytes: int) -> list[str]:
    """Lines with text in them of the first passages, about n_bytes of them."""
    lines: list[str] = []
    for passage in passages:
        lines += (line for line in passage.decode("utf-8").split("\n") if line.strip())
        n_bytes -= len(passage)
        if n_bytes <= 0:
            break
    return lines


def _learn(passages: Sequence[bytes], *, upper_case: bool, **settings: Any) -> bytes:
    """The serialised model; settings are those of sentencepiece's TrainerSpec."""
    settings |= {
        "pad_id": PAD_ID,
        "eos_id": EOS_ID,
        "bos_id": -1,  # BigBird's <s> is no begin to sentencepiece, but a piece of its own
        "unk_id": UNK_ID,
        "user_defined_symbols": USER_DEFINED,
        "normalization_rule_name": "identity",
        "minloglevel": 2,
    }
    with tempfile.TemporaryDirectory() as name:
        lines, model, log, rule = (Path(name, part) for part in ("lines", "model", "log", "rule"))
        if upper_case:
            rule.write_text(_TO_UPPER, encoding="ascii")
            settings["normalization_rule_tsv"] = str(rule)
        with lines.open("wb") as file:
            file.writelines(passage + b"\n" for passage in passages)
        module = "bigbird_cli.text.vocabulary.sentencepiece_process"
        command = python_command(module, json.dumps(settings), str(lines), str(model))
        with (
            log.open("wb") as stderr,
            subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr, env=python_environment()) as process,
        ):
            try:
                process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
        if process.returncode:
            message = log.read_text(encoding="utf-8", errors="replace").strip()
            raise _failure(message, process.returncode, settings)
        return model.read_bytes()


def _failure(message: str, code: int, settings: dict[str, Any]) -> Exception:
    """What sentencepiece's words mean to whoever asked."""
    asked = settings["vocab_size"]
    if found := _TOO_MANY.search(message):
        most = int(found[1])
        return UsageError(
            f"{asked:,} pieces are more than the corpus gives, which is {most:,}",
            where="vocab_size",
            fix=f"ask for {most} or fewer, or give a larger corpus",
        )
    if found := _TOO_FEW.search(message):
        least = int(found[1])
        return UsageError(
            f"{asked:,} pieces are too few: special pieces and the characters of the corpus alone are {least:,}",
            where="vocab_size",
            fix=f"ask for more than {least}, or for a smaller character_coverage",
        )
    if code < 0 or "bad_alloc" in message:
        return ResourceError(
            "sentencepiece ran out of memory or was stopped", fix="learn from a smaller sample (sample_mb)"
        )
    return RuntimeError(f"sentencepiece failed with code {code}: {message}")
