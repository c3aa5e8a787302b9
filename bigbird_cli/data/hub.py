"""Rows of the Hugging Face hub, through `datasets`, which takes seconds to import."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.files.hub import HubError, NotOnHubError, Repository, is_offline, look_up, offline_variable

PREFIX = "hub:"
_NAME = re.compile(
    r"hub:(?P<name>\w[\w.-]*(?:/\w[\w.-]*)?)(?:@(?P<revision>[\w./-]+))?(?:#(?P<config>[^:]+))?(?::(?P<split>.+))?"
)
_FIX = "check its name, its config and the network"
_FILES = "--set data.train=FILE (of a shipped recipe, see bigbird recipes show NAME: its first lines say which)"


class HubDataError(DataError):
    """A data set of the hub was looked up in vain; the exit code is that of every look-up there."""

    exit_code = ModelError.exit_code


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
    """Stream a data set of the hub; HubDataError where it is not found within 5 seconds, DataError where it
    cannot be read."""
    hub = parse_name(source)
    _look_up(hub, source, offline=offline)
    with library_errors(source, "this data set cannot be read", _FIX):
        from datasets import load_dataset

        found = load_dataset(hub.name, hub.config, revision=hub.revision, split=hub.split or split, streaming=True)
    yield from _rows(found, source, "this data set cannot be read", _FIX)


def revision_of(source: str, *, offline: bool) -> str:
    """The revision of a hub data set that its source names, else its newest commit; HubDataError without one."""
    hub = parse_name(source)
    if hub.revision is not None:
        return hub.revision
    return str(_look_up(hub, source, offline=offline).commit)


def _look_up(hub: HubName, source: str, *, offline: bool) -> Repository:
    """HubDataError where nothing may be looked up, or the hub has no such data set, or cannot be asked.

    `datasets` itself would try for half a minute, and aloud.
    """
    if is_offline(offline=offline):
        variable = None if offline else offline_variable()
        why = f" ({variable} is set)" if variable else ""
        raise HubDataError(
            f"this data set is on the hub, and nothing may be looked up{why}",
            where=source,
            fix=f"fetch its files and name those, as in {_FILES}",
        )
    try:
        return look_up(hub.name, kind="dataset", revision=hub.revision)
    except NotOnHubError as error:
        raise HubDataError(str(error), where=source, fix="check its name") from error
    except HubError as error:
        raise HubDataError(
            str(error), where=source, fix=f"connect to the network, or name files, as in {_FILES}"
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
        location = f'{where}, "{column}"'
        is_list = isinstance(value, list)
        named[column] = [_name(each, names, location) for each in value] if is_list else _name(value, names, location)
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
