"""`bigbird tokenize` as plain Python calls: look at tokens, and learn a vocabulary."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import get_args

from bigbird_cli.api.options import choice, newline_of, within
from bigbird_cli.api.reading.inputs import Input, documents_of
from bigbird_cli.api.reading.reader import DEFAULT_QA_MODEL, stamps
from bigbird_cli.bounds import COUNT, VOCABULARY
from bigbird_cli.choices import Algorithm, Split
from bigbird_cli.errors import UsageError
from bigbird_cli.events import Tokenizing
from bigbird_cli.files.encodings import check_encoding
from bigbird_cli.files.folders import remove_abandoned, whole_folder
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import CONFIG
from bigbird_cli.files.paths import local_path, model_file_errors
from bigbird_cli.text.documents import Document, FailedDocument
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, has_tokenizer, load_tokenizer
from bigbird_cli.text.vocabulary.corpus import Corpus
from bigbird_cli.text.vocabulary.report import Report
from bigbird_cli.text.vocabulary.report import tokenize as report_on
from bigbird_cli.text.vocabulary.train import (
    CHARACTER_COVERAGE,
    Progress,
    VocabularyReport,
    train_vocabulary,
)
from bigbird_cli.weights.store import check_vocabulary, find_folder


def tokenize(
    text: str,
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    newline: str | None = None,
    offline: bool = False,
    revision: str | None = None,
) -> Report:
    """Show how a model's vocabulary reads a text, and what of it the vocabulary does not know.

    Args:
        text: any text; control tokens written in it, such as [SEP], are text.
        model: a model folder, or one with a vocabulary only; a shipped model's name; or a name on the Hugging Face hub.
        newline: "space" or "keep", the tokenizer's rule for line breaks; None for the one the vocabulary wants.
        offline: never ask the network.
        revision: branch, tag or commit of a hub model.

    Raises:
        UsageError: there is no such newline rule.
        ModelError: there is no such model, or its vocabulary is missing or broken.
        DataError: the text holds a lone surrogate.
    """
    rule = newline_of(newline)
    return report_on(text, _open_tokenizer(model, offline=offline, revision=revision), newline=rule)


def tokenize_all(
    documents: Iterable[Input | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    column: str | None = None,
    newline: str | None = None,
    offline: bool = False,
    revision: str | None = None,
    on_progress: Callable[[Tokenizing], None] = lambda _: None,
) -> Iterator[tuple[Document, Report] | FailedDocument]:
    """`tokenize` each document when it is asked for; one that could not be read is given back in its place.

    Args:
        documents: documents, or rows, such as `read_inputs` finds.
        model: as of `tokenize`, and so are newline, offline and revision.
        column: the column of a row's text; None for "text".
        on_progress: is called with how far a long one has come.
    """
    rule = newline_of(newline)
    tokenizer = _open_tokenizer(model, offline=offline, revision=revision)

    def report(document: Document) -> Report:
        def on_tokens(n_done: int) -> None:
            on_progress(Tokenizing(document.name, n_done, len(document.text)))

        return report_on(document.text, tokenizer, newline=rule, on_progress=on_tokens)

    return (
        document if isinstance(document, FailedDocument) else (document, report(document))
        for document in documents_of(documents, column or "text")
    )


def train_tokenizer(
    corpus: str | Path | Document | Iterable[str | Path | Document],
    out: str | Path,
    *,
    vocab_size: int,
    split: str = "whitespace",
    algorithm: str | None = None,
    character_coverage: float = CHARACTER_COVERAGE,
    byte_fallback: bool = False,
    upper_case: bool = False,
    text_field: str | None = None,
    encoding: str | None = None,
    sample_mb: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> VocabularyReport:
    """Learn a vocabulary in the layout of BigBird's own, of any language; see `text.train.train_vocabulary`.

    Args:
        corpus: what to learn from: paths of files and folders, "-" for standard input, or Documents, as
            `text.corpus.Corpus` reads them.
        out: the folder to write; it must not exist yet, or be empty. It appears whole or not at all.
        vocab_size: pieces in all, the 101 special ones included.
        split: "whitespace", or "none" for text without words, such as DNA.
        algorithm: "unigram" or "bpe"; None for unigram, without words for bpe.
        character_coverage: share of the corpus's characters, above 0 and up to 1, that the vocabulary has to know.
        byte_fallback: give each byte a piece, so that no text is unknown.
        upper_case: read a to z as A to Z, wherever the vocabulary is used: soft-masked DNA is the same DNA.
        text_field: the corpus is JSON lines, and this field holds the text; None for plain text, and "text" in *.jsonl.
        encoding: of plain text, HTML and JSON lines; None for UTF-8.
        sample_mb: megabytes to learn from at most, drawn at random; None for 50, without words for 15.
        on_progress: called every few megabytes, and when learning begins.

    Raises:
        UsageError: out is occupied, an option has an impossible value, or vocab_size does not suit the corpus.
        DataError: the corpus cannot be read, or holds no text.
        ResourceError: memory or disk did not suffice.
    """
    check_encoding(encoding)
    if not 0 < character_coverage <= 1:
        raise UsageError(f"{character_coverage} is no share", where="character_coverage", fix="give 0.9995, or up to 1")
    within(vocab_size, VOCABULARY, "vocab_size")
    if sample_mb is not None:
        within(sample_mb, COUNT, "sample_mb")
    out = local_path(out)
    if out.is_dir():
        out = out.resolve()  # a link to an empty folder stays
    remove_abandoned(out)
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError("there is something of that name already", where=str(out), fix="name a new folder")
    sources = [corpus] if isinstance(corpus, str | Path | Document) else corpus
    with whole_folder(out, n_bytes=100 * vocab_size) as partial:
        return train_vocabulary(
            Corpus(sources, text_field=text_field, encoding=encoding),
            partial,
            vocab_size=vocab_size,
            split=choice(split, get_args(Split), "split"),
            algorithm=None if algorithm is None else choice(algorithm, get_args(Algorithm), "algorithm"),
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            upper_case=upper_case,
            sample_mb=sample_mb,
            on_progress=on_progress,
        )


def _open_tokenizer(model: str | Path, *, offline: bool, revision: str | None) -> Tokenizer:
    return _opened_tokenizer(str(model), isinstance(model, Path), offline, revision, stamps(model))


@lru_cache(maxsize=1)
@model_file_errors()
def _opened_tokenizer(
    model: str, is_path: bool, offline: bool, revision: str | None, stamps: tuple[tuple[str, int], ...]
) -> Tokenizer:
    """Open a vocabulary, or find it open from the call before."""
    del stamps
    folder = local_path(model)  # it may hold a vocabulary and no model yet
    if not has_tokenizer(folder):
        folder = find_folder(Path(model) if is_path else model, offline=offline, revision=revision, weights=())
    tokenizer = load_tokenizer(folder)
    n_embeddings = read_json_object(folder / CONFIG).get("vocab_size")
    check_vocabulary(tokenizer.vocab_size, n_embeddings, where=model)
    return tokenizer
