"""What tasks that read long documents in overlapping windows have in common.

A model input is `[CLS] window [SEP]`, or `[CLS] window [SEP] second [SEP]` where a second text stands beside each
window; a question comes first: `[CLS] question [SEP] window [SEP]`.
"""

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypedDict, TypeVar

import numpy as np
from pydantic import model_validator

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.messages import counted
from bigbird_cli.section import Overlap, WindowSize
from bigbird_cli.tasks.base import Feature, Features, TaskSection, WindowSource
from bigbird_cli.tasks.outcomes import Outcomes
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window, n_covered, owned_sums, windows

LEAST_CAPACITY = 8
"""A window that holds fewer tokens of a long document, beside a second text, is refused."""


V = TypeVar("V")


@dataclass(frozen=True)
class Coverage:
    """How much of a document was read for a prediction.

    Attributes:
        n_tokens: tokens of the document.
        n_read: how many of them stood in a window that the model read, each counted once.
        n_unknown: how many of them are the unknown token.
        n_windows: model inputs that were read.
        longest_input: tokens of the longest of them, special tokens and a second text included.
        spans: start and end of each window that was read, in characters of the document and in reading order;
            neighbours overlap.
    """

    n_tokens: int
    n_read: int
    n_unknown: int
    n_windows: int
    longest_input: int
    spans: tuple[tuple[int, int], ...] = ()


def source_of(feature: Feature) -> WindowSource:
    """The window that a feature holds; ValueError where it does not know it."""
    if feature.source is None:
        raise ValueError("the feature does not know its document")
    return feature.source


@dataclass(eq=False)
class Gathered(Generic[V]):
    """What a decoder keeps of the windows of one document, which come in any order.

    Attributes:
        document: that the windows were cut from.
        values: what is kept of each window's outputs.
        owned: the spans that each window answers for.
        longest_input: tokens of the longest model input.
    """

    document: EncodedDocument
    values: dict[Window, V] = field(default_factory=dict)
    owned: dict[Window, range] = field(default_factory=dict)
    longest_input: int = 0

    @property
    def windows(self) -> list[Window]:
        """In reading order, so that no result depends on the order in which they came."""
        return sorted(self.values)

    def in_order(self) -> list[V]:
        """What is kept of each window, in reading order."""
        return [self.values[window] for window in self.windows]

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Average values (W, ...) of the windows in reading order, each weighted by the tokens that it answers for."""
        weights = [max(1, len(self.owned[window])) for window in self.windows]
        averaged: np.ndarray = np.average(values, axis=0, weights=weights)
        return averaged

    @property
    def coverage(self) -> Coverage:
        """How much of the document was read."""
        read = self.windows
        return Coverage(
            n_tokens=len(self.document),
            n_read=n_covered(read),
            n_unknown=self.document.unknown,
            n_windows=len(read),
            longest_input=self.longest_input,
            spans=tuple(self.document.characters(window) for window in read if window.stop),
        )


class Gatherer(Generic[V]):
    """Keeps what a decoder needs of the windows of several documents.

    Args:
        names: of the documents, or of the questions about them.
        kind: what they are, for messages.
    """

    def __init__(self, names: Sequence[str], *, kind: str = "document") -> None:
        self.names = list(names)
        self._kind = kind
        self._gathered: dict[int, Gathered[V]] = {}

    def where(self, feature: Feature) -> str:
        """What to call a feature's document in messages."""
        return f"{self._kind} {self.names[feature.example]}"

    def add(self, feature: Feature, value: V) -> Gathered[V]:
        """Keep a value of a window; ValueError where the window was added before, or the feature holds none."""
        source = source_of(feature)
        gathered = self._gathered.setdefault(feature.example, Gathered(source.document))
        if source.window in gathered.values:
            raise ValueError(f"the window {source.window} of {self.where(feature)} was added twice")
        gathered.values[source.window] = value
        gathered.owned[source.window] = source.owned
        gathered.longest_input = max(gathered.longest_input, len(feature))
        return gathered

    def __getitem__(self, example: int) -> Gathered[V]:
        if example not in self._gathered:
            raise ValueError(f"no window of {self._kind} {self.names[example]} was added")
        return self._gathered[example]

    def __len__(self) -> int:
        return len(self.names)


class WindowSettings(TypedDict):
    """The settings of windows, by their names."""

    window: int
    overlap: int


