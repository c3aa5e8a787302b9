"""Classification: a label, several labels, or a number for a whole document.

A model input is `[CLS] window [SEP]`, or `[CLS] window [SEP] pair [SEP]` where a second text stands beside the
document. In training each window of a document learns the document's label; how the windows become one afterwards: see
`tasks.classify.decoding`.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.choices import Combine, OnBad
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, Report, nearest
from bigbird_cli.messages import counted
from bigbird_cli.section import Amount, Names
from bigbird_cli.tasks.base import Feature, FeatureList, HeadFit, check_same_ids, warn_of_similar
from bigbird_cli.tasks.classify.data import Columns, Label, LabelledText, read_examples
from bigbird_cli.tasks.classify.decoding import ClassDecoder, ClassPrediction
from bigbird_cli.tasks.classify.problems import PROBLEMS, Problem, names_of
from bigbird_cli.tasks.metrics import length_groups
from bigbird_cli.tasks.outcomes import Outcomes
from bigbird_cli.tasks.windowed import Coverage, ReadingTask, ScoredTask, settings_for
from bigbird_cli.text.documents import encode_document, why_empty
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

MOST_GRADES = 10
"""Labels that are numbers and more than this are probably measurements."""


class Classification(ReadingTask, ScoredTask):
    """Classify a document: one of several labels, any of several, or a number."""

    lower_is_better: ClassVar[frozenset[str]] = frozenset({"mse", "mean_absolute_error"})
    n_special: ClassVar[int] = 3

    type: Literal["classify"] = "classify"
    """The task's name."""

    problem: Literal["single", "multi", "regression"] = "single"
    """One label a document, any number of labels, or a number."""

    labels: Names | None = Field(default=None, min_length=2)
    """The labels; by default those of the training data, sorted."""

    text_column: str = "text"
    """Field of the text."""

    pair_column: str | None = None
    """Field of a second text, which stands whole beside each window of the first."""

    label_column: str = "label"
    """Field of the label: a name; of several, a list of names; of a regression, a number."""

    label_separator: str | None = None
    """What stands between several labels in one string, as in CSV."""

    id_column: str = "id"
    """Field of the row's name, if it has one."""

    on_unreadable: OnBad = "error"
    """What to do about a file in a folder for a label that is no text in UTF-8: stop, or leave it out."""

    classifier: Literal["layers", "linear"] = "layers"
    """layers: BigBird's own two over the first token's state, learnt from random weights. linear: one over the mean of
    all states, fitted by logistic regression before the first step: for sentence encoders and few examples."""

    combine: Combine = "mean"
    """How the windows of a long document are made one: see the module's text."""

    temperature: Amount = 1.0
    """What logits are divided by before they are probabilities; fit it on data that taught nothing."""

    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Several labels: those at least so likely are given."""

    @field_validator("labels")
    @classmethod
    def _names_are_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name, count in Counter(names).items():
            if count > 1 or not name.strip():
                raise ValueError(f"{name!r} is named {count} times" if count > 1 else "a name is empty")
        return names

    @model_validator(mode="after")
    def _a_linear_classifier_tells_labels(self) -> Self:
        if self.classifier == "linear" and self.kind.fixed_names:
            raise ValueError("task.classifier linear is fitted to labels, and a regression has numbers")
        return self

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a model that was trained elsewhere, its labels from its config, in their order."""
        names = config.class_names
        by_type = {kind.problem_type: problem for problem, kind in PROBLEMS.items()}
        problem = "regression" if len(names) == 1 else by_type.get(config.problem_type or "", "single")
        fixed = PROBLEMS[problem].fixed_names
        if fixed and len(names) > len(fixed):
            raise ModelError(f"the model gives {len(names)} numbers a document, and one is read")
        labels = None if fixed else names
        return cls.model_validate({"problem": problem, "labels": labels, **settings_for(config)})

    @property
    def kind(self) -> Problem:
        """The problem's labels, targets, predictions and scores."""
        return PROBLEMS[self.problem]

    @property
    def head(self) -> str:
        """document_labels, or embedding_labels of a linear classifier."""
        return "document_labels" if self.classifier == "layers" else "embedding_labels"

    @property
    def head_fit(self) -> HeadFit | None:
        """Of a linear classifier, by logistic regression on the windows' embeddings."""
        if self.classifier == "layers":
            return None
        return HeadFit(
            head="embedding",
            output="embedding",
            parameters=HEADS["embedding_labels"].label_parameters,
            fit=self.fit_head,
        )

    @property
    def main_metric(self) -> str:
        """accuracy; f1_micro where there are several labels; pearson for numbers."""
        return self.kind.main_metric

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's outputs, in their order; ValueError before the labels are known."""
        names = self.kind.fixed_names or self.labels
        if names is None:
            raise ValueError("the task has no labels yet: see fit_labels")
        return names

    def read(
        self, source: str | Path, *, offline: bool = False, report: Report | None = None
    ) -> Iterator[LabelledText]:
        """Read rows, or a folder that has one subfolder of text files a label, see `tasks.classify.data`.

        Raises:
            DataError: something cannot be used; the error says where.
        """
        columns = Columns(
            self.text_column, self.pair_column, self.label_column, self.id_column, separator=self.label_separator
        )
        return read_examples(
            source,
            columns,
            self.kind,
            on_empty=self.on_empty,
            on_unreadable=self.on_unreadable,
            offline=offline,
            report=report,
        )

    def document_of(self, example: LabelledText) -> tuple[str, Label]:
        """The text and its label."""
        return example.text, example.label

    def labels_of(self, example: LabelledText) -> Iterable[str]:
        """Its label, or its labels."""
        return names_of(example.label)

    def fit_labels(self, examples: Iterable[LabelledText]) -> Self:
        """The task with the labels of these examples, sorted, unless it has labels.

        Raises:
            DataError: there are fewer than two labels.
        """
        if self.labels is not None or self.kind.fixed_names:
            return self
        found: set[str] = set()
        for example in examples:
            found.update(names_of(example.label))
        if len(found) < 2:
            raise DataError(
                f"the training data has {counted(len(found), 'label')}, and there must be two at least",
                fix="check task.label_column, or name all of them in task.labels",
            )
        warn_of_similar(found)
        if all(map(_is_number, found)) and (len(found) > MOST_GRADES or any("." in name for name in found)):
            problem = f"the {len(found)} labels are numbers: each is learnt as a class of its own"
            warnings.warn(
                BigBirdWarning(f"{problem}; set task.problem: regression if they measure something"), stacklevel=2
            )
        return self.model_copy(update={"labels": tuple(_in_order(found))})

    def config_updates(self) -> dict[str, Any]:
        """The labels as the model's classes, and the kind of its loss."""
        return {
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: i for i, name in enumerate(self.names)},
            "problem_type": self.kind.problem_type,
        }

    def encode_pair(self, pair: str, tokenizer: Tokenizer) -> np.ndarray:
        """Tokenise a second text: int32 (n,) ids, without special tokens."""
        return tokenizer.encode(pair, newline="space").ids

    def training_features(self, examples: Iterable[LabelledText], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn examples into their windows, each with the document's label.

        Raises:
            DataError: a text is empty or a label unknown; the error names the example.
        """
        numbers = {name: i for i, name in enumerate(self.names)}
        for index, example in enumerate(examples):
            self._check_label(example)
            target = self.kind.target(example.label, numbers)
            yield from self._windows(example, index, tokenizer, labels={"labels": target})

    def fit_head(
        self, embeddings_ND: np.ndarray, labels: Sequence[int | np.ndarray], examples: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fit a linear classifier to the embeddings of windows by logistic regression, see `tasks.classify.linear`.

        Args:
            embeddings_ND: of each window.
            labels: of each window: a label's number, or 1.0 at each label that is right (several labels).
            examples: the document of each window.

        Returns:
            Weights (L, D) and biases (L,).
        """
        return self.kind.fit_head(embeddings_ND, labels, examples, n_labels=len(self.names))

    def encode(self, examples: Sequence[LabelledText], tokenizer: Tokenizer) -> FeatureList:
        """Turn examples into all their windows.

        Raises:
            DataError: a text is empty or a label unknown; the error names the example.
        """
        for example in examples:
            self._check_label(example)
        return FeatureList(
            [feature for index, example in enumerate(examples) for feature in self._windows(example, index, tokenizer)]
        )

    def decoder(self, examples: Sequence[LabelledText], tokenizer: Tokenizer) -> ClassDecoder:
        """Open a decoder for the features of these examples."""
        del tokenizer
        return self.decoder_for([example.id for example in examples])

    def decoder_for(self, names: Sequence[str]) -> ClassDecoder:
        """Open a decoder for the features of documents of these names, which need not be examples."""
        return ClassDecoder(self, names)

    def blank(self, name: str, coverage: Coverage) -> ClassPrediction:
        """A prediction from logits that are all 0."""
        found = self.kind.decode(np.zeros(len(self.names)), self.names, threshold=self.threshold)
        return ClassPrediction(name, found.labels, found.value, found.scores, self.combine, coverage)

    def score(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> dict[str, float]:
        """Compare predictions with the gold, see `tasks.classify.scores`.

        Returns:
            The problem's scores; total (a count); and if documents differ in length, the main score (mse of numbers)
            and total by their length, as in accuracy_to_512_tokens.
        """
        check_same_ids(predictions, examples, "documents")
        scores = self.kind.measure(predictions, examples, self.names) | {"total": float(len(examples))}
        metric = self.kind.metric_by_length
        for name, members in length_groups([prediction.coverage.n_tokens for prediction in predictions]):
            part = self.kind.measure([predictions[i] for i in members], [examples[i] for i in members], self.names)
            scores[f"{metric}_{name}"] = part[metric]
            scores[f"total_{name}"] = float(len(members))
        return scores

    def outcomes(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> Outcomes[Any]:
        """Put labels or numbers beside the gold."""
        return self.kind.outcomes(predictions, examples)

    def _windows(
        self,
        example: LabelledText,
        index: int,
        tokenizer: Tokenizer,
        *,
        labels: dict[str, int | float | np.ndarray] | None = None,
    ) -> Iterator[Feature]:
        where = example.where or example.id
        document = encode_document(example.text, tokenizer, name=where)
        if not len(document):
            raise DataError(f"the text {why_empty(document)}", where=where, fix="give it a text, or take the row out")
        pair = None if example.pair is None else self.encode_pair(example.pair, tokenizer)
        yield from self.window_features(document, tokenizer, example=index, second=pair, labels=labels)

    def _check_label(self, example: LabelledText) -> None:
        if isinstance(example.label, float):
            return
        for name in names_of(example.label):
            if name not in self.names:
                near = nearest(name, self.names)
                known = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
                raise DataError(
                    f"the label {name!r} is none of the training data's",
                    where=example.where or example.id,
                    fix=(f"did you mean {near!r}? " if near else "") + f"the labels are {known}",
                )


def _in_order(names: Iterable[str]) -> list[str]:
    """Sorted; numbers by their value."""
    names = sorted(names)
    return sorted(names, key=Decimal) if all(map(_is_number, names)) else names


def _is_number(name: str) -> bool:
    return _NUMBER.fullmatch(name) is not None


_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
