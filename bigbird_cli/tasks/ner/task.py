"""Named entities: every run of a document's characters that names something, and what kind of thing it is.

A model input is `[CLS] window [SEP]`. The model gives one tag to each unit of the document (`tasks.words`): a word, or
the words that share a token. A unit's first token carries its label; other tokens have none. So a document needs no
tokenisation of its own, in training or afterwards, and gold stays what it is: characters of the text. A gold entity
that begins or ends inside a unit can never be found; it counts as missed all the same, and is counted apart.

Each unit belongs to the window in which its token has most context (`text.windows.owned_sums`): that window alone
learns it, and that window alone is asked. The tags of the whole document are then decoded at once, as the likeliest
sequence that the scheme allows, so that no entity is cut or found twice where windows meet. At a blank line one
sequence ends and another begins: many a vocabulary does not see it, but a heading's name is not that of the text below.
"""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, nearest
from bigbird_cli.section import Amount, Column, Names
from bigbird_cli.tasks.base import (
    Feature,
    FeatureList,
    finite_output,
    insist_on_same,
    tell_alike,
)
from bigbird_cli.tasks.casing import N_CASES, casing_of
from bigbird_cli.tasks.entities import UNUSUAL_FIX, Columns, GoldEntity, NERExample, read_examples
from bigbird_cli.tasks.metrics import length_groups, stands_at_seam
from bigbird_cli.tasks.tags import (
    OUTSIDE,
    Legal,
    Scheme,
    SpanCounts,
    TagDecoder,
    TagSpan,
    count_spans,
    legal_tags,
    read_tag,
    scheme_of_names,
    spans_of,
    tag_names,
    tags_of,
    unusual_tag,
)
from bigbird_cli.tasks.windowed import Coverage, Gatherer, ReadingTask, settings_for, source_of
from bigbird_cli.tasks.words import Units, paragraphs_of, units_of
from bigbird_cli.text.documents import ReadDocument, encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window, owned_sums

__all__ = ["Entity", "EntityDecoder", "GoldEntity", "NERExample", "NERPrediction", "NamedEntities"]

MOST_PARTIAL = 63
"""Outputs that the bits of a number hold."""

IGNORED = -100
"""The label of tokens that teach nothing."""


class Entity(NamedTuple):
    """Characters start..end of the document; the score is the mean probability of its units' tags."""

    type: str
    start: int
    end: int
    score: float
    text: str


@dataclass(frozen=True, eq=False)
class NERPrediction:
    """The entities of a document, and what was read to find them.

    Attributes:
        id: the example's.
        entities: in reading order; no two share a character.
        coverage: how much of the document was read.
        seams: for each place where the next window takes over, the end of the last unit before it and the start of the
            first one after it, in characters.
        n_unalignable: gold entities that begin or end inside a unit; 0 where no gold was given to the decoder.
    """

    id: str
    entities: tuple[Entity, ...]
    coverage: Coverage
    seams: tuple[tuple[int, int], ...] = ()
    n_unalignable: int = 0


