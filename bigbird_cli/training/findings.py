"""What is wrong, or odd, about the rows of a recipe's data: every row is read, by the code that training reads with.

Of a row two or three numbers are held, so that data of any size is looked through in little memory; which rows say the
same is told by these numbers.
"""

import re
import unicodedata
import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from bigbird_cli.data.rows import EmptyValue
from bigbird_cli.errors import BigBirdWarning, DataError, nearest
from bigbird_cli.recipe.schema import Recipe, share_of
from bigbird_cli.tasks.base import Tolerated, UnreadableText
from bigbird_cli.tasks.qa.squad import BadAnswer

ERRORS = {
    "unreadable": "rows or files that cannot be read",
    "empty": "rows without a text or a label",
    "answer": "answers that are not where they are said to be",
    "id": "ids that stand more than once",
    "labels": "too few labels",
    "unknown": "labels that no training example has",
}
"""What stops training, or is certainly wrong."""

DOUBTS = {
    "tolerated": "tags or entities that are read in another way than they are written",
    "twice": "examples that stand more than once",
    "contradiction": "texts that have different labels",
    "overlap": "documents of training that are evaluated on",
    "alike": "labels that differ by case, blanks or their Unicode form alone",
    "rare": "labels of one or two examples",
    "cut": "answers or entities that begin or end inside a word",
    "edges": "answers with blanks at their ends",
    "long": "answers that are longer than any predicted one",
    "garbled": "texts with characters that a wrong encoding leaves",
    "control": "texts with control characters",
    "missing": "labels that are never evaluated",
}
"""What training goes through with, and may not be meant."""

SKIPPING = ("on_empty", "on_bad_answer", "on_unreadable")
"""Settings of tasks that leave out what stops training."""

PLACES = 5
"""Places that are told of each kind."""


@dataclass(frozen=True)
class Finding:
    """Something about a row, or about the data of a part.

    Attributes:
        kind: one of ERRORS or DOUBTS.
        part: train, dev or test.
        where: file and line, or what else names the row.
        problem: what is wrong, with its values.
        fix: one thing to do.
        is_error: whether training stops at it.
        mended: the example as it can only be meant; None where that is open.
    """

    kind: str
    part: str
    where: str
    problem: str
    fix: str | None = None
    is_error: bool = False
    mended: Any = None


OnFinding = Callable[[Finding], None]


@dataclass
class Part:
    """What is held of a part of the data.

    Attributes:
        sources: its own; those of training where it is a share of them.
        documents, inputs, whole, ids: numbers of each example: its document, with what is asked of it, with its label,
            and its name.
        labels: how often each stands there.
        places: where some examples of a label stand.
    """

    name: str
    sources: Sequence[str]
    documents: "array[int]" = field(default_factory=lambda: array("q"))
    inputs: "array[int]" = field(default_factory=lambda: array("q"))
    whole: "array[int]" = field(default_factory=lambda: array("q"))
    ids: "array[int]" = field(default_factory=lambda: array("q"))
    labels: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.documents)


def look_through(recipe: Recipe, on_finding: OnFinding, *, offline: bool = False) -> dict[str, Part]:
    """Look through every row of a recipe's data.

    Args:
        recipe: what reads it.
        on_finding: is called with what is found, as it is found.
        offline: never ask the network.

    Returns:
        What is held of each part that has data of its own.

    Raises:
        DataError: a file cannot be read at all.
    """
    looking = _Looking(recipe, on_finding, offline=offline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BigBirdWarning)  # what they tell is found here, with its place
        return looking.all_parts()


