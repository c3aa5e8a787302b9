"""Classification: a label, several labels, or a number for a whole document.

A model input is `[CLS] window [SEP]`, or `[CLS] window [SEP] pair [SEP]` where a second text stands beside the
document. In training each window of a document learns the document's label. Afterwards the windows' logits are combined
first, and one softmax (several labels: one sigmoid a label) is taken of the result, so that scores mean the same for
short and for long documents:

    mean   the windows' logits averaged, each weighted by the tokens that it answers for: every token counts once
    max    the largest logit of each label: one window that speaks for a label is enough
    first  the first window alone, for texts that begin with what they are about
"""

import math
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.data.rows import FILL, SUFFIXES, EmptyValue, Row, read_rows
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, nearest
from bigbird_cli.files.find import is_left_out
from bigbird_cli.files.json import json_kind
from bigbird_cli.files.streams import read_text
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.section import Names
from bigbird_cli.tasks.base import (
    Feature,
    FeatureList,
    HeadFit,
    examples_of,
    finite_output,
    insist_on_same,
    tell_alike,
)
from bigbird_cli.tasks.linear import fit_logistic
from bigbird_cli.tasks.metrics import best_label_threshold, length_groups
from bigbird_cli.tasks.windowed import Coverage, Gatherer, ReadingTask, settings_for
from bigbird_cli.text.documents import encode_document, unreadable
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

VALUE = "value"
"""Name of a regression's only output."""

UNLABELLED = "unsup"
"""Subfolder of texts without a label, beside those of the labels."""

MOST_GRADES = 10
"""Labels that are numbers and more than this are probably measurements."""

Label = str | tuple[str, ...] | float
"""Of one problem each: a label, several (or none), a number."""

PROBLEM_TYPES = {
    "single": "single_label_classification",
    "multi": "multi_label_classification",
    "regression": "regression",
}


@dataclass(frozen=True, eq=False)
class LabelledText:
    """A document and what it should be told to be.

    Attributes:
        id: the row's, or its place.
        text, pair: the texts as given; pair is None where there is one text only.
        label: the gold.
        where: the file and the place in it, for messages.
    """

    id: str
    text: str
    label: Label
    pair: str | None = None
    where: str = ""


@dataclass(frozen=True, eq=False)
class ClassPrediction:
    """What a model says a document is, and what it read to say so.

    Attributes:
        id: the example's.
        labels: the label of single-label problems; of multi-label ones all whose score is above the threshold.
        value: a regression's number.
        scores: by label: probabilities that add up to 1, or one probability each; of a regression the value.
        combine: how the windows' logits were made one.
        coverage: how much of the document was read.
    """

    id: str
    labels: tuple[str, ...]
    value: float | None
    scores: dict[str, float]
    combine: str
    coverage: Coverage

    @property
    def label(self) -> str | None:
        """The likeliest label, of a multi-label problem too if any is given."""
        return max(self.labels, key=self.scores.__getitem__) if self.labels else None

    @property
    def score(self) -> float:
        """Of the likeliest label, whether it is given or not; the value of a regression."""
        return max(self.scores.values())


