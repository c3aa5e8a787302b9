"""Data that is for no task as it stands: what is said of it, and what to do."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from bigbird_cli.api.recipes.columns import Columns, are_texts, as_lists
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.find import listed
from bigbird_cli.files.packed import ARCHIVE, File
from bigbird_cli.tasks.ner.brat import BRAT
from bigbird_cli.tasks.ner.gold import SPAN_EXAMPLE
from bigbird_cli.tasks.ner.rows import TAGS_COLUMNS, WORDS_COLUMNS
from bigbird_cli.text.readers import READERS

EXAMPLES = {
    "qa": '{"context": ..., "question": ..., "answers": {"text": ["..."], "answer_start": [0]}}',
    "ner": '{"tokens": ["Ada", "left"], "tags": ["B-PER", "O"]}',
    "classify": '{"text": ..., "label": "a label"}',
    "multiple_choice": '{"context": ..., "question": ..., "choices": ["...", "..."], "label": 0}',
    "zero_shot": '{"text": ..., "labels": ["...", "..."], "label": 0}',
    "mlm": '{"text": ...}',
    "causal": '{"text": ...}',
}
"""A row of each task."""

WRITTEN = (
    *("summary", "summaries", "highlights", "tldr", "target", "targets", "translation"),
    *("response", "completion", "output", "reply", "chosen", "rejected"),
)
"""What columns are called whose texts are to be written rather than found."""

MOST_BESIDE = 0.5
"""Of a corpus, the texts in lists and objects have at most so many of the characters that its texts have."""

SHORT = 40
"""Characters of a mean title at most."""

_START, _LINES = 1 << 16, 50
"""Bytes and lines by which a text is told from rows."""


@dataclass
class Broken:
    """Takes the errors of rows: their number, and the first."""

    count: int = 0
    first: DataError | None = None

    def __call__(self, error: DataError) -> None:
        self.count += 1
        self.first = self.first or error

    def error(self, source: str, n_read: int = 0) -> DataError | None:
        """What to say where most rows are so; None where there are none."""
        if self.first is None:
            return None
        how_many = f"{self.count:,} of {self.count + n_read:,}" if n_read else f"all {self.count:,}"
        said = "" if self.count == 1 else f"{how_many} cannot be used, the first for this: "
        return DataError(said + self.first.problem, where=self.first.where or source, fix=self.first.fix)


# texts


def check_text(file: File) -> None:
    """UsageError where what is called a text holds rows."""
    if file.suffix in READERS and file.suffix not in (".txt", ".md"):
        return
    try:
        with file.open() as stream:
            start = codecs.getincrementaldecoder("utf-8")().decode(stream.read(_START))  # it may end within a character
    except UnicodeDecodeError:
        return  # what reads it says where
    lines = [line for line in start.splitlines()[:_LINES] if line.strip()]
    as_text = "; --task mlm learns from it as text"
    n_columns = {line.count("\t") + 1 for line in lines}
    if len(lines) > 1 and len(n_columns) == 1 and 1 not in n_columns:
        raise UsageError(
            f"each line has {n_columns.pop()} columns, with tabs between them, and no tags that are known",
            where=file.name,
            fix="name it *.tsv, with the columns' names in its first line" + as_text,
        )
    for mark, kind, fix in _ROWS_IN_TEXT:
        if mark.match(start):
            raise UsageError(f"this is {kind}", where=file.name, fix=fix + as_text)


_ROWS_IN_TEXT = (
    (re.compile(r"\ufeff?\s*<\?xml\b"), "XML, of which no rows are read", f"write rows such as {EXAMPLES['classify']}"),
    (re.compile(r"\ufeff?\s*(\[\s*)?\{\s*\""), "JSON", "name it *.json, or *.jsonl if each line is an object"),
    (re.compile(r"\s*\d+\|t\|"), "PubTator, of which no entities are read", f"write rows such as {SPAN_EXAMPLE}"),
    (re.compile(r"\ufeff?>[^\n]+\n[A-Za-z*-]{10,}\r?\n"), "FASTA", "name it *.fa"),
    (re.compile(r"\ufeff?__label__\S"), "fastText's form", f"write rows such as {EXAMPLES['classify']}"),
)


def check_folders(files: Sequence[File], source: str, task: str | None) -> None:
    """UsageError where an archive has folders of texts, each of which may be a label."""
    folders = Counter(PurePath(file.member).parent.name for file in files if file.member is not None)
    if PurePath(source).suffix.lower() == ARCHIVE and len(folders) > 1 and min(folders.values()) > 1:
        raise UsageError(
            f"folders of texts in an archive are no labels: {listed(sorted(folders))}",
            where=source,
            fix="unpack it, and name the folder that holds them"
            + ("" if task else "; --task mlm learns from the texts alone"),
        )


def check_brat(files: Sequence[File], source: str) -> None:
    """UsageError where rows, or words and tags, stand beside brat's files: they may well say the same."""
    beside = [file.name for file in files if file.suffix not in (BRAT, *READERS)]
    if beside:
        folder = PurePath(next(file.name for file in files if file.suffix == BRAT)).parent
        raise UsageError(
            f"the folder holds brat's annotations and files of other forms, such as {beside[0]}",
            where=source,
            fix=f"name the folder of one form, as in {folder}",
        )