class _Looking:
    """Looks through the parts of one recipe's data."""

    def __init__(self, recipe: Recipe, on_finding: OnFinding, *, offline: bool) -> None:
        self.recipe, self.on_finding, self.offline = recipe, on_finding, offline
        changes = {name: "error" for name in SKIPPING if hasattr(recipe.task, name)}
        self.task = recipe.task.model_copy(update=changes)  # what is left out is told too
        self.limits = {
            "answer": getattr(recipe.task, "max_answer_tokens", None),
            "question": getattr(recipe.task, "max_question_tokens", None),
        }

    def all_parts(self) -> dict[str, Part]:
        data = self.recipe.data
        parts = {"train": Part("train", data.train)}
        for name, source in (("dev", data.dev), ("test", data.test)):
            if source is not None and share_of(source) is None:
                parts[name] = Part(name, (source,))
        for part in parts.values():
            for example in self.examples(part):
                self._take(example, part)
        for part in parts.values():
            self._repeated(part)
        for part in list(parts.values())[1:]:
            self._overlapping(part, parts["train"])
        self._labels(parts)
        return parts

    def examples(self, part: Part, *, on_bad: Callable[[DataError], None] | None = None) -> Iterator[Any]:
        """The examples of a part; what cannot be used is told."""
        for source in part.sources:
            found = False
            for example in self.task.read(source, offline=self.offline, report=on_bad or self._bad_row(part)):
                found = True
                yield example
            if not found:
                self._tell("unreadable", part, source, "there are no examples to read", "name a file that holds some")

    def _bad_row(self, part: Part) -> Callable[[DataError], None]:
        def bad_row(error: DataError) -> None:
            kind, setting = "unreadable", None
            if isinstance(error, EmptyValue):
                kind, setting = "empty", "on_empty"
            elif isinstance(error, BadAnswer):
                kind, setting = "answer", "on_bad_answer"
            elif isinstance(error, UnreadableText):
                setting = "on_unreadable"
            elif isinstance(error, Tolerated):
                kind = "tolerated"
            is_left_out = setting is not None and getattr(self.recipe.task, setting) == "skip"
            problem = error.problem + (f" (task.{setting} leaves it out)" if is_left_out else "")
            fix = None if is_left_out else error.fix
            mended = getattr(error, "mended", None)
            self._tell(kind, part, error.where or "", problem, fix, mended=mended, is_doubt=is_left_out)

        return bad_row

    def _tell(
        self,
        kind: str,
        part: Part,
        where: str,
        problem: str,
        fix: str | None = None,
        *,
        mended: Any = None,
        is_doubt: bool = False,
    ) -> None:
        is_error = kind in ERRORS and not is_doubt
        self.on_finding(Finding(kind, part.name, where, problem, fix, is_error=is_error, mended=mended))

    # one example

    def _take(self, example: Any, part: Part) -> None:
        where = place_of(example)
        is_piece = hasattr(example, "begins")  # of a text to learn a language from, whose document is a name
        document = example.text if is_piece else self.task.document_of(example)[0]
        text = getattr(example, "text", document)
        asked = getattr(example, "question", None) or getattr(example, "pair", None) or ""
        labels = labels_of(example)
        gold = repr((labels, getattr(example, "entities", None), getattr(example, "answers", None)))
        part.documents.append(hash(document))
        part.inputs.append(hash((text, asked, getattr(example, "choices", None))))
        part.whole.append(hash((part.inputs[-1], gold)))
        part.ids.append(hash(getattr(example, "id", where)))
        for label in labels:
            part.labels[label] += 1
            if len(places := part.places.setdefault(label, [])) < PLACES:
                places.append(where)
        self._text(text, part, where)
        for answer in getattr(example, "answers", ()):
            self._answer(answer, example.context, part, where)
        for entity in getattr(example, "entities", ()):
            if cuts_a_word(example.text, entity.start, entity.end):
                covered = example.text[entity.start : entity.end]
                place = f"{where}, {entity.type} at {entity.start} to {entity.end}"
                self._tell(
                    "cut", part, place, f"the entity {covered!r} begins or ends inside a word", "correct its offsets"
                )

    def _text(self, text: str, part: Part, where: str) -> None:
        if garbled := _GARBLED.search(text):
            stands = text[max(0, garbled.start() - 15) : garbled.end() + 15]
            fix = "read the file in its own encoding, and write it as UTF-8"
            self._tell("garbled", part, where, f"{stands!r} was read in a wrong encoding", fix)
        if control := _CONTROL.search(text):
            name = f"U+{ord(control[0]):04X}"
            self._tell("control", part, where, f"the control character {name} at {control.start()}", "take it out")

    def _answer(self, answer: Any, context: str, part: Part, where: str) -> None:
        text, end = answer.text, answer.start + len(answer.text)
        if text != text.strip():
            self._tell(
                "edges", part, where, f"the answer {text!r} has blanks at its ends", "correct text and answer_start"
            )
        elif cuts_a_word(context, answer.start, end):
            self._tell("cut", part, where, f"the answer {text!r} begins or ends inside a word", "correct answer_start")
        most = self.limits["answer"]
        if most is not None and len(text.split()) > most:
            fix = f"set task.max_answer_tokens above {most}"
            self._tell(
                "long", part, where, f"an answer has {len(text.split())} words, and {most} tokens are predicted", fix
            )

    # all examples together

    def _repeated(self, part: Part) -> None:
        whole, ids, inputs = (_as_numbers(each) for each in (part.whole, part.ids, part.inputs))
        again = _later_ones(whole)
        named_twice = _later_ones(ids) if hasattr(self.task, "on_bad_answer") else np.zeros(len(ids), dtype=bool)
        contradicting = _with_others(inputs, whole) if self._has_one_answer else np.zeros(len(ids), dtype=bool)
        if not (again | named_twice | contradicting).any():
            return
        for number, example in enumerate(islice(self.examples(part, on_bad=_told_before), len(whole))):
            where, label = place_of(example), ", ".join(labels_of(example))
            if again[number]:
                self._tell("twice", part, where, "the same stands before it", "take one of them out")
            elif named_twice[number]:
                self._tell("id", part, where, f"the id {example.id!r} stands before it", "make ids unique")
            if contradicting[number]:
                fix = "give it one label"
                self._tell("contradiction", part, where, f"the same text has another label than {label!r} too", fix)

    @property
    def _has_one_answer(self) -> bool:
        return self.task.type in ("classify", "multiple_choice", "zero_shot") and self._problem != "regression"

    @property
    def _problem(self) -> str:
        return str(getattr(self.task, "problem", "single"))

    def _overlapping(self, part: Part, train: Part) -> None:
        learnt = np.unique(_as_numbers(train.documents))
        is_learnt = np.isin(_as_numbers(part.documents), learnt)
        if not is_learnt.any():
            return
        for number, example in enumerate(islice(self.examples(part, on_bad=_told_before), len(is_learnt))):
            if is_learnt[number]:
                fix = "take the document out of data.train"
                self._tell("overlap", part, place_of(example), "this document is in the training data too", fix)

    def _labels(self, parts: dict[str, Part]) -> None:
        train = parts["train"]
        known = getattr(self.task, "labels", None) or tuple(train.labels)
        if self.task.type == "classify" and self._problem != "regression" and len(known) < 2 and len(train):
            named = f"one label, {known[0]!r}" if known else "no label"
            self._tell("labels", train, train.sources[0], f"the training data has {named}", "check task.label_column")
        if self.task.type == "ner" and not known and not getattr(self.task, "tags", None) and len(train):
            self._tell("labels", train, train.sources[0], "the training data holds no entity", "check task.tags_column")
        for name, others in alike(train.labels).items():
            usual = others[0]
            for where in train.places[name]:
                self._tell("alike", train, where, f"the label {name!r} is also written {usual!r}", f"write {usual!r}")
        if self.task.type == "classify" and self._problem == "single":
            for name, count in train.labels.items():
                if count < 2 < len(train) // max(1, len(train.labels)):
                    fix = "give more, or leave the label out"
                    self._tell("rare", train, train.places[name][0], f"the label {name!r} has one example", fix)
        for part in parts.values():
            for name in part.labels.keys() - set(known) if known and self._names_labels else ():
                near = nearest(name, known)
                fix = f"did you mean {near!r}?" if near else f"the labels are {', '.join(known[:12])}"
                for where in part.places[name]:
                    self._tell("unknown", part, where, f"the label {name!r} is none of the training data's", fix)
            if part is not train and part.labels and self._names_labels:
                for name in set(known) - part.labels.keys():
                    self._tell("missing", part, part.sources[0], f"no example has the label {name!r}")

    @property
    def _names_labels(self) -> bool:
        return (
            self.task.type in ("classify", "ner")
            and self._problem != "regression"
            and not getattr(self.task, "tags", None)
        )


