"""Gold of entity recognition: a text with its entities, and what is said of a source that was read."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard, TypeVar

from bigbird_cli.errors import BigBirdWarning, DataError, Report
from bigbird_cli.files.json import json_kind
from bigbird_cli.messages import counted
from bigbird_cli.tasks.ner.tags import TagHabits

T = TypeVar("T")

SPAN_EXAMPLE = '{"text": "Ada left", "entities": [{"start": 0, "end": 3, "type": "PER"}]}'
SPAN_FIX = f"write {SPAN_EXAMPLE}"


class GoldEntity(NamedTuple):
    """An annotated entity: characters start..end of the text."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class NERExample:
    """A text and its gold entities.

    Attributes:
        id: its row's own, or where it stands in its file.
        text: as given; words of CoNLL files and of rows stand with a space between them, sentences with a newline.
        entities: in reading order; no two share a character.
        where: the file and the line or row in it, for messages.
        types: those that the text is annotated with: of others it is no evidence; None for all.
        unsure: characters start..end of which nobody says whether they name something.
    """

    id: str
    text: str
    entities: tuple[GoldEntity, ...] = ()
    where: str = ""
    types: frozenset[str] | None = None
    unsure: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Columns:
    """Where the words, tags, text and entities stand: names for rows, numbers for CoNLL; None for the usual ones.

    `names` are those of tags that are written as numbers, in their order. With `partial`, rows of texts may leave
    things open.
    """

    words: str | int | None = None
    tags: str | int | None = None
    text: str = "text"
    entities: str | None = None
    names: tuple[str, ...] | None = None
    partial: bool = False


@dataclass
class Notes:
    """What a warning says of a source when it has been read."""

    n_overlapping: int = 0
    n_in_pieces: int = 0
    n_trimmed: int = 0
    n_blank: int = 0
    n_unannotated: int = 0
    notices: list[str] = field(default_factory=list)
    habits: TagHabits = field(default_factory=TagHabits)

    def warn(self, source: str) -> None:
        notes = []
        if self.n_overlapping:
            notes.append(
                f"{counted(self.n_overlapping, 'entity', 'entities')} left out for a longer one over some of the text"
            )
        if self.n_in_pieces:
            notes.append(
                f"{counted(self.n_in_pieces, 'entity', 'entities')} in several pieces taken from the first to the last"
            )
        if self.n_trimmed:
            notes.append(f"{counted(self.n_trimmed, 'entity', 'entities')} taken without the white space at the ends")
        if self.n_blank:
            notes.append(f"{counted(self.n_blank, 'entity', 'entities')} of nothing but white space left out")
        if self.n_unannotated:
            notes.append(f"{counted(self.n_unannotated, 'text')} left out because no .ann file is beside it")
        if self.notices:
            notes.append(f"left out as about the data, by the name: {', '.join(self.notices)}")
        if self.habits.n_illegal:
            tags = f"{self.habits.n_illegal:,} of {counted(self.habits.n_tags, 'tag')}"
            notes.append(f"{tags} against {self.habits.scheme.upper()}, read as conlleval reads them")
        if notes:
            warnings.warn(BigBirdWarning(f"{source}: {'; '.join(notes)}"), stacklevel=3)


Read = tuple[NERExample, list[GoldEntity]]
"""A text without its entities, and these as they were given: overlapping, or with white space at their ends."""


def gold_entity(value: Any, text: str, where: str) -> GoldEntity:
    if isinstance(value, Mapping):
        start, end = value.get("start", value.get("start_offset")), value.get("end", value.get("end_offset"))
        type_ = value.get("type", value.get("label", value.get("labels")))
        if isinstance(type_, list) and len(type_) == 1:  # as Label Studio has it
            [type_] = type_
        quoted = value.get("text")
    elif isinstance(value, list) and len(value) == 3:
        (start, end, type_), quoted = value, None
    else:
        raise DataError(f"this is {json_kind(value)}, not an entity", where=where, fix=SPAN_FIX)
    if not isinstance(type_, str) or not type_:
        raise DataError("the entity has no type", where=where, fix=SPAN_FIX)
    if not is_whole(start) or not is_whole(end):
        raise DataError('"start" and "end" are not whole numbers', where=where, fix=SPAN_FIX)
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"the entity is at characters {start} to {end} of a text of {len(text)}",
            where=where,
            fix="correct its offsets: characters are counted from 0, and the end is the one after the last",
        )
    if quoted is not None and quoted != text[start:end]:
        raise elsewhere(quoted, text, start, end, where)
    return GoldEntity(type_, start, end)


def is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def elsewhere(quoted: Any, text: str, start: int, end: int, where: str) -> DataError:
    return DataError(
        f"the entity {quoted!r} is not at characters {start} to {end} of its text; {text[start:end]!r} stands there",
        where=where,
        fix="correct its offsets: characters are counted, not bytes, and a line end as it is in the file",
    )


def reported(report: Report | None, make: Callable[[], T]) -> list[T]:
    """What is made, as a list of one; none where it cannot be, and `report` takes the error."""
    try:
        return [make()]
    except DataError as error:
        if report is None:
            raise
        report(error)
        return []
