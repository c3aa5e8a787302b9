"""Texts with named entities as character spans: from CoNLL files, rows, and brat folders, checked.

Entities of a text share no character: of those that overlap or are nested the longest is kept, and one in several
pieces is taken from its first character to its last. A warning counts how often that was done.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from bigbird_cli.choices import OnBad
from bigbird_cli.data import conll
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import JSON_LINES, file_rows, read_rows
from bigbird_cli.errors import Report
from bigbird_cli.files.find import is_notice
from bigbird_cli.files.packed import files_in
from bigbird_cli.messages import counted
from bigbird_cli.tasks.base import Tolerated
from bigbird_cli.tasks.ner.brat import BRAT, from_brat, text_beside
from bigbird_cli.tasks.ner.gold import Columns, GoldEntity, NERExample, Notes, Read
from bigbird_cli.tasks.ner.rows import ROW_EXAMPLE, from_rows, holds_lists
from bigbird_cli.tasks.ner.tagged import from_conll

ROW_SUFFIXES = (".json", *JSON_LINES, ".csv", ".parquet")
"""Files of rows; any other file is read as CoNLL, .txt included, and .tsv unless it holds lists."""


def read_examples(
    source: str | Path,
    columns: Columns,
    *,
    on_empty: OnBad = "error",
    offline: bool = False,
    report: Report | None = None,
) -> Iterator[NERExample]:
    """Read texts with entities, one after the other.

    Args:
        source: CoNLL (a document up to the next -DOCSTART- or `# newdoc`, else the whole file); rows as JSON, JSON
            lines, CSV, Parquet or `hub:NAME`, with tokens and tags, or with a text and its entities
            ({"start", "end", "type" or "label"}, or [start, end, type]), lists being JSON in CSV; rows of one word and
            its tag, a sentence number beside them; brat's .txt and .ann files; a folder of any of these. Compressed
            files are unpacked.
        columns: where in a row or line to look. With `partial`, a row of a text may have "types", those that it is
            annotated with, and "unsure", a list of [start, end].
        on_empty: "skip" leaves out rows without a text, words or tags, and warns of their number.
        offline: never ask the network.
        report: takes the errors of rows, lines and documents that cannot be used.

    Raises:
        DataError: something is not as it should be; the error says where.
    """
    notes = Notes()
    for example, given in _examples(source, columns, notes, on_empty, report, offline=offline):
        entities = _trimmed(given, example.text, notes)
        kept = outermost(entities)
        notes.n_overlapping += len(entities) - len(kept)
        if report is not None:
            for error in _tolerated(example, given, kept):
                report(error)
        yield replace(example, entities=tuple(kept))
    if report is not None and notes.habits.n_illegal:
        scheme = notes.habits.scheme.upper()
        report(
            Tolerated(
                f"{counted(notes.habits.n_illegal, 'tag')} against {scheme}",
                where=str(source),
                fix="begin names with B-",
            )
        )
    notes.warn(str(source))


def _tolerated(example: NERExample, given: Sequence[GoldEntity], kept: Sequence[GoldEntity]) -> Iterator[Tolerated]:
    """What is done about entities that are not taken as they were given."""
    standing = set(kept)
    for entity in given:
        if entity in standing:
            continue
        covered = example.text[entity.start : entity.end]
        where = f"{example.where or example.id}, {entity.type} at {entity.start} to {entity.end}"
        if not covered.strip():
            yield Tolerated("an entity holds nothing but white space", where=where, fix="take it out")
        elif covered != covered.strip():
            yield Tolerated(
                f"the entity {covered!r} has white space at its ends", where=where, fix="correct its offsets"
            )
        else:
            yield Tolerated(
                f"the entity {covered!r} shares text with a longer one", where=where, fix="keep one of them"
            )


def _trimmed(entities: Iterable[GoldEntity], text: str, notes: Notes) -> list[GoldEntity]:
    """The entities without white space at their ends, where no word is, and without those of nothing else."""
    found = []
    for entity in entities:
        covered = text[entity.start : entity.end]
        start, end = entity.end - len(covered.lstrip()), entity.start + len(covered.rstrip())
        if start >= end:
            notes.n_blank += 1
            continue
        notes.n_trimmed += (start, end) != (entity.start, entity.end)
        found.append(GoldEntity(entity.type, start, end))
    return found


def outermost(entities: Iterable[GoldEntity]) -> list[GoldEntity]:
    """The entities without those that share a character with a longer one, the first given one of equals."""
    kept: list[GoldEntity] = []
    ends: dict[int, int] = {}  # start -> end of those that were kept
    starts: list[int] = []
    for entity in sorted(entities, key=lambda entity: (entity.start - entity.end, entity.start)):
        at = bisect_right(starts, entity.start)
        if (at and ends[starts[at - 1]] > entity.start) or (at < len(starts) and starts[at] < entity.end):
            continue
        starts.insert(at, entity.start)
        ends[entity.start] = entity.end
        kept.append(entity)
    return sorted(kept, key=lambda entity: entity.start)


def _examples(
    source: str | Path, columns: Columns, notes: Notes, on_empty: OnBad, report: Report | None, *, offline: bool
) -> Iterator[Read]:
    if is_hub(source):
        rows = read_rows(source, offline=offline, example=ROW_EXAMPLE, report=report)
        yield from from_rows(rows, source, columns, notes, on_empty, report)
        return
    found = list(files_in(source, (*ROW_SUFFIXES, *conll.SUFFIXES, BRAT)))
    annotated = {text_beside(file) for file in found if file.suffix == BRAT}
    # README.txt beside words and tags tells of them
    files = [f for f in found if f.suffix != ".txt" or f in annotated or not is_notice(f.name)] or found
    notes.notices += [PurePath(file.name).name for file in found if file not in files]
    for file in files:
        if file.suffix == BRAT:
            yield from_brat(file, notes, report)
        elif file.suffix == ".txt" and annotated:
            notes.n_unannotated += file not in annotated
        elif file.suffix in ROW_SUFFIXES or (file.suffix == ".tsv" and holds_lists(file)):
            rows = file_rows(file, ROW_EXAMPLE, source=source, report=report)
            yield from from_rows(rows, source, columns, notes, on_empty, report)
        else:
            yield from from_conll(file, columns, notes, on_empty, report)
