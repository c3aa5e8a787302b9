"""What language models learn from: a stream of documents, cut into windows that hold every token once.

Documents stand one behind the other with a separator between them, as RoBERTa's FULL-SENTENCES (Liu et al., 2019,
section 4.2): a long one is split where a window is full, short ones share a window, and nothing is left out.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.choices import DocumentsAre
from bigbird_cli.data.texts import read_texts
from bigbird_cli.errors import Report
from bigbird_cli.section import WindowSize
from bigbird_cli.tasks.base import Feature, Features, TaskSection, finite_output
from bigbird_cli.tasks.words import units_of
from bigbird_cli.text.documents import encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class Piece:
    """A document, or a part of a long one.

    Attributes:
        name: the document's.
        text: at most some ten thousand characters, cut between words.
        begins: it is the first part of its document.
    """

    name: str
    text: str
    begins: bool


@dataclass(frozen=True, eq=False)
class TokenRun:
    """Some tokens of the stream.

    Attributes:
        ids: int32 (n,).
        word_starts: uint8 (n,), 1 where a token begins a word; a separator is a word by itself.
        characters: int32 (n,), the characters of the text that each token stands for, the white space before it
            included; 0 for a separator, and for the unknown token, of which none are known.
        name: of the document that the first token stands in.
    """

    ids: np.ndarray
    word_starts: np.ndarray
    characters: np.ndarray
    name: str

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, stop: int) -> "TokenRun":
        return TokenRun(self.ids[start:stop], self.word_starts[start:stop], self.characters[start:stop], self.name)


@dataclass(frozen=True, eq=False)
class LanguageFeature(Feature):
    """A window to evaluate a language model on.

    Attributes:
        characters: int32 (n,), the characters that each token stands for.
    """

    characters: np.ndarray | None = None


@dataclass(frozen=True)
class WindowSums:
    """Sums over the target tokens of one window."""

    nll: float
    n_tokens: int
    n_correct: int
    n_characters: int
    follows: bool | None = None
    """Whether the next-sentence relation was predicted rightly."""


class LanguageTask(TaskSection):
    """What masked and causal language modelling share."""

    main_metric: ClassVar[str] = "bits_per_character"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"bits_per_character", "perplexity"})

    window: WindowSize = 4096
    """Tokens of one model input at most, special tokens included."""

    text_column: str = "text"
    """Field of the text, where the data are rows."""

    documents: DocumentsAre = "file"
    """What is a document in plain text: a file, a line, or what stands between blank lines."""

    def read(self, source: str | Path, *, offline: bool = False, report: Report | None = None) -> Iterator[Piece]:
        """Read texts, long documents piece by piece.

        Raises:
            DataError: something cannot be read; the error says where.
        """
        texts = read_texts(
            source,
            column=self.text_column,
            documents=self.documents,
            skip_null=self.on_empty == "skip",
            offline=offline,
            report=report,
        )
        for text in texts:
            for number, part in enumerate(text.parts):
                yield Piece(text.name, part, begins=number == 0)

    def document_of(self, example: Piece) -> tuple[str, str]:
        """The name of the document; all are alike."""
        return example.name, ""

    def decoder(self, examples: Sequence[Piece], tokenizer: Tokenizer) -> "LanguageDecoder":
        """Open a decoder for the features of these texts."""
        del examples, tokenizer
        return LanguageDecoder()

    def score_names(self, examples: Sequence[Piece], features: Features) -> list[str]:
        """Name the scores that `score` will give."""
        follows = "next_sentence_label" in features[0].labels or None if len(features) else None
        return list(self.score([WindowSums(1.0, 1, 1, 1, follows)], examples))

    def score(self, predictions: Sequence[WindowSums], examples: Sequence[Piece]) -> dict[str, float]:
        """Measure how well the tokens were predicted.

        Returns:
            bits_per_character: the loss in bits over all characters that the target tokens stand for, so that
            vocabularies compare; perplexity: e to the mean loss of a token; accuracy: tokens predicted
            rightly, in percent; total: target tokens. With next-sentence pairs also next_sentence_accuracy.
        """
        del examples
        n_tokens = sum(each.n_tokens for each in predictions)
        nll = math.fsum(each.nll for each in predictions)
        if not n_tokens:
            raise ValueError("there is nothing to score")
        n_characters = sum(each.n_characters for each in predictions)
        scores = {
            "bits_per_character": nll / math.log(2) / max(1, n_characters),
            "perplexity": math.exp(min(700.0, nll / n_tokens)),
            "accuracy": 100 * sum(each.n_correct for each in predictions) / n_tokens,
            "total": float(n_tokens),
        }
        follows = [each.follows for each in predictions if each.follows is not None]
        if follows:
            scores["next_sentence_accuracy"] = 100 * sum(follows) / len(follows)
        return scores


class LanguageDecoder:
    """Sums up how a model predicts each window."""

    def __init__(self) -> None:
        self._sums: list[WindowSums] = []

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take a window's nll (n,) and correct (n,), and relation_logits (2,) of next-sentence pairs.

        Raises:
            ModelError: a loss is not a finite number.
        """
        nll = finite_output(outputs, "nll", where=feature.name)
        if not isinstance(feature, LanguageFeature) or feature.characters is None:
            raise ValueError("the feature does not know the characters of its tokens")
        is_target = np.asarray(feature.labels["labels"]) != IGNORED
        follows = None
        if "relation_logits" in outputs:
            follows = int(np.argmax(outputs["relation_logits"])) == feature.labels["next_sentence_label"]
        self._sums.append(
            WindowSums(
                nll=float(nll.sum()),
                n_tokens=int(is_target.sum()),
                n_correct=int(np.asarray(outputs["correct"])[is_target].sum()),
                n_characters=int(feature.characters[is_target].sum()),
                follows=follows,
            )
        )

    def finish(self) -> list[WindowSums]:
        """Give the sums of each window."""
        return self._sums


