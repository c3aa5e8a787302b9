"""What a plan needs to know of a recipe's data: how long its documents are, and what its model inputs look like."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature, FeatureList, Features
from bigbird_cli.text.documents import EncodedDocument, encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.training.batching import split
from bigbird_cli.training.loader import EpochLoader, Loader, StreamLoader
from bigbird_cli.training.measuring import longest_batch

SAMPLED, SAMPLED_CHARACTERS = 1_000, 5_000_000
"""Documents, and characters of them, about which lengths are told at most; of more, every n-th document is taken."""

MOST_STEPS = 200
"""Steps of an epoch that are looked at; of more, every n-th."""

SHORTEST_BIN = 64
"""Tokens up to which documents are counted together; each bin is twice as wide as all before."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Some documents of the training data, evenly over all of it; of a stream, the first ones.

    Attributes:
        examples: all that are on these documents, in their order.
        n_documents, n_examples: in all; None in a stream.
        lengths: int (sampled documents,), tokens of each.
        what: that an input needs its tokens for: answers, entities, or whole documents.
        needed: int, for each of those how many tokens an input needs that begins where the document does.
    """

    examples: Sequence[Any]
    n_documents: int | None
    n_examples: int | None
    lengths: np.ndarray
    what: str
    needed: np.ndarray

    @property
    def scale(self) -> float:
        """How many examples there are for each sampled one; 1 in a stream."""
        return (self.n_examples or len(self.examples)) / len(self.examples)


@dataclass(frozen=True)
class Cut:
    """What is lost where every document is cut: what other tools do, and this one does not.

    Attributes:
        n_tokens: of an input, a question and special tokens included.
        lost: share of the answers, entities or documents that no longer stand whole in it, 0 to 1.
        tokens: share of the documents' tokens.
    """

    n_tokens: int
    lost: float
    tokens: float


@dataclass(frozen=True)
class Bin:
    """Documents of like length: how many have `up_to` tokens at most, and more than the bin before."""

    up_to: int
    n_documents: int


@dataclass(frozen=True, eq=False)
class Inputs:
    """The shapes of model inputs.

    Attributes:
        lengths: int (n,), tokens of each, padding between its choices included.
        rows: int (n,), its choices; 1 where there are none.
        tokens: int (n,), real tokens of all its rows.
    """

    lengths: np.ndarray
    rows: np.ndarray
    tokens: np.ndarray

    @classmethod
    def of(cls, features: Iterable[Feature]) -> "Inputs":
        """The shapes of features."""
        shapes = [(len(each), *_rows_and_tokens(each)) for each in features]
        lengths, rows, tokens = np.array(shapes, dtype=np.int64).reshape(-1, 3).T
        return cls(lengths, rows, tokens)

    @classmethod
    def of_all(cls, features: Features) -> "Inputs":
        """The shapes of features of one kind, which are not read where their lengths say it all."""
        if len(features) and features[0].mask is not None:
            return cls.of(features)
        lengths = np.asarray(features.lengths, dtype=np.int64)
        return cls(lengths, np.ones_like(lengths), lengths)

    def __len__(self) -> int:
        return len(self.lengths)


def _rows_and_tokens(feature: Feature) -> tuple[int, int]:
    if feature.mask is None:
        return 1, len(feature)
    return len(feature.ids), int(feature.mask.sum())


def take_sample(read: Callable[[], Iterator[Any]], task: Any, tokenizer: Tokenizer, *, is_stream: bool) -> Sample:
    """Read documents, and measure some of them.

    Args:
        read: gives the training examples.
        task: the recipe's.
        tokenizer: the model's.
        is_stream: read no further than needed.
    """
    n_documents = n_examples = None
    if is_stream:
        examples = list(_first(read(), task))
    else:
        numbers: dict[int, int] = {}
        n_examples = n_characters = 0
        for example in read():
            number = numbers.setdefault(_key(example, task), len(numbers))
            n_examples += 1
            is_new = number == len(numbers) - 1 or hasattr(example, "begins")
            n_characters += len(_text(example, task)) if is_new else 0
        n_documents = len(numbers)
        every = min(n_documents, max(-(-n_documents // SAMPLED), -(-n_characters // SAMPLED_CHARACTERS)))
        examples = [each for each in read() if not numbers[_key(each, task)] % every]
    lengths: dict[int, int] = {}
    needed: dict[str, list[int]] = {}
    held: dict[int, EncodedDocument] = {}
    for example in examples:
        key, text = _key(example, task), _text(example, task)
        if hasattr(example, "begins"):  # a piece of a document
            lengths[key] = lengths.get(key, 0) + len(tokenizer.encode(text).ids)
            continue
        if key not in held:
            held[key] = encode_document(text, tokenizer)
            lengths[key] = len(held[key])
        for what, n_tokens in _needed(example, held[key], tokenizer):
            needed.setdefault(what, []).append(n_tokens)
    of_documents = np.array(list(lengths.values()))
    what = next(iter(needed), "documents")
    return Sample(
        examples=examples,
        n_documents=n_documents,
        n_examples=n_examples,
        lengths=of_documents,
        what=what,
        needed=np.array(needed[what]) if needed else of_documents + 2,
    )


def cuts(sample: Sample, at: Iterable[int]) -> tuple[Cut, ...]:
    """What is lost of a sample where its documents are cut to inputs of so many tokens."""
    n_tokens = max(1, int(sample.lengths.sum()))
    return tuple(
        Cut(n, float((sample.needed > n).mean()), 1 - int(np.minimum(sample.lengths, n - 2).sum()) / n_tokens)
        for n in at
    )


def histogram(lengths: np.ndarray) -> tuple[Bin, ...]:
    """Count documents by their tokens, from the shortest bin that holds one to the longest."""
    widths = np.maximum(0, np.ceil(np.log2(np.maximum(1, lengths) / SHORTEST_BIN))).astype(int)
    counts = np.bincount(widths)
    first = int(np.flatnonzero(counts)[0])
    return tuple(Bin(SHORTEST_BIN << i, int(counts[i])) for i in range(first, len(counts)))


@dataclass(frozen=True, eq=False)
class Epoch:
    """The steps of an epoch, as loader and engine make them.

    Attributes:
        steps: of those that are looked at, the micro-batches, each with the tokens of its rows.
        largest: the micro-batches of the longest inputs, which are the most that a step can need.
        padding: share of padding among the tokens that are computed, 0 to 1.
        n_steps: of the whole epoch.
    """

    steps: list[list[tuple[int, ...]]]
    largest: list[tuple[int, ...]]
    padding: float
    n_steps: float


def epoch_of(inputs: Inputs, recipe: Recipe, *, scale: float = 1.0, processes: int = 1) -> Epoch:
    """Batch inputs as a run would.

    Args:
        inputs: all of an epoch, or a sample of them.
        recipe: whose optim, seed and data are meant.
        scale: how many inputs an epoch has for each of these.
        processes: for each of which there is a micro-batch at least.
    """
    features = FeatureList([_stand_in(inputs, i) for i in range(len(inputs))])
    optim = recipe.optim
    loader: Loader
    if recipe.data.streaming:
        loader = StreamLoader(
            lambda: iter(features),
            _as_it_is,
            seed=recipe.seed,
            batch_size=optim.batch_size,
            buffer=recipe.data.shuffle_buffer,
        )
        n_steps = max(1, len(features) // optim.batch_size)
    else:
        loader = EpochLoader(
            features, _as_it_is, seed=recipe.seed, batch_size=optim.batch_size, batch_tokens=optim.batch_tokens
        )
        n_steps = loader.steps_per_epoch or 1
    looked_at = range(1, n_steps + 1, -(-n_steps // MOST_STEPS))
    batches = [split(loader.batch(step), optim, at_least=processes) for step in looked_at]
    parts = [part for batch in batches for part in batch]
    n_padded = sum(len(part) * int(inputs.rows[part[0].example]) * max(map(len, part)) for part in parts)
    n_tokens = sum(int(inputs.tokens[feature.example]) for part in parts for feature in part)
    longest = [features[int(i)] for i in longest_batch(inputs.lengths, optim)]
    return Epoch(
        steps=[[_rows(part, inputs) for part in batch] for batch in batches],
        largest=[_rows(part, inputs) for part in split(longest, optim, at_least=processes)],
        padding=1 - n_tokens / n_padded,
        n_steps=n_steps * scale,
    )


def _stand_in(inputs: Inputs, index: int) -> Feature:
    """A feature of the shape of an input that holds nothing."""
    n, rows = int(inputs.lengths[index]), int(inputs.rows[index])
    ids = np.broadcast_to(np.int32(0), (rows, n) if rows > 1 else (n,))
    return Feature(ids=ids, types=ids, labels={}, example=index)


def _as_it_is(feature: Feature, seed: tuple[int, ...]) -> Feature:
    del seed
    return feature


def _rows(part: Sequence[Feature], inputs: Inputs) -> tuple[int, ...]:
    """The tokens of each row of a micro-batch."""
    rows: list[int] = []
    for feature in part:
        n_rows = int(inputs.rows[feature.example])
        rows += [int(inputs.tokens[feature.example]) // n_rows] * n_rows
    return tuple(rows)


def _first(examples: Iterator[Any], task: Any) -> Iterator[Any]:
    """The examples of the first documents."""
    keys: set[int] = set()
    n_characters = 0
    for example in examples:
        yield example
        keys.add(_key(example, task))
        n_characters += len(_text(example, task))
        if len(keys) >= SAMPLED or n_characters > SAMPLED_CHARACTERS:
            return


def _key(example: Any, task: Any) -> int:
    return hash(task.document_of(example)[0])


def _text(example: Any, task: Any) -> str:
    """The text of an example's document, or of a piece of it, whose document is a name."""
    text: str = example.text if hasattr(example, "begins") else task.document_of(example)[0]
    return text


def _needed(example: Any, document: EncodedDocument, tokenizer: Tokenizer) -> Iterator[tuple[str, int]]:
    """The tokens that an input from the document's beginning needs to hold an answer, or each of its entities."""
    if answers := getattr(example, "answers", ()):
        spans = [document.tokens_of(answer.start, answer.start + len(answer.text)) for answer in answers]
        ends = [span[1] + 1 for span in spans if span is not None]
        if ends:
            yield "answers", min(ends) + len(tokenizer.encode(example.question, newline="space").ids) + 3
    for entity in getattr(example, "entities", ()):
        span = document.tokens_of(entity.start, entity.end)
        if span is not None:
            yield "entities", span[1] + 1 + 2
