"""Words and their tags from CoNLL files: a word a line, its columns behind it, a blank line between sentences."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from bigbird_cli.data.rows import FILL, EmptyValue
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.packed import File, files_in
from bigbird_cli.files.streams import text_lines
from bigbird_cli.messages import counted

SUFFIXES = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes", ".txt", ".tsv")
"""The kinds of files that are taken from a folder or an archive."""

WORD_NAMES = ("token", "tokens", "word", "words", "form")
TAG_NAMES = (
    *("ner", "ner_tag", "ner_tags", "ne", "ne_tag", "ne-coarse-lit", "named_entity", "entity"),
    *("iob", "iob2", "bio", "bioes", "label", "labels", "tag", "tags"),
)
"""What a first line calls the columns of words and tags, lower case; of several, the first of these is the tag's."""

_DOCUMENT = re.compile(r"-DOCSTART-|#begin document\b|# (?:newdoc|(?:hipe2022:)?document_id)\b")
_NAMES = "# global.columns ="


class Token(NamedTuple):
    """A word, its tag, and the line in which they stand, counted from 1."""

    word: str
    tag: str
    line: int


@dataclass(frozen=True, eq=False)
class Sentences:
    """A document, sentence by sentence.

    Attributes:
        name: what the file calls it (`# newdoc id = ...`), else "file:line" of its beginning.
        where: "file:line" of its beginning, for messages.
        file: the file's name; a word's location is f"{file}:{token.line}".
        sentences: its sentences; none is empty.
    """

    name: str
    where: str
    file: str
    sentences: tuple[tuple[Token, ...], ...]


def read_sentences(source: str | Path, *, word: int | None = None, tag: int | None = None) -> Iterator[Sentences]:
    """Read documents lazily: one ends where a line says that the next begins, or with the file.

    Such a line is -DOCSTART-, `# newdoc`, `# document_id` (HIPE) or `#begin document`.

    Columns are separated by tabs where the line has one, else by spaces. A line `# ...` before a sentence's first word
    is a comment, unless it has the columns of a word and they are separated by spaces, as those of the words before it;
    so is `#<tab>...` with other columns than words have, or with an address (GermEval). A first line that names the
    columns of words and tags is no word.

    Args:
        source: a file, packed or not, an archive, or a folder with files of such kinds (SUFFIXES).
        word, tag: which columns hold the word and its tag; negative ones count from the last. None for those that the
            first line names, else the first and the last.

    Raises:
        DataError: a file is missing, not UTF-8 or holds no word, or a line has another number of columns than those
            before it, or too few; it names the location.
    """
    for file in files_in(source, SUFFIXES):
        yield from file_sentences(file, word=word, tag=tag)


def file_sentences(
    file: File,
    *,
    word: int | None = None,
    tag: int | None = None,
    on_empty: Callable[[EmptyValue], None] | None = None,
    report: Report | None = None,
) -> Iterator[Sentences]:
    """Read the documents of one file, see `read_sentences`; on_empty takes the error of a line to be left out, `report`
    that of any other that cannot be used."""
    with file.open() as stream:
        yield from _Reader(file, word, tag, on_empty, report).read(text_lines(stream, file.name))


class _Reader:
    """Reads one file; holds the present document."""

    def __init__(
        self,
        file: File,
        word: int | None,
        tag: int | None,
        on_empty: Callable[[EmptyValue], None] | None,
        report: Report | None,
    ) -> None:
        self.file, self.word, self.tag = file.name, word, tag
        self.on_empty, self.report = on_empty, report
        self.n_columns = 0
        self.has_tabs = False
        self.has_header = False
        self.sentences: list[tuple[Token, ...]] = []
        self.sentence: list[Token] = []
        self.begun = 0
        self.name = ""

    def read(self, lines: Iterator[str]) -> Iterator[Sentences]:
        found = False
        for number, (line, following) in enumerate(pairwise(chain(lines, [""])), start=1):
            line = line.rstrip("\r\n")
            if not line.strip(" \t"):
                self._end_sentence()
            elif _DOCUMENT.match(line):
                yield from self._end_document()
                self.name = line.partition("=")[2].strip()
            elif line.startswith(_NAMES):
                self._take_names(line.removeprefix(_NAMES).split())
            elif self._is_comment(line, following.rstrip("\r\n")):
                pass
            elif found or self.has_header or not self._take_names(_split(line)):
                self.begun = self.begun or number
                try:
                    self.sentence.append(self._token(line, number))
                except DataError as error:
                    if isinstance(error, EmptyValue) and self.on_empty is not None:
                        self.on_empty(error)
                    elif self.report is None:
                        raise
                    else:
                        self.report(error)
                found = True
        yield from self._end_document()
        if not found:
            raise DataError("the file holds no words", where=self.file, fix="give a word and its tag in each line")

    def _is_comment(self, line: str, following: str) -> bool:
        if self.has_tabs and line.startswith("# ") and "\t" not in line:
            return True
        if self.sentence or not (line in ("#", "#end document") or line.startswith(("# ", "#\t"))):
            return False
        n_columns = len(_split(line))
        if line.startswith("#\t"):
            return n_columns != (self.n_columns or len(_split(following)) or n_columns) or "://" in line
        return self.has_tabs or n_columns != self.n_columns

    def _take_names(self, names: Sequence[str]) -> bool:
        """Whether a line names the columns; those of words and tags are taken from it unless they are known."""
        lowered = [name.lower() for name in names]
        words = [lowered.index(name) for name in WORD_NAMES if name in lowered]
        tags = [lowered.index(name) for name in TAG_NAMES if name in lowered]
        self.has_header = bool(words and tags)
        if self.has_header:
            self.word = words[0] if self.word is None else self.word
            self.tag = tags[0] if self.tag is None else self.tag
        return self.has_header

    def _token(self, line: str, number: int) -> Token:
        where = f"{self.file}:{number}"
        columns = _split(line)
        at_word = 0 if self.word is None else self.word
        at_tag = -1 if self.tag is None else self.tag
        if not self.n_columns:
            self.n_columns, self.has_tabs = len(columns), "\t" in line
            least = max(k + 1 if k >= 0 else -k for k in (at_word, at_tag))
            if len(columns) < max(2, least):
                raise DataError(
                    f"the line has {counted(len(columns), 'column')}, too few for a word and its tag",
                    where=where,
                    fix="separate the columns by a tab or by spaces",
                )
        elif len(columns) != self.n_columns:
            raise DataError(
                f"the line has {counted(len(columns), 'column')}, those before it have {self.n_columns}",
                where=where,
                fix="the line is torn, or a word holds a separator",
            )
        word, tag = columns[at_word], columns[at_tag]
        if not word or not tag:
            raise EmptyValue(f"the {'word' if not word else 'tag'} is empty", where=where, fix=FILL)
        return Token(word, tag, number)

    def _end_sentence(self) -> None:
        if self.sentence:
            self.sentences.append(tuple(self.sentence))
            self.sentence = []

    def _end_document(self) -> Iterator[Sentences]:
        self._end_sentence()
        if self.sentences:
            where = f"{self.file}:{self.begun}"
            yield Sentences(self.name or where, where, self.file, tuple(self.sentences))
        self.sentences, self.begun, self.name = [], 0, ""


def _split(line: str) -> list[str]:
    if "\t" in line:
        return [column.strip(" ") for column in line.split("\t")]
    return [column for column in line.split(" ") if column]  # no other white space: a word may hold a no-break space
