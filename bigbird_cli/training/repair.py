"""Write a copy of a recipe's data in which what can only be meant in one way is mended."""

import json
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bigbird_cli.errors import BigBirdWarning, DataError, UsageError
from bigbird_cli.files.whole import replace_file
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.classify.data import LabelledText
from bigbird_cli.tasks.multiple_choice import Question
from bigbird_cli.tasks.ner.gold import NERExample
from bigbird_cli.tasks.qa.squad import QAExample
from bigbird_cli.tasks.zero_shot import TextWithLabels
from bigbird_cli.training.findings import SKIPPING, Part, alike

MENDED = {
    "answer": "answers put where they stand",
    "twice": "repetitions left out",
    "id": "ids made unique",
    "alike": "labels written as most are",
    "overlap": "training examples on documents of dev or test left out",
    "left out": "rows left out that cannot be used",
}
"""What is done, by kind."""


def repair(
    recipe: Recipe, parts: Mapping[str, Part], folder: Path, *, offline: bool = False
) -> tuple[list[Path], Counter[str]]:
    """Write a file of rows for each part of the data, which the recipe's task reads as it is.

    Args:
        recipe: what reads the data.
        parts: from `look_through`.
        folder: for train.jsonl, dev.jsonl and test.jsonl; made when missing.
        offline: never ask the network.

    Returns:
        The files, and how often what was done.

    Raises:
        UsageError: the task's data is no rows, or a file is there already.
    """
    if recipe.task.type in ("mlm", "causal"):
        raise UsageError(
            "texts to learn a language from are not mended", where="--fix", fix="mend the files themselves"
        )
    files = {name: folder / f"{name}.jsonl" for name in parts}
    for file in files.values():
        if file.exists():
            raise UsageError("this file is there already", where=str(file), fix="name another folder with --fix")
    done: Counter[str] = Counter()
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BigBirdWarning)
        for name, part in parts.items():
            lines = (
                json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(recipe, name, part, parts, done, offline)
            )
            replace_file(files[name], "".join(lines).encode())
    return list(files.values()), done


def _rows(
    recipe: Recipe, name: str, part: Part, parts: Mapping[str, Part], done: Counter[str], offline: bool
) -> Iterator[dict[str, Any]]:
    spelling = {label: usual[0] for label, usual in alike(parts["train"].labels).items()}
    evaluated = {number for other, each in parts.items() if other != name for number in each.documents}
    seen: set[int] = set()
    ids: set[str] = set()
    for example in _examples(recipe, part, done, offline):
        document = recipe.task.document_of(example)[0]
        if name == "train" and hash(document) in evaluated:
            done["overlap"] += 1
            continue
        mended = _respelled(example, spelling)
        done["alike"] += mended is not example
        row = row_of(recipe.task, mended)
        id_ = str(row.pop("id"))
        content = hash(json.dumps(row, sort_keys=True))
        if content in seen:
            done["twice"] += 1
            continue
        seen.add(content)
        unique, number = id_, 1
        while unique in ids:
            number += 1
            unique = f"{id_}-{number}"
        done["id"] += unique != id_
        ids.add(unique)
        yield {getattr(recipe.task, "id_column", "id"): unique, **row}


def _examples(recipe: Recipe, part: Part, done: Counter[str], offline: bool) -> Iterator[Any]:
    """The examples of a part, those that could be mended at their places."""
    changes = {name: "error" for name in SKIPPING if hasattr(recipe.task, name)}
    task = recipe.task.model_copy(update=changes)
    waiting: deque[Any] = deque()

    def bad_row(error: DataError) -> None:
        mended = getattr(error, "mended", None)
        if mended is not None:
            waiting.append(mended)
        done["answer" if mended is not None else "left out"] += 1

    for source in part.sources:
        for example in task.read(source, offline=offline, report=bad_row):
            while waiting:
                yield waiting.popleft()
            yield example
        while waiting:
            yield waiting.popleft()


def _respelled(example: Any, spelling: Mapping[str, str]) -> Any:
    """An example whose labels are written as most are."""
    if isinstance(example, NERExample):
        entities = tuple(each._replace(type=spelling.get(each.type, each.type)) for each in example.entities)
        return replace(example, entities=entities) if entities != example.entities else example
    if isinstance(example, LabelledText) and not isinstance(example.label, float):
        label: Any = example.label
        label = (
            tuple(spelling.get(each, each) for each in label)
            if isinstance(label, tuple)
            else spelling.get(label, label)
        )
        return replace(example, label=label) if label != example.label else example
    return example


def row_of(task: Any, example: Any) -> dict[str, Any]:
    """An example as a row that its task reads as the same."""
    match example:
        case QAExample():
            answers = {
                "text": [each.text for each in example.answers],
                "answer_start": [each.start for each in example.answers],
            }
            texts = {task.context_column: example.context, task.question_column: example.question}
            return {"id": example.id, **texts, task.answers_column: answers}
        case NERExample():
            entities = [{"start": each.start, "end": each.end, "type": each.type} for each in example.entities]
            row: dict[str, Any] = {
                "id": example.id,
                task.text_column: example.text,
                task.entities_column or "entities": entities,
            }
            if example.types is not None:
                row["types"] = sorted(example.types)
            return {**row, "unsure": [list(each) for each in example.unsure]} if example.unsure else row
        case LabelledText():
            label = list(example.label) if isinstance(example.label, tuple) else example.label
            pair = {} if task.pair_column is None else {task.pair_column: example.pair}
            return {"id": example.id, task.text_column: example.text, **pair, task.label_column: label}
        case Question():
            choices: dict[str, Any] = {task.choices_column: list(example.choices)}
            if "," in task.choices_column:
                names = [name.strip() for name in task.choices_column.split(",")]
                choices = dict(zip(names, example.choices, strict=True))
            asked = {} if task.question_column is None else {task.question_column: example.question}
            return {
                "id": example.id,
                task.context_column: example.context,
                **asked,
                **choices,
                task.label_column: example.label,
            }
        case TextWithLabels():
            labels = {task.labels_column: list(example.labels), task.label_column: example.label}
            return {"id": example.id, task.text_column: example.text, **labels}
    raise ValueError(f"{type(example).__name__} is no example of a task")
