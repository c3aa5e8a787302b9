"""Named entities: every run of a document's characters that names something, and what kind of thing it is.

A model input is `[CLS] window [SEP]`. The model gives one tag to each unit of the document (`tasks.words`): a word, or
the words that share a token. A unit's first token carries its label; other tokens have none. So a document needs no
tokenisation of its own, in training or afterwards, and gold stays what it is: characters of the text. A gold entity
that begins or ends inside a unit can never be found; it counts as missed all the same, and is counted apart.

Each unit belongs to the window in which its token has most context (`text.windows.owned_sums`): that window alone
learns it, and that window alone predicts it. The tags of the whole document are then decoded at once, as the likeliest
sequence that the scheme allows, so that no entity is cut or found twice where windows meet. At a blank line one
sequence ends and another begins: many a vocabulary does not see it, but a heading's name is not that of the text below.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, Report, nearest
from bigbird_cli.messages import counted
from bigbird_cli.section import Amount, Column, Names
from bigbird_cli.tasks.base import Feature, FeatureList, warn_of_similar
from bigbird_cli.tasks.ner.casing import N_CASES, casing_of
from bigbird_cli.tasks.ner.decoding import EntityDecoder, NERPrediction, count_unalignable, owned_tokens
from bigbird_cli.tasks.ner.entities import read_examples
from bigbird_cli.tasks.ner.gold import Columns, GoldEntity, NERExample
from bigbird_cli.tasks.ner.outcomes import NEROutcomes, outcomes
from bigbird_cli.tasks.ner.scores import score
from bigbird_cli.tasks.ner.tagged import UNUSUAL_FIX
from bigbird_cli.tasks.ner.tags import (
    OUTSIDE,
    Scheme,
    TagSpan,
    read_tag,
    scheme_of_names,
    tag_names,
    tags_of,
    unusual_tag,
)
from bigbird_cli.tasks.windowed import Coverage, ReadingTask, ScoredTask, settings_for
from bigbird_cli.tasks.words import Units, units_of
from bigbird_cli.text.documents import EncodedDocument, encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window, owned_sums

MOST_PARTIAL = 63
"""Outputs that the bits of a number hold."""


class NamedEntities(ReadingTask, ScoredTask):
    """Find the entities of a document, and say of which type each is."""

    head: ClassVar[str] = "token_labels"
    main_metric: ClassVar[str] = "f1"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"unalignable", "seam_errors"})

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

    retype_below: float = Field(default=0.0, ge=0.0, le=1.0)
    """A mention takes the type that its name mostly has in the document, where its own type has less than this share of
    that one's scores; 0 leaves every mention the type that was found for it."""

    min_score: float = Field(default=0.0, ge=0.0, le=1.0)
    """Entities less likely than this are left out; fit it on data that taught nothing."""

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
            raise ValueError("the task has no labels yet: see fit_labels")
        return tag_names(self.labels, self.scheme)

    def read(self, source: str | Path, *, offline: bool = False, report: Report | None = None) -> Iterator[NERExample]:
        """Read CoNLL, rows or brat, see `tasks.ner.entities.read_examples`.

        Raises:
            DataError: something cannot be used; the error says where.
        """
        columns = Columns(
            words=self.words_column,
            tags=self.tags_column,
            text=self.text_column,
            entities=self.entities_column,
            names=self.tags,
            partial=self.partial,
        )
        return read_examples(source, columns, on_empty=self.on_empty, offline=offline, report=report)

    def document_of(self, example: NERExample) -> tuple[str, str]:
        """The text; all are alike."""
        return example.text, ""

    def labels_of(self, example: NERExample) -> Iterable[str]:
        """The types of its entities, one each."""
        return (type_ for entity in example.entities for type_ in self.types_of(entity.type))

    def fit_labels(self, examples: Iterable[NERExample]) -> Self:
        """The task with the types of these examples as labels, sorted, unless it has labels.

        Raises:
            DataError: no example has an entity.
        """
        if self.labels is not None or self.tags is not None:
            return self
        found = {type_ for example in examples for entity in example.entities for type_ in self.types_of(entity.type)}
        if not found:
            raise DataError(
                "the training data holds no entity", fix="name files with tagged words, or check task.tags_column"
            )
        warn_of_similar(found)
        return self.model_copy(update={"labels": tuple(sorted(found))})

    def config_updates(self) -> dict[str, object]:
        """The tags as the model's classes, and a token type for each way of writing."""
        names = self.output_tags
        changes: dict[str, object] = {
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
        }
        return {**changes, "type_vocab_size": N_CASES} if self.casing else changes

    def window_feature(
        self,
        document: EncodedDocument,
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
            n_unalignable += count_unalignable(example.entities, units)
            labels = np.full(len(document), IGNORED, dtype=np.int32)
            labels[units.tokens] = self._unit_labels(example, units)
            for start, end in example.unsure:
                labels[units.tokens[slice(*units.touched(start, end))]] = IGNORED
            allowed = np.zeros(len(document), dtype=np.int64)
            if self.partial:
                allowed[units.tokens] = self._allowed(example, units)
            plan = self.plan_windows(len(document))
            for window, owned in zip(plan, owned_sums(plan), strict=True):
                own = owned_tokens(owned)
                first, stop = max(own.start, window.start), min(own.stop, window.stop)
                inside = np.full(window.stop - window.start + self.n_special, IGNORED, dtype=np.int32)
                inner = slice(1 + first - window.start, 1 + stop - window.start)
                inside[inner] = labels[first:stop]
                targets: dict[str, int | float | np.ndarray] = {"labels": inside}
                if self.partial:
                    targets["allowed"] = bits = np.zeros(len(inside), dtype=np.int64)
                    bits[inner] = allowed[first:stop]
                if (inside != IGNORED).any():
                    yield self.window_feature(document, window, owned, tokenizer, example=index, labels=targets)
        if n_unalignable:
            warnings.warn(
                BigBirdWarning(
                    f"{counted(n_unalignable, 'entity', 'entities')} with an end inside a word or a token, where no tag"
                    " can begin or end, taught as the words touched"
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

    def decoder(self, examples: Sequence[NERExample], tokenizer: Tokenizer) -> EntityDecoder:
        """Open a decoder for the features of these examples, which also counts the gold that nobody can find."""
        del tokenizer
        return self._decoder([example.id for example in examples], gold=[example.entities for example in examples])

    def decoder_for(self, names: Sequence[str]) -> EntityDecoder:
        """Open a decoder for the features of documents of these names, which need not be examples."""
        return self._decoder(names)

    def _decoder(self, names: Sequence[str], *, gold: Sequence[Sequence[GoldEntity]] | None = None) -> EntityDecoder:
        return EntityDecoder(
            names,
            tags=self.output_tags,
            scheme=self.scheme,
            temperature=self.temperature,
            retype_below=self.retype_below,
            min_score=self.min_score,
            gold=gold,
        )

    def blank(self, name: str, coverage: Coverage) -> NERPrediction:
        """A prediction without entities."""
        return NERPrediction(name, entities=(), coverage=coverage)

    def score(self, predictions: Sequence[NERPrediction], examples: Sequence[NERExample]) -> dict[str, float]:
        """Compare entities with the untouched gold, see `tasks.ner.scores`; in percent."""
        return score(self, predictions, examples)

    def outcomes(self, predictions: Sequence[NERPrediction], examples: Sequence[NERExample]) -> NEROutcomes:
        """Put entities beside the gold ones, see `tasks.ner.outcomes`."""
        return outcomes(self, predictions, examples)

    def _check_types(self, example: NERExample) -> None:
        known = {tag.type for tag in map(read_tag, self.output_tags) if tag.mark != OUTSIDE}
        for entity in example.entities:
            for type_ in self.types_of(entity.type):
                if type_ in known:
                    continue
                near = nearest(type_, known)
                raise DataError(
                    f"the entity {example.text[entity.start : entity.end]!r} is of the type {type_!r}, which is"
                    " none of the labels",
                    where=example.where or example.id,
                    fix=(f"did you mean {near!r}? " if near else "") + f"the labels are {', '.join(sorted(known))}",
                )

    def types_of(self, type_: str) -> list[str]:
        """The types that a gold entity may have."""
        return type_.split("|") if self.partial else [type_]

    def _allowed(self, example: NERExample, units: Units) -> np.ndarray:
        """int64 (n units,): which of the output tags each may have, tag i as bit i."""
        n_choices = max((len(self.types_of(entity.type)) for entity in example.entities), default=1)
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
            types = self.types_of(type_)
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
