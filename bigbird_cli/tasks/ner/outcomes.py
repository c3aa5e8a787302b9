"""What became of documents with entities: the gold ones, those found, and how far they agree, strictly and partly.

Strictly right is an entity of the same type at the same characters. Partly right is one of the same type that shares a
character with a gold one; each gold entity is found once, and each found one is right once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import TypedDict  # pydantic reads typing.TypedDict from Python 3.12 on only

from bigbird_cli.scoring import Metric, Tally, mean_of, share
from bigbird_cli.tasks.ner.decoding import NERPrediction
from bigbird_cli.tasks.ner.gold import NERExample
from bigbird_cli.tasks.ner.scores import is_annotated, resolved
from bigbird_cli.tasks.outcomes import (
    NameScores,
    Outcome,
    Outcomes,
    Wrong,
    about,
    first_with,
    macro_f1,
    name_scores,
    numbers_of,
    position_names,
    position_of,
)

if TYPE_CHECKING:
    from bigbird_cli.tasks.ner.task import NamedEntities


class GoldSpan(TypedDict):
    """An entity at characters start..end."""

    type: str
    start: int
    end: int
    text: str


class FoundSpan(GoldSpan):
    """An entity that was found."""

    score: float


class NEROutcome(Outcome):
    """What became of a document; of what its annotation leaves open nothing is here."""

    gold: list[GoldSpan]
    predicted: list[FoundSpan]
    characters: int
    """Of the document."""


class NEROutcomes(Outcomes[NEROutcome]):
    """Entities of documents."""

    kind = "entities"
    record = NEROutcome
    metric = "f1"

    def names(self) -> list[str]:
        """Types of gold or found entities."""
        return sorted({each["type"] for record in self.records for each in [*record["gold"], *record["predicted"]]})

    def tally(self, names: Sequence[str] | None = None) -> Tally:
        """Scores precision, recall, f1 and macro_f1, and partial_precision, partial_recall and partial_f1.

        What is right, gold and found is counted of each type; of what is partly right there is one count.
        """
        names = names or self.names()
        numbers, n_names = {name: i for i, name in enumerate(names)}, len(names)
        counts = np.zeros((len(self.records), 3 * n_names + 1))
        for row, record in zip(counts, self.records, strict=True):
            for type_, n_right in _right(record).items():
                row[numbers[type_]] = n_right
            for first, entities in ((n_names, record["gold"]), (2 * n_names, record["predicted"])):
                for type_, count in Counter(each["type"] for each in entities).items():
                    row[first + numbers[type_]] = count
            row[-1] = _partly_right(record).total()
        right, gold, found = (slice(part * n_names, (part + 1) * n_names) for part in range(3))
        partly = slice(3 * n_names, None)
        metrics: dict[str, Metric] = {"f1": _f1(right, gold, found), "macro_f1": macro_f1(n_names)}
        metrics |= {"precision": _ratio(right, found), "recall": _ratio(right, gold)}
        metrics |= {"partial_precision": _ratio(partly, found), "partial_recall": _ratio(partly, gold)}
        return Tally(counts, metrics | {"partial_f1": _f1(partly, gold, found)})

    def confidences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of every entity that was found, whether it is strictly right."""
        scores, is_right = [], []
        for record in self.records:
            gold = set(map(_span, record["gold"]))
            scores += [each["score"] for each in record["predicted"]]
            is_right += [_span(each) in gold for each in record["predicted"]]
        return {"entity": (numbers_of(scores), np.array(is_right, dtype=bool))}

    def by_position(self) -> list[tuple[str, int, Tally]]:
        """How many of the gold entities are found, by where they stand in their document."""
        n_parts = len(position_names())
        counts = np.zeros((len(self.records), 2 * n_parts))
        for row, record in zip(counts, self.records, strict=True):
            found = set(map(_span, record["predicted"]))
            for entity in record["gold"]:
                part = position_of(entity["start"], record["characters"])
                row[part] += 1
                row[n_parts + part] += _span(entity) in found
        return [
            (name, int(counts[:, part].sum()), Tally(counts, {"recall": mean_of(n_parts + part, of=part)}))
            for part, name in enumerate(position_names())
            if counts[:, part].any()
        ]

    def by_name(self) -> dict[str, list[NameScores]]:
        """Scores of each type, strictly and partly."""
        gold = Counter(each["type"] for record in self.records for each in record["gold"])
        found = Counter(each["type"] for record in self.records for each in record["predicted"])
        right = {
            "strict": sum(map(_right, self.records), Counter[str]()),
            "partial": sum(map(_partly_right, self.records), Counter[str]()),
        }
        return {
            how: [
                name_scores(name, right=counts[name], total=gold[name], predicted=found[name]) for name in self.names()
            ]
            for how, counts in right.items()
        }

    def wrong(self) -> list[Wrong]:
        """Entities that are not strictly right, each beside the gold ones that share a character with it."""
        found = []
        for i, record in enumerate(self.records):
            gold = set(map(_span, record["gold"]))
            for each in record["predicted"]:
                if _span(each) not in gold:
                    there = [own for own in record["gold"] if own["start"] < each["end"] and each["start"] < own["end"]]
                    said, should = _in_words([each], []), _in_words(there, []) if there else "no entity"
                    found.append(Wrong(i, each["score"], should, said, each["start"]))
        return found

    def gold(self, record: NEROutcome) -> str:
        return _in_words(record["gold"], record["predicted"])

    def predicted(self, record: NEROutcome) -> str:
        return _in_words(record["predicted"], record["gold"])

    def quality(self) -> np.ndarray:
        """F1 of each document."""
        tally = self.tally()
        return np.asarray(tally.metrics["f1"](tally.counts_NK))