# rows


def is_all_text(columns: Columns) -> bool:
    """Whether rows have hardly a text beside the one that a language may be learnt from."""
    text = columns.text()
    if text is None:
        return False
    n_characters = sum(map(len, columns.strings(text)))
    beside = sum(
        len(part) for values in columns.values.values() for value in values for part in _strings_in(value, depth=0)
    )
    is_labelled = len(columns.marks()) > 1
    return beside <= MOST_BESIDE * n_characters and not is_labelled and not _is_to_be_written(columns)


def _strings_in(value: Any, depth: int = 1) -> Iterator[str]:
    """The strings in lists and objects."""
    if isinstance(value, str) and depth:
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings_in(each)


def _is_to_be_written(columns: Columns) -> bool:
    """Whether a column holds summaries or replies, and another one what they are made of."""
    texts = [name for name in columns.values if columns.is_of(name, str) or are_texts(columns.filled(name))]
    return len(texts) > 1 and columns.named(*WRITTEN) in texts


def no_task(columns: Columns, task: str | None, source: str, *, is_one_of_several: bool = False) -> UsageError:
    """What to say of rows in whose columns no task, or not this one, finds what it needs."""
    names = list(columns.values)
    return UsageError(
        f"no columns for {task or 'any task'} among {', '.join(names[:_MOST])}",
        where=source,
        fix=_remedy(columns, task) + "; where another file holds the data, name it" * is_one_of_several,
        details=[f"{name or '(no name)'}: {_held(columns.filled(name))}" for name in names[:_MOST]],
    )


_MOST = 12


def _remedy(columns: Columns, task: str | None) -> str:
    words, tags = columns.named(*WORDS_COLUMNS), columns.named(*TAGS_COLUMNS)
    text = columns.text()
    is_long = text is not None and sum(map(len, columns.strings(text))) >= SHORT * len(columns.strings(text))
    texts = f"; --task mlm learns from {text!r} alone" if is_long and task is None else ""
    if words and tags and task in (None, "ner") and are_texts(as_lists(columns.filled(words))):
        found = [each for tagged in as_lists(columns.filled(tags)) for each in tagged]
        if found and all(isinstance(each, int) for each in found):
            return f"{tags!r} holds numbers: write tags, or name them in a recipe, as in task.tags: [O, B-PER, I-PER]"
        if found and all(isinstance(each, list) for each in found):
            return f"{tags!r} counts words: write a tag for each word, as in {EXAMPLES['ner']}"
    if (marks := columns.marks())[1:] and task in (None, "classify"):
        return (
            f"{', '.join(marks[:3])}{', ...' * (len(marks) > 3)} hold 0 or 1: write those that hold in one column, "
            'such as {"text": ..., "labels": ["a", "b"]}'
        )
    context, question = columns.named("context", "passage", "paragraph_text"), columns.named(*_QUESTIONS)
    if context and question and task in (None, "qa"):
        return f"questions are learnt from rows such as {EXAMPLES['qa']}" + texts
    if any(_is_chat(value) for values in columns.values.values() for value in values):
        return f"no task learns from chats: write what is to be found in them as rows such as {EXAMPLES['classify']}"
    if task is None and _is_to_be_written(columns):
        return f"no task writes texts, such as summaries and replies{texts}"
    if _is_a_whole_table(columns):
        return 'the file is one object: write a list of rows, {"data": [...]}, or a row a line'
    if task is None and any(isinstance(value, dict) for value in _parts(columns)):
        return f"no task reads what is nested: write each thing to find as a row, such as {EXAMPLES['qa']}{texts}"
    return f"give rows such as {EXAMPLES[task or 'classify']}, or name the columns in a shipped recipe{texts}"


def _is_a_whole_table(columns: Columns) -> bool:
    """Whether one object holds all rows: by their names, column by column, or in a list."""
    whole = [values[0] for values in columns.values.values() if len(values) == 1]
    if len(whole) < len(columns.values):
        return False
    are_lists = all(isinstance(each, list) and len(each) == len(whole[0]) for each in whole)
    return are_lists or all(isinstance(each, dict) for each in whole)


def _parts(columns: Columns) -> Iterator[Any]:
    """The values of rows, and those in their lists."""
    for values in columns.values.values():
        for value in values:
            yield from value if isinstance(value, list) else [value]


_QUESTIONS = ("question", "query", "question_text")


def _is_chat(value: Any) -> bool:
    turns = value if isinstance(value, list) else []
    return bool(turns) and all(
        isinstance(turn, dict) and ({"role", "content"} <= turn.keys() or {"from", "value"} <= turn.keys())
        for turn in turns
    )


def _held(values: Sequence[Any]) -> str:
    """What a column holds, in a few words."""
    if not values:
        return "nothing"
    value = values[0]
    if isinstance(value, str):
        return f"strings, of {round(sum(len(str(each)) for each in values) / len(values)):,} characters on average"
    if isinstance(value, list):
        inner = next((each for each in value if each is not None), None)
        return "lists" if inner is None else f"lists of {'strings' if isinstance(inner, str) else _held([inner])}"
    if isinstance(value, dict):
        return f"objects with {', '.join(list(map(str, value))[:4])}"
    return "true or false" if isinstance(value, bool) else "numbers" if isinstance(value, int | float) else "nothing"
