"""Files of predictions beside their gold: a JSON line an example, each with the kind of outcome that it is."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.folders import disk_errors
from bigbird_cli.files.json import read_jsonl
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.streams import file_errors
from bigbird_cli.files.whole import replace_file
from bigbird_cli.section import complaint
from bigbird_cli.tasks.classify.outcomes import LabelsOutcomes, NumberOutcomes
from bigbird_cli.tasks.ner.outcomes import NEROutcomes
from bigbird_cli.tasks.outcomes import LabelOutcomes, Outcomes
from bigbird_cli.tasks.qa.outcomes import QAOutcomes

KINDS: Final[dict[str, type[Outcomes[Any]]]] = {
    kind.kind: kind for kind in (QAOutcomes, NEROutcomes, LabelOutcomes, LabelsOutcomes, NumberOutcomes)
}

_EXAMPLE = '{"kind": "label", "id": ..., "gold": ..., "predicted": ..., ...}'
_REMEDY = "write it with evaluate's predictions="


def write_outcomes(path: str | Path, outcomes: Outcomes[Any]) -> None:
    """Write a file of outcomes, whole or not at all.

    Raises:
        UsageError: its folder is not there.
        ResourceError: the disk is full or cannot be written.
    """
    file = local_path(path)
    if not file.parent.is_dir():
        raise UsageError("the folder of this file is not there", where=str(file), fix="make it, or name another")
    lines = (json.dumps({"kind": outcomes.kind, **record}, ensure_ascii=False) + "\n" for record in outcomes.records)
    content = "".join(lines).encode()
    with disk_errors(file.parent, n_bytes=len(content)):
        replace_file(file, content)


def read_outcomes(path: str | Path) -> Outcomes[Any]:
    """Read what `write_outcomes` wrote.

    Raises:
        DataError: a line is no outcome, or of another kind than the first.
    """
    file = local_path(path)
    records: list[Any] = []
    kind = ""
    with file_errors(file), file.open("rb") as stream:
        for number, row in read_jsonl(stream, str(file), example=_EXAMPLE):
            if isinstance(row, DataError):
                raise row
            where = f"{file}:{number}"
            own = str(row.pop("kind", None))
            if own not in KINDS or own != (kind or own):
                wanted = f"not {kind!r}" if kind else f"none of {', '.join(KINDS)}"
                raise DataError(f"the kind of this prediction is {own!r}, {wanted}", where=where, fix=_REMEDY)
            kind = own
            try:
                records.append(TypeAdapter(KINDS[kind].record).validate_python(row))
            except ValidationError as error:
                raise DataError(complaint(error), where=where, fix=_REMEDY) from None
    if not records:
        raise DataError("the file holds no predictions", where=str(file), fix=_REMEDY)
    return KINDS[kind](records)
