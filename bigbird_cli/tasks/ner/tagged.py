"""Words with tags: files of CoNLL, and what sentences of them are as one text with entities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from bigbird_cli.choices import OnBad
from bigbird_cli.data import conll
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.packed import File
from bigbird_cli.tasks.base import warn_of_empty
from bigbird_cli.tasks.ner.gold import Columns, GoldEntity, NERExample, Notes, Read, reported
from bigbird_cli.tasks.ner.tags import OUTSIDE, read_tag, spans_of, unusual_tag

UNUSUAL_FIX = "write a mark, a dash and the type, as in B-PER, I-PER and O"


def from_conll(file: File, columns: Columns, notes: Notes, on_empty: OnBad, report: Report | None) -> Iterator[Read]:
    word = _number(columns.words, "words_column")
    tag = _number(columns.tags, "tags_column")
    first: conll.Token | None = None
    tags: Counter[str] = Counter()
    empty: list[DataError] = []
    skip = None if on_empty == "error" else empty.append
    for document in conll.file_sentences(file, word=word, tag=tag, on_empty=skip, report=report):
        sentences = [
            tuple(zip(*((token.word, token.tag) for token in each), strict=True)) for each in document.sentences
        ]
        if all(words == tuple(map(str, range(1, len(words) + 1))) for words, _ in sentences):
            raise DataError(
                f"the words in column {word or 0} only count: 1, 2, 3",
                where=document.where,
                fix="say where words and tags stand, as in task.words_column: 1 and task.tags_column: 2",
            )
        first = first or document.sentences[0][0]
        for _, found in sentences:
            tags.update(found)
        yield from reported(
            report, partial(joined, [(words, tags) for words, tags in sentences], document.name, document.where, notes)
        )
    warn_of_empty(len(empty), file.name)
    if first is not None:
        _reject_header(first, tags, file)


def _reject_header(first: conll.Token, tags: Mapping[str, int], file: File) -> None:
    """DataError where the first tag of a file stands there alone, unmarked, and all others are marked."""
    others = [read_tag(tag) for tag in tags if tag not in (OUTSIDE, first.tag)]
    is_odd = first.tag != OUTSIDE and tags[first.tag] == 1 and not read_tag(first.tag).marked
    if is_odd and others and all(tag.marked for tag in others):
        raise DataError(
            f"the first word {first.word!r} has the tag {first.tag!r}, and all other tags have marks as B- and I-",
            where=f"{file.name}:{first.line}",
            fix="take the line out if it names the columns, or correct the tag",
        )


def _number(column: str | int | None, name: str) -> int | None:
    if column is None or isinstance(column, int):
        return column
    raise DataError(
        f"task.{name} is {column!r}, but CoNLL columns have numbers", fix="count from 0, or from the right: -1, -2, ..."
    )


def joined(sentences: Sequence[tuple[Sequence[str], Sequence[str]]], id_: str, where: str, notes: Notes) -> Read:
    """One text of sentences of (words, tags), and its entities."""
    pieces: list[str] = []
    entities: list[GoldEntity] = []
    offset = 0
    unusual = unusual_tag(tag for _, tags in sentences for tag in tags)
    if unusual is not None:
        raise DataError(f"the tag {unusual!r} has its mark where none is looked for", where=where, fix=UNUSUAL_FIX)
    for words, tags in sentences:
        notes.habits.add(tags)
        starts: list[int] = []
        for k, word in enumerate(words):
            if pieces:
                pieces.append(" " if k else "\n")
                offset += 1
            starts.append(offset)
            pieces.append(word)
            offset += len(word)
        for span in spans_of(tags):
            last = span.stop - 1
            entities.append(GoldEntity(span.type, starts[span.first], starts[last] + len(words[last])))
    return NERExample(id_, "".join(pieces), where=where), entities