def _told_before(error: DataError) -> None:
    """Where rows are read again."""


def place_of(example: Any) -> str:
    """Where an example stands."""
    return str(getattr(example, "where", "") or getattr(example, "id", "") or getattr(example, "name", ""))


def labels_of(example: Any) -> tuple[str, ...]:
    """The labels of an example that a model learns as classes, or the types of its entities."""
    if hasattr(example, "entities"):
        return tuple(part for entity in example.entities for part in entity.type.split("|"))
    label = getattr(example, "label", ())
    if hasattr(example, "labels"):  # those to choose among
        return (example.labels[label],)
    if hasattr(example, "choices"):
        return (str(label),)
    return label if isinstance(label, tuple) else (str(label),)


def alike(labels: Counter[str]) -> dict[str, list[str]]:
    """Labels that differ from a commoner one by case, white space or Unicode form alone, with the commonest of them."""
    groups: dict[str, list[str]] = {}
    for name, _ in labels.most_common():
        groups.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    return {name: names[:1] for names in groups.values() for name in names[1:]}


_GARBLED = re.compile("\ufffd|[ÃÂ][\x80-\xbf]|â€|ï»¿|\\bÃ¯Â¿Â½")
"""What is left of UTF-8 that was read as Latin-1 or Windows-1252, or of bytes that were replaced."""

_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_LETTER = re.compile("[0-9A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ӿ]")
"""Of scripts that write blanks between words."""


def cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether characters begin or end between two letters of a script that writes blanks between words."""
    return any(
        0 < place < len(text) and _LETTER.match(text[place - 1]) and _LETTER.match(text[place])
        for place in (start, end)
    )


def _as_numbers(numbers: "array[int]") -> np.ndarray:
    return np.frombuffer(numbers, dtype=np.int64) if len(numbers) else np.empty(0, dtype=np.int64)


def _later_ones(numbers: np.ndarray) -> np.ndarray:
    """bool: those that stand before in the array too."""
    is_later = np.ones(len(numbers), dtype=bool)
    is_later[np.unique(numbers, return_index=True)[1]] = False
    return is_later


def _with_others(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """bool: those whose key has other values elsewhere."""
    pairs = np.unique(np.stack([keys, values]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    return np.isin(keys, names[counts > 1])