class NamedEntities(ReadingTask):
    """Find the entities of a document, and say of which type each is."""

    head: ClassVar[str] = "token_labels"
    main_metric: ClassVar[str] = "f1"
    falling: ClassVar[frozenset[str]] = frozenset({"unalignable", "seam_errors"})

    type: Literal["ner"] = "ner"
    """The task's name."""

    labels: Names | None = Field(default=None, min_length=1)
    """Types of entities, such as PER and LOC; by default those of the training data, sorted."""

    scheme: Scheme = "iob2"
    """How the model's tags write an entity: iob2 (B- begins, I- goes on) or bioes (with E- for the last word and S- for
    an entity of one). Data may be written in any scheme; iob1 and plain are for models that were trained elsewhere."""

    tags: Names | None = Field(default=None, min_length=1)
    """Names of the model's outputs in their order, by which data may number their tags; by default O and the scheme's
    marks for each label."""

    words_column: str | Column | None = None
    """Column of the words: a row's field (by default tokens or words), or the number of a CoNLL column (0)."""

    tags_column: str | Column | None = None
    """Column of the words' tags: a row's field (by default tags, ner_tags or labels), or the number of a CoNLL column
    (-1, the last)."""

    text_column: str = "text"
    """Field of a row whose entities are given by their characters."""

    entities_column: str | None = None
    """Field of such a row's entities; by default entities or spans."""

    partial: bool = False
    """Whether such rows may leave things open: "types" are those that the row is annotated with, of others it is no
    evidence; "unsure" are characters, as [start, end], where nothing is learnt; and an entity of the type "GPE|LOC" is
    one of the two."""

    casing: bool = False
    """Tell the model how each token is written, in capitals or not, by its token type: for names, where the vocabulary
    is of lower case alone. A start model with fewer token types gets more."""

    temperature: Amount = 1.0
    """What the model's scores are divided by before they are probabilities; fit it on data that taught nothing."""

    @model_validator(mode="after")
    def _tags_fit_a_number(self) -> Self:
        if self.partial and (self.labels or self.tags) and len(self.output_tags) > MOST_PARTIAL:
            raise ValueError(
                f"with task.partial a model has {MOST_PARTIAL} outputs at most, and this one {len(self.output_tags)}"
            )
        return self

    @field_validator("labels", "tags")
    @classmethod
    def _names_are_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name, count in Counter(names).items():
            if count > 1:
                raise ValueError(f"{name!r} is named {count} times")
            if not name.strip():
                raise ValueError("a name is empty")
        return names

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a model that was trained elsewhere, its tags' names and order from its config.

        Any order of legal and illegal tags is then read as conlleval reads it, unless the tags are whole BIOES.

        Raises:
            ModelError: the outputs have no names.
        """
        names = config.class_names
        if all(name == f"LABEL_{i}" for i, name in enumerate(names)):
            raise ModelError(
                "the model's outputs have no names, so nobody can tell what it finds",
                fix='name them, as in "id2label": {"0": "O", "1": "B-PER", "2": "I-PER"}',
            )
        unusual = unusual_tag(names)
        if unusual is not None:
            raise ModelError(f"the output {unusual!r} has its mark where none is looked for", fix=UNUSUAL_FIX)
        return cls(
            labels=tuple(sorted({tag.type for tag in map(read_tag, names) if tag.mark != OUTSIDE})) or None,
            scheme=scheme_of_names(names),
            tags=names,
            **settings_for(config),
        )

    @property
    def output_tags(self) -> tuple[str, ...]:
        """Names of the model's outputs, in their order; ValueError before the labels are known."""
        if self.tags is not None:
            return self.tags
        if self.labels is None:
            raise ValueError("the task has no labels yet: see fitted")
        return tag_names(self.labels, self.scheme)

    def read(self, source: str | Path, *, offline: bool = False) -> Iterator[NERExample]:
        """Read CoNLL, rows or brat, see `tasks.entities.read_examples`.

        Raises:
            DataError: something cannot be used; the error names the place.
        """
        columns = Columns(
            words=self.words_column,
            tags=self.tags_column,
            text=self.text_column,
            entities=self.entities_column,
            names=self.tags,
            partial=self.partial,
        )
        return read_examples(source, columns, on_empty=self.on_empty, offline=offline)

    def fitted(self, examples: Iterable[NERExample]) -> Self:
        """The task with the types of these examples as labels, sorted, unless it has labels.

        Raises:
            DataError: no example has an entity.
        """
        if self.labels is not None or self.tags is not None:
            return self
        found = {type_ for example in examples for entity in example.entities for type_ in self._types_of(entity.type)}
        if not found:
            raise DataError(
                "the training data holds no entity", fix="name files with tagged words, or check task.tags_column"
            )
        tell_alike(found)
        return self.model_copy(update={"labels": tuple(sorted(found))})

    def config_changes(self) -> dict[str, object]:
        """The tags as the model's classes, and a token type for each way of writing."""
        names = self.output_tags
        changes: dict[str, object] = {
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
        }
        return {**changes, "type_vocab_size": N_CASES} if self.casing else changes

    def window_feature(
        self,
        document: ReadDocument,
        window: Window,
        owned: range,
        tokenizer: Tokenizer,
        *,
        example: int,
        second: np.ndarray | None = None,
        labels: dict[str, int | float | np.ndarray] | None = None,
        name: str | None = None,
    ) -> Feature:
        """Put together the model input of one window, with casing by the token types that tell of it."""
        feature = super().window_feature(
            document, window, owned, tokenizer, example=example, second=second, labels=labels, name=name
        )
        if self.casing:
            inside = slice(window.start, window.stop)
            feature.types[1:-1] = casing_of(document.text, document.tokens.starts[inside], document.tokens.ends[inside])
        return feature

    def training_features(self, examples: Iterable[NERExample], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn examples into model inputs with one label a unit, each unit once, in the window that it belongs to.

        With `partial` also with "allowed": of each token the output tags that are as good as its label, tag i as bit i.

        An entity that begins or ends inside a unit is taught as the units that it touches; a warning counts them. A
        window without a unit is left out.

        Raises:
            DataError: an entity is of a type that the labels lack; the error names the example.
        """
        n_unalignable = 0
        for index, example in enumerate(examples):
            self._check_types(example)
            document = encode_document(example.text, tokenizer, name=example.where or example.id)
            units = units_of(document)
            n_unalignable += _n_unalignable(example.entities, units)
            labels = np.full(len(document), IGNORED, dtype=np.int32)
            labels[units.tokens] = self._unit_labels(example, units)
            for start, end in example.unsure:
                labels[units.tokens[slice(*units.touched(start, end))]] = IGNORED
            allowed = np.zeros(len(document), dtype=np.int64)
            if self.partial:
                allowed[units.tokens] = self._allowed(example, units)
            plan = self.plan_windows(len(document))
            for window, owned in zip(plan, owned_sums(plan), strict=True):
                own = _owned_tokens(owned)
                first, stop = max(own.start, window.start), min(own.stop, window.stop)
                inside = np.full(window.stop - window.start + self.n_special, IGNORED, dtype=np.int32)
                place = slice(1 + first - window.start, 1 + stop - window.start)
                inside[place] = labels[first:stop]
                targets: dict[str, int | float | np.ndarray] = {"labels": inside}
                if self.partial:
                    targets["allowed"] = bits = np.zeros(len(inside), dtype=np.int64)
                    bits[place] = allowed[first:stop]
                if (inside != IGNORED).any():
                    yield self.window_feature(document, window, owned, tokenizer, example=index, labels=targets)
        if n_unalignable:
            warnings.warn(
                BigBirdWarning(
                    f"{n_unalignable} entities begin or end inside a word or a token, where no tag can: they are taught"
                    " as the words that they touch"
                ),
                stacklevel=2,
            )

    def encode(self, examples: Sequence[NERExample], tokenizer: Tokenizer) -> FeatureList:
        """Turn examples into all their windows.

        Raises:
            DataError: an entity is of a type that the labels lack; the error names the example.
        """
        features: list[Feature] = []
        for index, example in enumerate(examples):
            self._check_types(example)
            document = encode_document(example.text, tokenizer, name=example.where or example.id)
            features += self.window_features(document, tokenizer, example=index)
        return FeatureList(features)

    def decoder(self, examples: Sequence[NERExample], tokenizer: Tokenizer) -> "EntityDecoder":
        """Open a decoder for the features of these examples, which also counts the gold that nobody can find."""
        del tokenizer
        return EntityDecoder(
            [example.id for example in examples],
            tags=self.output_tags,
            scheme=self.scheme,
            temperature=self.temperature,
            gold=[example.entities for example in examples],
        )

    def decoder_for(self, names: Sequence[str]) -> "EntityDecoder":
        """Open a decoder for the features of documents of these names, which need not be examples."""
        return EntityDecoder(names, tags=self.output_tags, scheme=self.scheme, temperature=self.temperature)

    def blank(self, name: str, coverage: Coverage) -> NERPrediction:
        """A prediction without entities."""
        return NERPrediction(name, entities=(), coverage=coverage)

    def score(self, predictions: Sequence[NERPrediction], examples: Sequence[NERExample]) -> dict[str, float]:
        """Compare entities with the untouched gold: right is the same type at the same characters; in percent.

        Of what an example leaves open no entity is counted, and one of a gold entity's several types is right.

        Returns:
            precision, recall and f1 over all entities; macro_f1, the mean over types of which there is a gold or a
            predicted entity; counts: total (gold entities), predicted, unalignable (gold that begins or ends inside a
            unit, and so is always missed), seam_errors (missed or wrong entities that touch the place where one window
            takes over from another). For each type precision_T, recall_T, f1_T and total_T. If documents differ in
            length: f1 and total by their length, as in f1_to_512_tokens and f1_over_4096_tokens.
        """
        insist_on_same(predictions, examples, "documents")
        named = {type_ for example in examples for entity in example.entities for type_ in self._types_of(entity.type)}
        types = named | set(self.labels or ())
        by_type = dict.fromkeys(sorted(types), SpanCounts())
        by_document: list[SpanCounts] = []
        seam_errors = 0
        for prediction, example in zip(predictions, examples, strict=True):
            found = {(entity.type, entity.start, entity.end) for entity in prediction.entities}
            gold: Sequence[tuple[str, int, int]] = example.entities
            if self.partial:
                found = {entity for entity in found if self.is_judged(entity, example)}
                judged = [entity for entity in example.entities if self.is_judged(entity, example)]
                gold = [self.settled(entity, found) for entity in judged]
            document = count_spans(gold, found)
            for name, counts in document.items():
                by_type[name] = by_type.get(name, SpanCounts()) + counts
            by_document.append(sum(document.values(), SpanCounts()))
            wrong = found.symmetric_difference(gold)
            seam_errors += sum(stands_at_seam(start, end, prediction.seams) for _, start, end in wrong)
        overall = sum(by_document, SpanCounts())
        present = [counts.f1 for counts in by_type.values() if counts.gold or counts.predicted]
        scores = {
            "precision": overall.precision,
            "recall": overall.recall,
            "f1": overall.f1,
            "macro_f1": sum(present) / len(present) if present else 0.0,
            "total": float(overall.gold),
            "predicted": float(overall.predicted),
            "unalignable": float(sum(prediction.n_unalignable for prediction in predictions)),
            "seam_errors": float(seam_errors),
        }
        for name, counts in by_type.items():
            scores[f"precision_{name}"] = counts.precision
            scores[f"recall_{name}"] = counts.recall
            scores[f"f1_{name}"] = counts.f1
            scores[f"total_{name}"] = float(counts.gold)
        for name, members in length_groups([prediction.coverage.n_tokens for prediction in predictions]):
            together = sum((by_document[i] for i in members), SpanCounts())
            scores[f"f1_{name}"] = together.f1
            scores[f"total_{name}"] = float(together.gold)
        return scores

    def _check_types(self, example: NERExample) -> None:
        known = {tag.type for tag in map(read_tag, self.output_tags) if tag.mark != OUTSIDE}
        for entity in example.entities:
            for type_ in self._types_of(entity.type):
                if type_ in known:
                    continue
                near = nearest(type_, known)
                raise DataError(
                    f"the entity {example.text[entity.start : entity.end]!r} is of the type {type_!r}, which is"
                    " none of the labels",
                    where=example.where or example.id,
                    fix=(f"did you mean {near!r}? " if near else "") + f"the labels are {', '.join(sorted(known))}",
                )

    def _types_of(self, type_: str) -> list[str]:
        """The types that a gold entity may have."""
        return type_.split("|") if self.partial else [type_]

    def is_judged(self, entity: tuple[str, int, int], example: NERExample) -> bool:
        """Whether an example says if an entity is right."""
        type_, start, end = entity
        is_annotated = example.types is None or not example.types.isdisjoint(self._types_of(type_))
        return is_annotated and not any(first < end and start < stop for first, stop in example.unsure)

    def settled(self, entity: GoldEntity, found: Collection[tuple[str, int, int]]) -> GoldEntity:
        """A gold entity with one of its types: that of the entity found in its place, if any is."""
        types = self._types_of(entity.type)
        return entity._replace(type=next((t for t in types if (t, entity.start, entity.end) in found), types[0]))

    def _allowed(self, example: NERExample, units: Units) -> np.ndarray:
        """int64 (n units,): which of the output tags each may have, tag i as bit i."""
        n_choices = max((len(self._types_of(entity.type)) for entity in example.entities), default=1)
        labels = [np.array(self._unit_labels(example, units, choice=k), dtype=np.int64) for k in range(n_choices)]
        allowed: np.ndarray = np.bitwise_or.reduce([1 << each for each in labels])
        if example.types is not None:
            tags = [read_tag(name) for name in self.output_tags]
            is_open = [tag.mark == OUTSIDE or tag.type not in example.types for tag in tags]
            outside = [i for i, tag in enumerate(tags) if tag.mark == OUTSIDE]
            allowed[np.isin(labels[0], outside)] |= sum(1 << i for i, is_it in enumerate(is_open) if is_it)
        return allowed

    def _unit_labels(self, example: NERExample, units: Units, *, choice: int = 0) -> list[int]:
        """Which of the output tags each unit has; of an entity of several types that of one of them."""
        spans: list[TagSpan] = []
        for type_, start, end in example.entities:
            types = self._types_of(type_)
            first, stop = units.touched(start, end)
            first = max(first, spans[-1].stop if spans else 0)  # two entities may touch one unit
            if first < stop:
                spans.append(TagSpan(types[min(choice, len(types) - 1)], first, stop))
        ids = {read_tag(name)[:2]: i for i, name in enumerate(self.output_tags)}
        tags = tags_of(spans, len(units), self.scheme)
        try:
            return [ids[read_tag(tag)[:2]] for tag in tags]
        except KeyError:
            missing = next(tag for tag in tags if read_tag(tag)[:2] not in ids)
            raise DataError(
                f"the tag {missing!r} is needed here, and task.tags lacks it",
                where=example.where or example.id,
                fix="leave task.tags out, or choose the task.scheme that they are written in",
            ) from None


def _owned_tokens(owned: range) -> range:
    """The tokens whose doubled place is in a window's owned sums."""
    return range(-(-owned.start // 2), -(-owned.stop // 2))


def _n_unalignable(entities: Iterable[tuple[str, int, int]], units: Units) -> int:
    return sum(not units.align(start, end) for _, start, end in entities)


class _Part(NamedTuple):
    """The units that one window answers for, those of them that begin a paragraph, and their tags' log-probabilities.

    The latter are float32 (stop - first, L).
    """

    first: int
    stop: int
    paragraphs: list[int]
    log_probs: np.ndarray


class _Run:
    """Units behind one another, decoded as they come: their tags, and how probable these are by themselves.

    A number of two bytes and one of four stay of each unit; of its other tags nothing does.
    """

    def __init__(self, first: int, legal: Legal) -> None:
        self.first = self.stop = first
        self.seams: list[int] = []  # units at which another window took over
        self.paragraphs: list[int] = []  # units that begin one
        self._legal = legal
        self._decoder = TagDecoder(legal)
        self._open = np.empty((0, len(legal.first)), dtype=np.float32)  # of the units whose tags are not settled
        self._tags: list[np.ndarray] = []
        self._log_probs: list[np.ndarray] = []

    def add(self, part: _Part) -> None:
        """Take the units that come next."""
        if part.first > self.first:
            self.seams.append(part.first)
        self.stop = part.stop
        self._open = np.concatenate([self._open, part.log_probs])
        log_probs = part.log_probs.astype(np.float64)
        begin = 0
        for paragraph in part.paragraphs:
            self._keep(self._decoder.add(log_probs[begin : paragraph - part.first]))
            self._keep(self._decoder.finish())
            self._decoder = TagDecoder(self._legal)
            begin = paragraph - part.first
        self._keep(self._decoder.add(log_probs[begin:]))
        self.paragraphs += part.paragraphs

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The tags int16 (n,), and their log-probabilities float32 (n,)."""
        self._keep(self._decoder.finish())
        return np.concatenate(self._tags), np.concatenate(self._log_probs)

    def _keep(self, tags: np.ndarray) -> None:
        self._log_probs.append(self._open[np.arange(len(tags)), tags])
        self._open = self._open[len(tags) :]
        self._tags.append(tags.astype(np.int16))


class _Progress:
    """How far a document is decoded: its runs of units, and what came before its turn."""

    def __init__(self, document: ReadDocument) -> None:
        self.document = document
        self.units = units_of(document)
        self.paragraphs = paragraphs_of(document.text, self.units)  # the units that begin one
        self.runs: list[_Run] = []  # of one unit or more; the first begins the document
        self.waiting: dict[int, _Part] = {}  # by their first unit
        self.n_owned = 0
        self.found: _Found | None = None


@dataclass(frozen=True)
class _Found:
    entities: tuple[Entity, ...]
    seams: tuple[tuple[int, int], ...]
    n_unalignable: int


class EntityDecoder:
    """Finds each document's entities over all its windows.

    Args:
        names: of the documents.
        tags: names of the model's outputs, in their order.
        scheme: what order of tags is legal.
        temperature: what logits are divided by.
        gold: each document's gold entities, to count those that no unit boundaries fit.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        tags: Sequence[str],
        scheme: Scheme,
        temperature: float = 1.0,
        gold: Sequence[Sequence[GoldEntity]] | None = None,
    ) -> None:
        self._gathered: Gatherer[None] = Gatherer(names)  # the windows that were read: their outputs are not kept
        self._progress: dict[int, _Progress] = {}
        self._tags = list(tags)
        self._legal = legal_tags(tags, scheme)
        self._temperature = temperature
        self._gold = gold

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take a window's logits (n, L), aligned with feature.ids.

        Raises:
            ModelError: a logit is not a finite number.
        """
        shape = (len(feature), len(self._tags))
        logits = finite_output(outputs, "logits", shape=shape, where=self._gathered.where(feature))
        self._gathered.add(feature, None)
        source = source_of(feature)
        if feature.example not in self._progress:
            self._progress[feature.example] = _Progress(source.document)
        progress = self._progress[feature.example]
        progress.n_owned += len(source.owned)

        own, units = _owned_tokens(source.owned), progress.units
        first, stop = np.searchsorted(units.tokens, [own.start, own.stop]).tolist()
        rows = source.first + units.tokens[first:stop] - source.window.start
        if first < stop:
            begun = slice(*np.searchsorted(progress.paragraphs, [first, stop]).tolist())
            log_probs = _log_softmax(logits[rows] / self._temperature).astype(np.float32)
            progress.waiting[first] = _Part(first, stop, progress.paragraphs[begun].tolist(), log_probs)
            self._go_on(progress, 0 if not progress.runs else progress.runs[-1].stop)
        if progress.n_owned == 2 * len(source.document):
            self._decode(feature.example)

    def finish(self) -> list[NERPrediction]:
        """Give one prediction for each document, in their order."""
        return [self.prediction(i) for i in range(len(self._gathered))]

    def prediction(self, example: int) -> NERPrediction:
        """Give the entities of one document whose windows have all been added."""
        coverage = self._gathered[example].coverage
        found = self._progress[example].found or self._decode(example)
        return NERPrediction(
            id=self._gathered.names[example],
            entities=found.entities,
            coverage=coverage,
            seams=found.seams,
            n_unalignable=found.n_unalignable,
        )

    def _decode(self, example: int) -> _Found:
        """Find the entities in the units that were read, each unbroken run of them by itself."""
        progress = self._progress[example]
        units = progress.units
        while progress.waiting:  # windows before these were not read
            self._go_on(progress, min(progress.waiting))
        progress.found = _Found(
            entities=tuple(entity for run in progress.runs for entity in self._entities(progress.document, units, run)),
            seams=tuple((int(units.ends[i - 1]), int(units.starts[i])) for run in progress.runs for i in run.seams),
            n_unalignable=0 if self._gold is None else _n_unalignable(self._gold[example], units),
        )
        progress.runs.clear()
        return progress.found

    def _go_on(self, progress: _Progress, unit: int) -> None:
        """Decode what has come of a document from a unit on, up to the next one that is missing."""
        while (part := progress.waiting.pop(unit, None)) is not None:
            if not progress.runs or progress.runs[-1].stop < unit:
                progress.runs.append(_Run(unit, self._legal))
            progress.runs[-1].add(part)
            unit = part.stop

    def _entities(self, document: ReadDocument, units: Units, run: _Run) -> Iterator[Entity]:
        path, log_probs = run.finish()
        cuts = [unit - run.first for unit in run.paragraphs]
        for begin, tags in zip([0, *cuts], np.split(path, cuts), strict=True):
            names = (self._tags[i] for block in np.array_split(tags, 1 + len(tags) // _AT_ONCE) for i in block.tolist())
            for type_, first, stop in spans_of(names):
                start, end = int(units.starts[run.first + begin + first]), int(units.ends[run.first + begin + stop - 1])
                score = float(np.exp(log_probs[begin + first : begin + stop].astype(np.float64)).mean())
                yield Entity(type_, start, end, score, document.text[start:end])


_AT_ONCE = 1 << 16
"""Tags that are Python's numbers at a time."""


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities (n, L) of logits (n, L)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probs
