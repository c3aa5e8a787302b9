"""Rows of the Hugging Face hub, through `datasets`, which takes seconds to import."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bigbird_cli.errors import DataError
from bigbird_cli.files.paths import HUB_SECONDS, offline_variable, within

PREFIX = "hub:"
_NAME = re.compile(
    r"hub:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?(?:#(?P<config>[^:]+))?(?::(?P<split>.+))?"
)
_FIX = "check its name, its config and the network"


class HubName(NamedTuple):
    """A data set of the hub: `hub:NAME[@REVISION][#CONFIG][:SPLIT]`."""

    name: str
    revision: str | None
    config: str | None
    split: str | None


def is_hub(source: str | Path) -> bool:
    """Whether a source names a data set of the hub; a Path never does."""
    return isinstance(source, str) and source.startswith(PREFIX)


def parse_name(source: str) -> HubName:
    """Take a hub name apart; DataError where it is none."""
    match = _NAME.fullmatch(source)
    if match is None:
        raise DataError(
            "this is no name of a data set",
            where=source,
            fix="write hub:NAME, hub:NAME#CONFIG or hub:NAME#CONFIG:SPLIT",
        )
    return HubName(**match.groupdict())


def rows(source: str, split: str, *, offline: bool) -> Iterator[dict[str, Any]]:
    """Stream a data set of the hub; DataError where it cannot be had, or the hub does not answer within 5 seconds."""
    hub = parse_name(source)
    refuse_offline(source, offline=offline)
    _insist_on_answer(hub, source)
    with library_errors(source, "this data set cannot be read", _FIX):
        from datasets import load_dataset

        found = load_dataset(hub.name, hub.config, revision=hub.revision, split=hub.split or split, streaming=True)
    yield from _rows(found, source, "this data set cannot be read", _FIX)


def revision_of(source: str, *, offline: bool) -> str:
    """The commit of a hub data set's files: the one that its source names, else the newest; DataError without it."""
    hub = parse_name(source)
    if hub.revision is not None:
        return hub.revision
    refuse_offline(source, offline=offline)
    _insist_on_answer(hub, source)
    with library_errors(source, "this data set cannot be found", _FIX):
        from datasets import load_dataset_builder

        return str(load_dataset_builder(hub.name, hub.config).hash)


def refuse_offline(source: str, *, offline: bool) -> None:
    """DataError if nothing may be looked up: `offline`, or the hub's own environment variables say so."""
    variable = offline_variable()
    if offline or variable:
        why = "nothing may be looked up" + (f" ({variable} is set)" if variable and not offline else "")
        raise DataError(f"this data set is on the hub, and {why}", where=source, fix="fetch its files and name those")


def _insist_on_answer(hub: HubName, source: str) -> None:
    """DataError where the hub has no such data set, or cannot be asked: `datasets` tries for half a minute, aloud."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi, errors

    try:
        within(HUB_SECONDS, lambda: HfApi().dataset_info(hub.name, revision=hub.revision, timeout=HUB_SECONDS))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        what = "revision of this data set" if isinstance(error, errors.RevisionNotFoundError) else "public data set"
        raise DataError(f"the hub has no such {what}", where=source, fix="check its name") from error
    except Exception as error:  # whatever the network and its library come up with
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(
            f"the Hugging Face hub cannot be reached ({said})",
            where=source,
            fix="connect to the network, or name files",
        ) from error


def _rows(found: Any, name: str, problem: str, fix: str) -> Iterator[dict[str, Any]]:
    classes = _classes(found.features or {})
    entries = iter(found)
    try:
        for number in itertools.count():
            with library_errors(name, problem, fix):
                fields = next(entries, None)
            if fields is None:
                return
            yield with_names(fields, classes, f"{name}[{number}]")
    finally:
        entries.close()  # lets go of its files now


def _classes(features: Any) -> dict[str, list[str]]:
    """The names of the classes of each column of class labels, or of lists of them."""
    from datasets import ClassLabel

    found = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", feature[0] if isinstance(feature, list) else None)
        label = feature if isinstance(feature, ClassLabel) else inner
        if isinstance(label, ClassLabel):
            found[column] = label.names
    return found


def with_names(fields: dict[str, Any], classes: Mapping[str, Sequence[str]], where: str) -> dict[str, Any]:
    """A row with names for its classes' numbers, also in lists; DataError where a class has none."""
    named = {}
    for column in classes.keys() & fields.keys():
        value, names = fields[column], classes[column]
        place = f'{where}, "{column}"'
        is_list = isinstance(value, list)
        named[column] = [_name(each, names, place) for each in value] if is_list else _name(value, names, place)
    return fields | named


def _name(value: Any, names: Sequence[str], where: str) -> str | None:
    if value in names:
        return str(value)
    if value is None or value != value:  # NaN stands for a missing number
        return None
    number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else value
    if isinstance(number, int | float) and -1 <= number < len(names) and number == int(number):
        return None if number == -1 else names[int(number)]  # -1: a test set's missing label
    raise DataError(
        f"the class {value!r} is none of the {len(names)} that the data set names",
        where=where,
        fix="correct it, or write the data set's features again",
    )


@contextmanager
def library_errors(where: str, problem: str, fix: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # pyarrow's, datasets' and the network's own kinds have no common root
        raise DataError(f"{problem}: {str(error) or type(error).__name__}", where=where, fix=fix) from error