class Classification(ReadingTask):
    """Tell what a document is: one of several labels, any of several, or a number."""

    falling: ClassVar[frozenset[str]] = frozenset({"mse", "mean_absolute_error"})
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

    classifier: Literal["layers", "linear"] = "layers"
    """layers: BigBird's own two over the first token's state, learnt from random weights. linear: one over the mean of
    all states, fitted by logistic regression before the first step: for sentence encoders and few examples."""

    combine: Literal["mean", "max", "first"] = "mean"
    """How the windows of a long document are made one: see the module's text."""

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
        if self.classifier == "linear" and self.problem == "regression":
            raise ValueError("task.classifier linear is fitted to labels, and a regression has numbers")
        return self

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a model that was trained elsewhere, its labels from its config, in their order."""
        names = config.class_names
        problem = {value: key for key, value in PROBLEM_TYPES.items()}.get(config.problem_type or "", "single")
        if len(names) == 1:
            problem = "regression"
        if problem == "regression" and len(names) > 1:
            raise ModelError(f"the model gives {len(names)} numbers a document, and one is read")
        labels = None if problem == "regression" else names
        return cls.model_validate({"problem": problem, "labels": labels, **settings_for(config)})

    @property
    def head(self) -> str:
        """classify, or linear."""
        return "document_labels" if self.classifier == "layers" else "embedding_labels"

    @property
    def head_fit(self) -> HeadFit | None:
        """Of a linear classifier, by logistic regression on the windows' embeddings."""
        if self.classifier == "layers":
            return None
        return HeadFit(
            head="embedding", output="embedding", parameters=("linear.weight", "linear.bias"), fit=self.fitted_head
        )

    @property
    def main_metric(self) -> str:
        """accuracy; f1_micro where there are several labels; pearson for numbers."""
        return {"single": "accuracy", "multi": "f1_micro", "regression": "pearson"}[self.problem]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's outputs, in their order; ValueError before the labels are known."""
        if self.problem == "regression":
            return (VALUE,)
        if self.labels is None:
            raise ValueError("the task has no labels yet: see fitted")
        return self.labels

    def read(self, source: str | Path, *, offline: bool = False) -> Iterator[LabelledText]:
        """Read rows, or a folder that has one subfolder of text files a label.

        A subfolder called unsup is left out: so IMDb names the reviews that nobody has labelled.

        Raises:
            DataError: something cannot be used; the error names the place.
        """
        path = Path(source)
        if path.is_dir() and (folders := _label_folders(path)):
            yield from self._read_folders(path, folders)
            return
        rows = read_rows(source, offline=offline, example=self._example_row())
        yield from examples_of(rows, self._example, source=source, on_empty=self.on_empty)

    def fitted(self, examples: Iterable[LabelledText]) -> Self:
        """The task with the labels of these examples, sorted, unless it has labels.

        Raises:
            DataError: there are fewer than two labels.
        """
        if self.labels is not None or self.problem == "regression":
            return self
        found: set[str] = set()
        for example in examples:
            found.update(_names_of(example.label))
        if len(found) < 2:
            raise DataError(
                f"the training data has {len(found)} label{'s' * (len(found) != 1)}, and there must be two at least",
                fix="check task.label_column, or name all of them in task.labels",
            )
        tell_alike(found)
        if all(map(_is_number, found)) and (len(found) > MOST_GRADES or any("." in name for name in found)):
            problem = f"the {len(found)} labels are numbers: each is learnt as a class of its own"
            warnings.warn(
                BigBirdWarning(f"{problem}; set task.problem: regression if they measure something"), stacklevel=2
            )
        return self.model_copy(update={"labels": tuple(_in_order(found))})

    def config_changes(self) -> dict[str, Any]:
        """The labels as the model's classes, and the kind of its loss."""
        return {
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: i for i, name in enumerate(self.names)},
            "problem_type": PROBLEM_TYPES[self.problem],
        }

    def encode_pair(self, pair: str, tokenizer: Tokenizer) -> np.ndarray:
        """Tokenise a second text: int32 (n,) ids, without special tokens."""
        return tokenizer.encode(pair, newline="space").ids

    def training_features(self, examples: Iterable[LabelledText], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn examples into their windows, each with the document's label.

        Raises:
            DataError: a text is empty or a label unknown; the error names the example.
        """
        ids = {name: i for i, name in enumerate(self.names)}
        for index, example in enumerate(examples):
            self._check_label(example)
            label: int | float | np.ndarray
            if isinstance(example.label, float):
                label = example.label
            elif isinstance(example.label, tuple):
                label = np.zeros(len(ids), dtype=np.float32)
                label[[ids[name] for name in example.label]] = 1
            else:
                label = ids[example.label]
            yield from self._windows(example, index, tokenizer, labels={"labels": label})

    def fitted_head(
        self, places_ND: np.ndarray, labels: Sequence[int | np.ndarray], examples: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fit a linear classifier to the places of windows by logistic regression, see `tasks.linear`.

        Args:
            places_ND: of each window.
            labels: of each window: a label's number, or 1.0 at each label that is right (several labels).
            examples: the document of each window.

        Returns:
            Weights (L, D) and biases (L,).
        """
        documents = np.asarray(examples)
        if self.problem == "single":
            return fit_logistic(places_ND, np.asarray(labels), documents, n_labels=len(self.names))
        fitted = [fit_logistic(places_ND, column.astype(int), documents, n_labels=2) for column in np.stack(labels).T]
        # of a label by itself, the logit is that of its being right over that of its being wrong
        return np.stack([w[1] - w[0] for w, _ in fitted]), np.array([b[1] - b[0] for _, b in fitted])

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

    def decoder(self, examples: Sequence[LabelledText], tokenizer: Tokenizer) -> "ClassDecoder":
        """Open a decoder for the features of these examples."""
        del tokenizer
        return self.decoder_for([example.id for example in examples])

    def decoder_for(self, names: Sequence[str]) -> "ClassDecoder":
        """Open a decoder for the features of documents of these names, which need not be examples."""
        return ClassDecoder(self, names)

    def blank(self, name: str, coverage: Coverage) -> ClassPrediction:
        """A prediction of the first label."""
        value = 0.0 if self.problem == "regression" else None
        scores = dict.fromkeys(self.names, 0.5)
        return ClassPrediction(name, self.names[:1], value, scores, self.combine, coverage)

    def score(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> dict[str, float]:
        """Compare predictions with the gold, by scikit-learn's measures; shares in percent.

        Returns:
            Of one label: accuracy, f1_macro, mcc (Matthews's coefficient times 100), and majority: the accuracy of
            always giving the label that is commonest here. Of several: f1_micro, f1_macro, exact (all labels right),
            majority: the f1_micro of always giving the commonest label alone; best_f1_micro and best_threshold: how
            high f1_micro would be, and at which task.threshold. Of numbers: pearson and spearman times 100 (0 where all
            predictions are alike), mse, mean_absolute_error, and majority: the mse of always giving the mean. total (a
            count) always; and if documents differ in length, the main score (mse of numbers) and total by their length,
            as in accuracy_to_512_tokens.
        """
        insist_on_same(predictions, examples, "documents")
        measure = {"single": self._single, "multi": self._multi, "regression": _numbers}[self.problem]
        scores = measure(predictions, examples) | {"total": float(len(examples))}
        by_length = "mse" if self.problem == "regression" else self.main_metric
        for name, members in length_groups([prediction.coverage.n_tokens for prediction in predictions]):
            part = measure([predictions[i] for i in members], [examples[i] for i in members])
            scores[f"{by_length}_{name}"] = part[by_length]
            scores[f"total_{name}"] = float(len(members))
        return scores

    def _single(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef  # takes a second to import

        gold = [str(example.label) for example in examples]
        told = [str(prediction.label) for prediction in predictions]
        vary = len(set(gold)) > 1 and len(set(told)) > 1  # else the coefficient is 0, and scikit-learn warns
        return {
            "accuracy": 100 * float(accuracy_score(gold, told)),
            "f1_macro": 100 * float(f1_score(gold, told, average="macro", zero_division=0)),
            "mcc": 100 * float(matthews_corrcoef(gold, told)) if vary else 0.0,
            "majority": 100 * max(Counter(gold).values()) / len(gold),
        }

    def _multi(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> dict[str, float]:
        from sklearn.metrics import f1_score

        gold = self._indicators([_names_of(example.label) for example in examples])
        told = self._indicators([prediction.labels for prediction in predictions])
        commonest = np.zeros_like(gold)
        commonest[:, int(gold.sum(axis=0).argmax())] = True
        probs = np.array([[prediction.scores[name] for name in self.names] for prediction in predictions])
        best_f1, threshold = best_label_threshold(probs, gold)
        return {
            "f1_micro": 100 * float(f1_score(gold, told, average="micro", zero_division=0)),
            "f1_macro": 100 * float(f1_score(gold, told, average="macro", zero_division=0)),
            "exact": 100 * float((gold == told).all(axis=1).mean()),
            "majority": 100 * float(f1_score(gold, commonest, average="micro", zero_division=0)),
            "best_f1_micro": best_f1,
            "best_threshold": threshold,
        }

    def _indicators(self, named: Sequence[Iterable[str]]) -> np.ndarray:
        """bool (documents, labels)."""
        ids = {name: i for i, name in enumerate(self.names)}
        rows = np.zeros((len(named), len(ids)), dtype=bool)
        for row, labels in zip(rows, named, strict=True):
            row[[ids[name] for name in labels]] = True
        return rows

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
            raise DataError(f"the text {unreadable(document)}", where=where, fix="give it a text, or take the row out")
        pair = None if example.pair is None else self.encode_pair(example.pair, tokenizer)
        yield from self.window_features(document, tokenizer, example=index, second=pair, labels=labels)

    def _read_folders(self, path: Path, folders: Sequence[Path]) -> Iterator[LabelledText]:
        if self.problem != "single":
            raise DataError(
                "a folder for each label gives one label a text", where=str(path), fix="set task.problem to single"
            )
        for folder in folders:
            check_text(folder.name, "the folder's name, which is a label,", str(path))
        files = [file for folder in folders for file in sorted(folder.iterdir()) if _is_text(file)]
        yield from examples_of(files, _labelled_file, source=path, on_empty=self.on_empty)

    def _example_row(self) -> str:
        label = {"single": '"a label"', "multi": '["a label", ...]', "regression": "0.5"}[self.problem]
        pair = f', "{self.pair_column}": ...' if self.pair_column else ""
        return f'{{"{self.text_column}": ...{pair}, "{self.label_column}": {label}}}'

    def _example(self, row: Row) -> LabelledText:
        text = row.filled_text(self.text_column, setting="task.text_column")
        name = row.fields.get(self.id_column)
        return LabelledText(
            id=row.where if name is None else str(name),
            text=text,
            label=self._label(row),
            pair=None if self.pair_column is None else row.text(self.pair_column, setting="task.pair_column"),
            where=row.where,
        )

    def _label(self, row: Row) -> Label:
        if self.problem == "regression":
            return self._number(row.filled(self.label_column, setting="task.label_column"), row)
        if self.problem == "single":
            return self._name(row.filled(self.label_column, setting="task.label_column"), row)
        value = row.value(self.label_column, setting="task.label_column")
        if value is None:
            raise EmptyValue(f'"{self.label_column}" is null', where=row.where, fix=f"write [] for none, or {FILL}")
        if isinstance(value, str):
            if self.label_separator is None:
                raise DataError(
                    f'"{self.label_column}" is one string, and may hold several labels',
                    where=row.where,
                    fix="give a list of names, or set task.label_separator to what stands between them",
                )
            value = [part.strip() for part in value.split(self.label_separator) if part.strip()]
        if not isinstance(value, list):
            raise DataError(
                f'"{self.label_column}" is {json_kind(value)}, not a list of labels',
                where=row.where,
                fix='write ["one", "another"], and [] for none',
            )
        return tuple(dict.fromkeys(self._name(name, row) for name in value))

    def _name(self, value: Any, row: Row) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float) and value.is_integer():  # as a table keeps whole numbers beside missing ones
            return str(int(value))
        if not isinstance(value, str) or not value.strip():
            kind = "an empty string" if isinstance(value, str) else json_kind(value)
            fix = "set task.problem: regression to learn numbers" if isinstance(value, float) else "give a string"
            raise DataError(f'"{self.label_column}" is {kind}, not a label\'s name', where=row.where, fix=fix)
        return value.strip()

    def _number(self, value: Any, row: Row) -> float:
        if isinstance(value, str):
            value = value.replace(row.decimal, ".")
        try:
            number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise DataError(
                f'"{self.label_column}" is {value!r}, not a number', where=row.where, fix="write a number such as 2.5"
            )
        return number

    def _check_label(self, example: LabelledText) -> None:
        if isinstance(example.label, float):
            return
        for name in _names_of(example.label):
            if name not in self.names:
                near = nearest(name, self.names)
                known = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
                raise DataError(
                    f"the label {name!r} is none of the training data's",
                    where=example.where or example.id,
                    fix=(f"did you mean {near!r}? " if near else "") + f"the labels are {known}",
                )


class ClassDecoder:
    """Combines the windows of each document and says what it is."""

    def __init__(self, task: Classification, names: Sequence[str]) -> None:
        self._task = task
        self._gathered: Gatherer[np.ndarray] = Gatherer(names)

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take a window's logits (L,).

        Raises:
            ModelError: a logit is not a finite number.
        """
        where = self._gathered.where(feature)
        logits = finite_output(outputs, "logits", shape=(len(self._task.names),), where=where)
        self._gathered.add(feature, logits)

    def finish(self) -> list[ClassPrediction]:
        """Give one prediction for each document, in their order."""
        return [self.prediction(i) for i in range(len(self._gathered))]

    def prediction(self, example: int) -> ClassPrediction:
        """Give the prediction of one document whose windows have all been added."""
        task, gathered = self._task, self._gathered[example]
        logits_WL = np.stack(gathered.in_order())
        if task.combine == "mean":
            logits_L = gathered.mean(logits_WL)
        else:
            logits_L = logits_WL.max(axis=0) if task.combine == "max" else logits_WL[0]
        labels, value, scores = _told(task, logits_L)
        return ClassPrediction(
            id=self._gathered.names[example],
            labels=labels,
            value=value,
            scores=scores,
            combine=task.combine,
            coverage=gathered.coverage,
        )


def _told(task: Classification, logits_L: np.ndarray) -> tuple[tuple[str, ...], float | None, dict[str, float]]:
    """The labels, the number and the scores that combined logits stand for."""
    if task.problem == "regression":
        value = float(logits_L[0])
        return (), value, {VALUE: value}
    if task.problem == "multi":
        probs_L = 1 / (1 + np.exp(-np.clip(logits_L, -500, 500)))
        labels = tuple(name for name, p in zip(task.names, probs_L, strict=True) if p >= task.threshold)
    else:
        weights_L = np.exp(logits_L - logits_L.max())
        probs_L = weights_L / weights_L.sum()
        labels = (task.names[int(probs_L.argmax())],)
    return labels, None, dict(zip(task.names, probs_L.tolist(), strict=True))


def _numbers(predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> dict[str, float]:
    from scipy.stats import pearsonr, spearmanr

    gold = np.array([example.label for example in examples], dtype=np.float64)
    told = np.array([prediction.value for prediction in predictions], dtype=np.float64)
    told_apart = len(gold) > 1 and np.ptp(gold) > 0 and np.ptp(told) > 0
    return {
        "pearson": 100 * float(pearsonr(gold, told).statistic) if told_apart else 0.0,
        "spearman": 100 * float(spearmanr(gold, told).statistic) if told_apart else 0.0,
        "mse": float(((gold - told) ** 2).mean()),
        "mean_absolute_error": float(np.abs(gold - told).mean()),
        "majority": float(gold.var()),
    }


def _names_of(label: Label) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (str(label),)


def _in_order(names: Iterable[str]) -> list[str]:
    """Sorted; numbers by their value."""
    names = sorted(names)
    return sorted(names, key=Decimal) if all(map(_is_number, names)) else names


def _is_number(name: str) -> bool:
    return _NUMBER.fullmatch(name) is not None


_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")


def _labelled_file(file: Path) -> LabelledText:
    text = read_text(file)
    if not text.strip():
        raise EmptyValue("the text is empty", where=str(file), fix=FILL)
    return LabelledText(f"{file.parent.name}/{file.name}", text, file.parent.name, where=str(file))


def _is_text(file: Path) -> bool:
    return file.is_file() and not is_left_out(file.name)


def _label_folders(path: Path) -> list[Path]:
    """The subfolders of texts of a folder that holds no rows by itself."""
    inside = [each for each in path.iterdir() if not is_left_out(each.name)]
    folders = [
        folder
        for folder in sorted(each for each in inside if each.is_dir() and each.name != UNLABELLED)
        if any(_is_text(each) and each.suffix.lower() not in SUFFIXES for each in folder.iterdir())
    ]
    rows = [each.name for each in inside if each.is_file() and each.suffix.lower() in SUFFIXES]
    if folders and rows:
        names = ", ".join(folder.name for folder in folders[:4]) + ", ..." * (len(folders) > 4)
        problem = f"{path} is read as rows, since {rows[0]} is there: the folders {names} give no labels"
        warnings.warn(BigBirdWarning(problem), stacklevel=2)
    return [] if rows else folders
