"""From logits to entities: the tags of a whole document decoded at once, as its windows come.

Each unit's tag comes from the window that owns it. The tags are the likeliest sequence that the scheme allows, so that
no entity is cut or found twice where windows meet. At a blank line one sequence ends and another begins: many a
vocabulary does not see it, but a heading's name is not that of the text below.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bigbird_cli.tasks.base import Feature, finite_output
from bigbird_cli.tasks.ner.gold import GoldEntity
from bigbird_cli.tasks.ner.names import plain_name
from bigbird_cli.tasks.ner.tags import Legal, Scheme, TagDecoder, legal_tags, spans_of
from bigbird_cli.tasks.windowed import Coverage, Gatherer, source_of
from bigbird_cli.tasks.words import Units, paragraphs_of, units_of
from bigbird_cli.text.documents import EncodedDocument


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
        seams: wherever the next window takes over, the end of the last unit before it and the start of the
            first one after it, in characters.
        n_unalignable: gold entities that begin or end inside a unit; 0 where no gold was given to the decoder.
    """

    id: str
    entities: tuple[Entity, ...]
    coverage: Coverage
    seams: tuple[tuple[int, int], ...] = ()
    n_unalignable: int = 0


def consistent(entities: Sequence[Entity], retype_below: float) -> list[Entity]:
    """Let the mentions of a name agree on its type: one that is seldom said of it gives way to the one said most.

    Args:
        entities: of one document.
        retype_below: a type whose scores add up to less than this share of those of the name's main type gives way; 0
            leaves all types, 1 leaves one a name.
    """
    if not retype_below:
        return list(entities)
    names = [plain_name(entity.text) for entity in entities]
    scores: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, entity in zip(names, entities, strict=True):
        scores[name][entity.type] += entity.score
    agreed = []
    for name, entity in zip(names, entities, strict=True):
        by_type = scores[name]
        main = max(by_type, key=by_type.__getitem__)
        gives_way = by_type[entity.type] < retype_below * by_type[main]
        agreed.append(entity._replace(type=main) if gives_way else entity)
    return agreed


def owned_tokens(owned: range) -> range:
    """The tokens whose doubled index is in a window's owned sums."""
    return range(-(-owned.start // 2), -(-owned.stop // 2))


def count_unalignable(entities: Iterable[tuple[str, int, int]], units: Units) -> int:
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

    def __init__(self, document: EncodedDocument) -> None:
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
        retype_below: as `consistent` takes it, in each document.
        min_score: entities less likely than this are left out.
        gold: each document's gold entities, to count those that no unit boundaries fit.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        tags: Sequence[str],
        scheme: Scheme,
        temperature: float = 1.0,
        retype_below: float = 0.0,
        min_score: float = 0.0,
        gold: Sequence[Sequence[GoldEntity]] | None = None,
    ) -> None:
        self._gathered: Gatherer[None] = Gatherer(names)  # the windows that were read: their outputs are not kept
        self._progress: dict[int, _Progress] = {}
        self._tags = list(tags)
        self._legal = legal_tags(tags, scheme)
        self._temperature = temperature
        self._retype_below = retype_below
        self._min_score = min_score
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

        own, units = owned_tokens(source.owned), progress.units
        first, stop = np.searchsorted(units.tokens, [own.start, own.stop]).tolist()
        rows = source.first + units.tokens[first:stop] - source.window.start
        if first < stop:
            begun = slice(*np.searchsorted(progress.paragraphs, [first, stop]).tolist())
            log_probs = _log_softmax(logits[rows] / self._temperature).astype(np.float32)
            progress.waiting[first] = _Part(first, stop, progress.paragraphs[begun].tolist(), log_probs)
            self._advance(progress, 0 if not progress.runs else progress.runs[-1].stop)
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
            self._advance(progress, min(progress.waiting))
        entities = [entity for run in progress.runs for entity in self._entities(progress.document, units, run)]
        progress.found = _Found(
            entities=tuple(each for each in consistent(entities, self._retype_below) if each.score >= self._min_score),
            seams=tuple((int(units.ends[i - 1]), int(units.starts[i])) for run in progress.runs for i in run.seams),
            n_unalignable=0 if self._gold is None else count_unalignable(self._gold[example], units),
        )
        progress.runs.clear()
        return progress.found

    def _advance(self, progress: _Progress, unit: int) -> None:
        """Decode what has come of a document from a unit on, up to the next one that is missing."""
        while (part := progress.waiting.pop(unit, None)) is not None:
            if not progress.runs or progress.runs[-1].stop < unit:
                progress.runs.append(_Run(unit, self._legal))
            progress.runs[-1].add(part)
            unit = part.stop

    def _entities(self, document: EncodedDocument, units: Units, run: _Run) -> Iterator[Entity]:
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