def outcomes(
    task: "NamedEntities", predictions: Sequence[NERPrediction], examples: Sequence[NERExample]
) -> NEROutcomes:
    """Put predictions beside the gold of their examples, as `tasks.ner.scores` compares them."""
    documents = first_with([example.text for example in examples])
    records = [
        _outcome(task, prediction, example, document)
        for prediction, example, document in zip(predictions, examples, documents, strict=True)
    ]
    return NEROutcomes(records)


def _outcome(task: "NamedEntities", prediction: NERPrediction, example: NERExample, document: int) -> NEROutcome:
    entities = list(prediction.entities)
    gold = list(example.entities)
    if task.partial:
        entities = [each for each in entities if is_annotated(task, (each.type, each.start, each.end), example)]
        spans = {(each.type, each.start, each.end) for each in entities}
        gold = [resolved(task, each, spans) for each in gold if is_annotated(task, each, example)]
    found = {(each.type, each.start, each.end) for each in entities}
    return {
        **about(prediction, document=document, right=found == set(gold)),
        "gold": [
            {"type": each.type, "start": each.start, "end": each.end, "text": example.text[each.start : each.end]}
            for each in gold
        ],
        "predicted": [
            {"type": each.type, "start": each.start, "end": each.end, "text": each.text, "score": each.score}
            for each in entities
        ],
        "characters": len(example.text),
    }


def _span(entity: GoldSpan) -> tuple[str, int, int]:
    return entity["type"], entity["start"], entity["end"]


def _right(record: NEROutcome) -> Counter[str]:
    """How many entities of each type are strictly right."""
    right = set(map(_span, record["gold"])) & set(map(_span, record["predicted"]))
    return Counter(type_ for type_, _, _ in right)


def _partly_right(record: NEROutcome) -> Counter[str]:
    """How many entities of each type are partly right: from left to right, which matches as many as can be."""
    waiting: dict[str, list[tuple[int, int]]] = defaultdict(list)  # found ones, the last in the document first
    for type_, start, end in sorted(map(_span, record["predicted"]), key=lambda span: -span[1]):
        waiting[type_].append((start, end))
    matched: Counter[str] = Counter()
    for type_, start, end in sorted(map(_span, record["gold"]), key=lambda span: span[1]):
        found = waiting[type_]
        while found and found[-1][1] <= start:
            found.pop()
        if found and found[-1][0] < end:
            found.pop()
            matched[type_] += 1
    return matched


def _in_words(entities: Iterable[GoldSpan], others: Iterable[GoldSpan]) -> str:
    """The entities that are not among the others."""
    among = set(map(_span, others))
    named = [f"{each['text']} ({each['type']})" for each in entities if _span(each) not in among]
    return ", ".join(named) or "nothing more"


def _ratio(part: slice, whole: slice) -> Metric:
    return lambda sums: share(sums[..., part].sum(axis=-1), sums[..., whole].sum(axis=-1))


def _f1(right: slice, gold: slice, found: slice) -> Metric:
    return lambda sums: share(
        2 * sums[..., right].sum(axis=-1), sums[..., gold].sum(axis=-1) + sums[..., found].sum(axis=-1)
    )