def settings_for(config: BigBirdConfig, *, most: int = 4096, parts: int = 4) -> WindowSettings:
    """Windows for a model that was trained elsewhere, as far as it can hold them.

    Args:
        config: the model's.
        most: tokens of a window at most.
        parts: neighbouring windows share one of so many parts of a window, and 128 tokens at most.
    """
    window = max(LEAST_CAPACITY, min(most, config.max_position_embeddings))
    return {"window": window, "overlap": min(128, window // parts)}


def pack(tokenizer: Tokenizer, first: np.ndarray, second: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Put token ids together as `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.

    Returns:
        ids int32 (n,), and token types int8 (n,): 1 from the second text on, else 0.
    """
    n_first = len(first) + 2
    ids = np.empty(n_first + (0 if second is None else len(second) + 1), dtype=np.int32)
    ids[0], ids[1 : n_first - 1], ids[n_first - 1] = tokenizer.cls_id, first, tokenizer.sep_id
    types = np.zeros(len(ids), dtype=np.int8)
    if second is not None:
        ids[n_first:-1], ids[-1] = second, tokenizer.sep_id
        types[n_first:] = 1
    return ids, types


class WindowedTask(TaskSection):
    """A task that reads long documents in overlapping windows."""

    n_special: ClassVar[int] = 2
    """Special tokens of one model input at most: 3 where a second text may stand beside a window."""

    second: ClassVar[str] = "second text"
    """What the second text is called in messages."""

    second_comes_first: ClassVar[bool] = False
    """Whether the second text stands before the window, as a question does."""

    window: WindowSize = 4096
    """Tokens of one model input at most, special tokens included."""

    overlap: Overlap = 128
    """Tokens that neighbouring windows of a long document share at least; half of what a window holds if that is
    less, so that reading costs little more than twice."""

    @property
    def longest_answer(self) -> int | None:
        """Tokens of the longest answer; every possible one must lie whole in some window. None where there are none."""
        return None

    def capacity(self, n_second: int = 0) -> int:
        """Tokens of a document that one window holds beside a second text of n_second tokens."""
        return self.window - n_second - (3 if n_second else 2)

    def plan_windows(self, n_tokens: int, n_second: int = 0, *, where: str | None = None) -> list[Window]:
        """Plan the windows of a document of n_tokens beside a second text of n_second.

        Raises:
            DataError: beside the second text, a window has no room to move on in.
        """
        capacity = self.capacity(n_second)
        longest = self.longest_answer
        needed = 1 if n_tokens <= capacity else max(LEAST_CAPACITY, longest or 0)
        if n_second and capacity < needed:
            larger = f"raise task.window to {self.window - capacity + needed}"
            raise DataError(
                f"beside a {self.second} of {counted(n_second, 'token')}, a window of {self.window} tokens has room for"
                f" {max(capacity, 0)} of the document, and {needed} are needed"
                + (f" for answers of {longest}" if longest else ""),
                where=where,
                fix=f"shorten the {self.second}, "
                + (f"{larger}, or lower task.max_answer_tokens" if longest else f"or {larger}"),
            )
        overlap = max((longest or 1) - 1, min(self.overlap, capacity // 2))
        return windows(n_tokens, capacity=capacity, overlap=min(overlap, capacity - 1))

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
        """Put together the model input of one window, beside the ids of a second text if there are any.

        Args:
            document, window, owned: see `WindowSource`.
            example: its index.
            tokenizer: the document's.
            second: ids (n,), without special tokens; None or none of them for nothing.
            labels: what to learn.
            name: for messages; by default the document's.
        """
        inside = document.tokens.ids[window.start : window.stop]
        second = None if second is None or not len(second) else second
        if second is not None and self.second_comes_first:
            ids, types = pack(tokenizer, second, inside)
            first = len(second) + 2
        else:
            ids, types = pack(tokenizer, inside, second)
            first = 1
        return Feature(
            ids=ids,
            types=types,
            labels=labels or {},
            example=example,
            name=document.name if name is None else name,
            source=WindowSource(document, window, first, owned),
        )

    def window_features(
        self,
        document: EncodedDocument,
        tokenizer: Tokenizer,
        *,
        example: int,
        second: np.ndarray | None = None,
        labels: dict[str, int | float | np.ndarray] | None = None,
    ) -> Iterator[Feature]:
        """Put together the model inputs of all windows of a document; the arguments are those of `window_feature`.

        Raises:
            DataError: beside the second text, a window has no room to move on in.
        """
        plan = self.plan_windows(len(document), 0 if second is None else len(second), where=document.name)
        for window, owned in zip(plan, owned_sums(plan), strict=True):
            yield self.window_feature(document, window, owned, tokenizer, example=example, second=second, labels=labels)

    @model_validator(mode="before")
    @classmethod
    def _stride_is_overlap(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "stride" not in values:
            return values
        if "overlap" in values:
            raise ValueError("stride and overlap are two names of one setting; keep overlap")
        warnings.warn(
            BigBirdWarning("task.stride is taken as task.overlap: tokens that neighbouring windows share"), stacklevel=2
        )
        return {"overlap" if key == "stride" else key: value for key, value in values.items()}

    @model_validator(mode="after")
    def _windows_move_on(self) -> Self:
        if self.overlap + self.n_special + 1 >= self.window:
            raise ValueError(
                f"task.overlap {self.overlap} leaves no room for anything new in a window of {self.window} tokens: give"
                f" {self.window - self.n_special - 2} or less, or raise task.window"
            )
        return self


class ScoredTask(TaskSection):
    """A task whose predictions are measured against gold."""

    @abstractmethod
    def blank(self, name: str, coverage: Coverage) -> Any:
        """A prediction that says nothing of the example of this name."""

    @abstractmethod
    def score(self, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """Measure predictions against the untouched gold of their examples."""

    @abstractmethod
    def outcomes(self, predictions: Sequence[Any], examples: Sequence[Any]) -> Outcomes[Any]:
        """Put predictions beside the gold of their examples, as records of which more can be counted."""

    def score_names(self, examples: Sequence[Any], features: Features) -> list[str]:
        """Name the scores that `score` will give: some depend on the examples, and on their documents' lengths.

        Args:
            examples: those to be predicted.
            features: their model inputs, from `encode(examples, tokenizer)`.
        """
        lengths = {each.example: len(each.source.document) for each in features if each.source is not None}
        coverages = [Coverage(lengths[i], 0, 0, 0, 0) for i in range(len(examples))]
        blank = [self.blank(example.id, coverage) for example, coverage in zip(examples, coverages, strict=True)]
        return list(self.score(blank, examples))


class ReadingTask(WindowedTask):
    """A task by which a command reads documents: what `api` needs of it."""

    @property
    @abstractmethod
    def head(self) -> str:
        """Name of the head that the model needs."""

    @classmethod
    @abstractmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a model that was trained elsewhere: all settings by default, as far as it can hold them.

        Raises:
            ModelError: the model's outputs are not what the task needs.
        """

    def plan(self, document: EncodedDocument, n_second: int = 0) -> list[Window]:
        """Plan the windows of a document, see `plan_windows`."""
        return self.plan_windows(len(document), n_second)