def runs_of(pieces: Iterable[Piece], tokenizer: Tokenizer, *, separated: bool = True) -> Iterator[TokenRun]:
    """Tokenise pieces, with a separator before each document but the first."""
    is_first = True
    for piece in pieces:
        document = encode_document(piece.text, tokenizer, name=piece.name)
        n_tokens = len(document)
        if separated and piece.begins and not is_first:
            one = np.ones(1, dtype=np.uint8)
            yield TokenRun(np.array([tokenizer.sep_id], dtype=np.int32), one, np.zeros(1, dtype=np.int32), piece.name)
        is_first = False
        if not n_tokens:
            continue
        word_starts = np.zeros(n_tokens, dtype=np.uint8)
        word_starts[units_of(document).tokens] = 1
        word_starts[0] = 1
        ends = document.tokens.ends.astype(np.int64)
        characters = np.diff(np.maximum.accumulate(ends), prepend=0)
        ids = document.tokens.ids.astype(np.int32)
        yield TokenRun(ids, word_starts, np.where(ids == tokenizer.unk_id, 0, characters).astype(np.int32), piece.name)


class TokenStream:
    """A stream of tokens, from which any number is taken at a time."""

    def __init__(self, runs: Iterable[TokenRun]) -> None:
        self._runs = iter(runs)
        self._held: TokenRun | None = None

    def read(self, n_tokens: int) -> TokenRun | None:
        """The next tokens, at most so many; None at the end."""
        held = [] if self._held is None else [self._held]
        while sum(map(len, held)) < n_tokens and (run := next(self._runs, None)) is not None:
            held.append(run)
        if not held:
            return None
        whole = held[0] if len(held) == 1 else _joined(held)
        self._held = whole.part(n_tokens, len(whole)) if len(whole) > n_tokens else None
        return whole.part(0, n_tokens)

    def push_back(self, run: TokenRun) -> None:
        """Put tokens back in front of the others."""
        if len(run):
            self._held = run if self._held is None else _joined([run, self._held])


def packed(runs: Iterable[TokenRun], n_tokens: int) -> Iterator[TokenRun]:
    """Cut a stream of tokens into runs of n_tokens; the last may be shorter."""
    stream = TokenStream(runs)
    while (run := stream.read(n_tokens)) is not None:
        yield run


def _joined(runs: Sequence[TokenRun]) -> TokenRun:
    return TokenRun(
        np.concatenate([run.ids for run in runs]),
        np.concatenate([run.word_starts for run in runs]),
        np.concatenate([run.characters for run in runs]),
        runs[0].name,
    )


def ordinary_ids(tokenizer: Tokenizer) -> np.ndarray:
    """int64: every id of a vocabulary that stands for text, so neither control tokens nor the unknown one."""
    is_ordinary = np.ones(tokenizer.vocab_size, dtype=bool)
    others = {*tokenizer.special_ids, tokenizer.unk_id, tokenizer.mask_id}
    is_ordinary[[number for number in others if number is not None and number < len(is_ordinary)]] = False
    return np.flatnonzero(is_ordinary)
