"""Gold whose labels are called otherwise than the model's: each by the model's name, or left out of account."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bigbird_cli.errors import UsageError
from bigbird_cli.tasks.classify.data import LabelledText
from bigbird_cli.tasks.classify.problems import names_of
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.ner.gold import NERExample
from bigbird_cli.tasks.ner.task import NamedEntities


def renamed(task: Any, examples: Sequence[Any], names: Mapping[str, str]) -> tuple[Any, list[Any]]:
    """Call the gold's labels by the model's names.

    Of entities, only the types that are named so are in question then: what the model finds of others, the data says
    nothing of; nor does it where an entity stands whose type has no name in the model.

    Args:
        task: of ner, or of classify with labels.
        examples: its gold.
        names: of the gold's labels in the model; "" for one that the model has not, and "GPE|LOC" for a type of
            entities that may be either.

    Returns:
        The task by which the examples are scored, and the examples; those without a label are left out.

    Raises:
        UsageError: the task has no labels to rename.
    """
    if isinstance(task, NamedEntities):
        found = {entity.type for example in examples for entity in example.entities}
        found |= names.keys()
        return task.model_copy(update={"partial": True}), [_entities(example, names, found) for example in examples]
    if isinstance(task, Classification) and not task.kind.fixed_names:
        labelled = [_labels(example, names) for example in examples]
        return task, [example for example in labelled if example.label != ""]
    raise UsageError(
        f"a model for {task.type.replace('_', ' ')} has no labels to rename", where="rename", fix="leave it out"
    )


def _entities(example: NERExample, names: Mapping[str, str], found: set[str]) -> NERExample:
    types = {each for type_ in found for each in names.get(type_, type_).split("|")} - {""}
    kept = [entity for entity in example.entities if names.get(entity.type, entity.type)]
    unsure = [(entity.start, entity.end) for entity in example.entities if not names.get(entity.type, entity.type)]
    return replace(
        example,
        entities=tuple(entity._replace(type=names.get(entity.type, entity.type)) for entity in kept),
        types=frozenset(types),
        unsure=(*example.unsure, *unsure),
    )


def _labels(example: LabelledText, names: Mapping[str, str]) -> LabelledText:
    called = [names.get(name, name) for name in names_of(example.label)]
    if isinstance(example.label, tuple):
        return replace(example, label=tuple(dict.fromkeys(name for name in called if name)))
    return replace(example, label=called[0])
