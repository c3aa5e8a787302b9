"""Precision, recall and F1 of entities: right is the same type at the same characters."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from bigbird_cli.tasks.base import check_same_ids
from bigbird_cli.tasks.metrics import length_groups, stands_at_seam
from bigbird_cli.tasks.ner.decoding import NERPrediction
from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample
from bigbird_cli.tasks.ner.tags import SpanCounts, count_spans

if TYPE_CHECKING:
    from bigbird_cli.tasks.ner.task import NamedEntities


def score(
    task: "NamedEntities", predictions: Sequence[NERPrediction], examples: Sequence[NERExample]
) -> dict[str, float]:
    """Compare entities with the untouched gold: right is the same type at the same characters; in percent.

    Of what an example leaves open no entity is counted, and one of a gold entity's several types is right.

    Returns:
        precision, recall and f1 over all entities; macro_f1, the mean over types of which there is a gold or a
        predicted entity; counts: total (gold entities), predicted, unalignable (gold that begins or ends inside a
        unit, and so is always missed), seam_errors (missed or wrong entities that touch where one window
        takes over from another). For each type precision_T, recall_T, f1_T and total_T. If documents differ in
        length: f1 and total by their length, as in f1_to_512_tokens and f1_over_4096_tokens.
    """
    check_same_ids(predictions, examples, "documents")
    named = {type_ for example in examples for entity in example.entities for type_ in task.types_of(entity.type)}
    types = named | set(task.labels or ())
    by_type = dict.fromkeys(sorted(types), SpanCounts())
    by_document: list[SpanCounts] = []
    seam_errors = 0
    for prediction, example in zip(predictions, examples, strict=True):
        found = {(entity.type, entity.start, entity.end) for entity in prediction.entities}
        gold: Sequence[tuple[str, int, int]] = example.entities
        if task.partial:
            found = {entity for entity in found if is_annotated(task, entity, example)}
            annotated = [entity for entity in example.entities if is_annotated(task, entity, example)]
            gold = [resolved(task, entity, found) for entity in annotated]
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


def is_annotated(task: "NamedEntities", entity: tuple[str, int, int], example: NERExample) -> bool:
    """Whether an example says if an entity is right."""
    type_, start, end = entity
    of_type = example.types is None or not example.types.isdisjoint(task.types_of(type_))
    return of_type and not any(first < end and start < stop for first, stop in example.unsure)


def resolved(task: "NamedEntities", entity: GoldEntity, found: Collection[tuple[str, int, int]]) -> GoldEntity:
    """A gold entity with one of its types: that of the entity found at its characters, if any is."""
    types = task.types_of(entity.type)
    return entity._replace(type=next((t for t in types if (t, entity.start, entity.end) in found), types[0]))
