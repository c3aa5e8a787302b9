"""What data is: which task its rows, lines or folders are for, in which columns, and which of its files are for dev."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from bigbird_cli.api.recipes.columns import LABEL_NAMES, PAIRS, TEXT_NAMES, is_number, why_no_names
from bigbird_cli.data import conll
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import SUFFIXES, Row, file_rows, is_empty, read_rows
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.find import is_left_out
from bigbird_cli.files.json import parse_json
from bigbird_cli.files.packed import ARCHIVE, PACKED, File, files_in
from bigbird_cli.files.streams import text_lines
from bigbird_cli.tasks.classify.data import label_folders
from bigbird_cli.tasks.ner.brat import BRAT
from bigbird_cli.tasks.ner.rows import ENTITIES_COLUMNS, TAGS_COLUMNS, WORDS_COLUMNS
from bigbird_cli.tasks.ner.tags import OUTSIDE, read_tag
from bigbird_cli.text.readers import FASTA, READERS

SAMPLED, SAMPLED_LINES, LETTERS = 200, 5000, 1000
"""Rows, or lines of a word each, by which columns are told."""

SHORT = 40
"""Characters of a mean title at most."""

SEPARATORS = ("|", ";", ",")
MOST_GRADES = 10
"""Numbers of more values than this measure something."""

DEV_NAMES, TEST_NAMES = ("dev", "devel", "valid", "validation", "val", "eval"), ("test", "testing")


@dataclass(frozen=True)
class Sources:
    """The files, folders or hub splits of a data set; None for what is not there."""

    train: str
    dev: str | None = None
    test: str | None = None


@dataclass(frozen=True)
class Looked:
    """What data is for: a task's section of a recipe, and the columns that its rows have."""

    task: dict[str, Any]
    columns: tuple[str, ...] = ()
    is_sequences: bool = False
    """Texts are letters, such as DNA."""


def sources_of(data: str) -> Sources:
    """Find the parts of a data set: of a folder by their names, of a file by those that stand beside it.

    train.csv, dev.csv and test.csv, train/, valid/ and test/, or wnut17.train.conll beside wnut17.dev.conll.
    """
    path = Path(data)
    if is_hub(data):
        return Sources(data)
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if not is_left_out(each.name))
        train = next((each for each in inside if _is_called(each, ("train", "training")) and _may_be_data(each)), None)
        if train is None:
            return Sources(data)
    else:
        inside = sorted(path.parent.iterdir()) if _is_called(path, ("train", "training")) else []
        train = path
    others = [each for each in inside if each.suffix == train.suffix and each != train]
    dev, test = (
        next((str(each) for each in others if _is_called(each, names)), None) for names in (DEV_NAMES, TEST_NAMES)
    )
    return Sources(str(train), dev, test)


def _may_be_data(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] and suffixes[-1] in PACKED and len(suffixes) > 1 else path.suffix.lower()
    return path.is_dir() or kind in (*SUFFIXES, *conll.SUFFIXES, *READERS, ARCHIVE)


def _is_called(path: Path, names: Sequence[str]) -> bool:
    words = re.split(r"[^a-z]+", path.name.lower())
    return any(word in names for word in words)


def look(source: str, *, task: str | None = None, offline: bool = False) -> Looked:
    """Tell what a source is for.

    Args:
        source: of training data, as `sources_of` names it.
        task: what it is to be for; None to find out.
        offline: never ask the network.

    Raises:
        DataError: it cannot be read, or is for no task that is known here.
        UsageError: it is not for that task.
    """
    path = Path(source)
    if is_hub(source):
        return _look_at_rows(read_rows(source, offline=offline), task, source)
    # of a folder a label, the files may have any suffix, or none
    files = [] if _is_a_folder_a_label(path) else list(files_in(source, (*SUFFIXES, *conll.SUFFIXES, BRAT, *READERS)))
    if not files:
        return _fitting({"type": "classify"}, (), task, source)
    if any(file.suffix == BRAT for file in files):
        return _fitting({"type": "ner"}, (), task, source)
    first = files[0]
    if task in (None, "ner") and first.suffix not in (".json", ".jsonl", ".ndjson", ".csv", ".parquet", *FASTA):
        columns = _conll_columns(first)
        if columns is not None:
            return _fitting({"type": "ner", **columns}, (), task, source)
    if first.suffix in FASTA:
        # a folder of sequences may be a genome: that each file holds a class is for the user to say
        folder = source if task == "classify" and path.is_dir() else ""
        rows = _of_sequences(file_rows(first, source=folder, report=_pass_over))
        return replace(_look_at_rows(rows, task, source), is_sequences=True)
    if first.suffix in SUFFIXES:
        is_table = first.suffix in (".csv", ".tsv")
        return _look_at_rows(file_rows(first, report=_pass_over), task, source, is_table=is_table)
    return _fitting({"type": "mlm"}, (), task, source)


def _of_sequences(rows: Iterable[Row]) -> Iterator[Row]:
    """The labels of sequences and how they begin: many are looked at together, and each may be a chromosome."""
    for row in rows:
        labels = {name: row.fields[name] for name in LABEL_NAMES if name in row.fields}
        yield replace(row, fields={"text": row.fields["text"][:LETTERS], **labels})


def _is_a_folder_a_label(path: Path) -> bool:
    folders = label_folders(path) if path.is_dir() else []
    return len(folders) > 1 and not any(next(folder.glob(f"*{BRAT}"), None) for folder in folders)


def _pass_over(error: DataError) -> None:
    """What cannot be used is counted when all is read."""


def _fitting(section: dict[str, Any], columns: Sequence[str], task: str | None, source: str) -> Looked:
    if task is None or task == section["type"]:
        return Looked(section, tuple(columns))
    if {task, section["type"]} == {"mlm", "causal"}:
        return Looked({**section, "type": task}, tuple(columns))
    named = f"; its columns are {', '.join(columns)}" if columns else ""
    raise UsageError(
        f"this is data for {section['type']}, not for {task}{named}",
        where=source,
        fix=f"leave --task out, or give rows such as {EXAMPLES[task]}",
    )


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


# rows


def _look_at_rows(found_rows: Iterable[Row], task: str | None, source: str, *, is_table: bool = False) -> Looked:
    rows = list(islice(found_rows, SAMPLED))
    if not rows:
        raise DataError("there are no rows", where=source, fix=f"give rows such as {EXAMPLES['classify']}")
    columns = list(dict.fromkeys(name for row in rows for name in row.fields))
    if is_table and (why := why_no_names(columns, [[str(row.fields.get(name)) for name in columns] for row in rows])):
        raise DataError(
            f"the first line names no columns: {why}",
            where=source,
            fix="put a line of names above it, such as text,label",
        )
    finders: dict[str, Callable[[_Columns], dict[str, Any] | None]] = {
        "qa": _qa,
        "multiple_choice": _multiple_choice,
        "zero_shot": _zero_shot,
        "ner": _ner,
        "classify": _classify,
        "mlm": _language,
    }
    found = _Columns({name: [row.fields.get(name) for row in rows] for name in columns})
    wanted = {"causal": "mlm"}.get(task or "", task)
    for name, finder in finders.items():
        section = finder(found) if wanted in (None, name) else None
        if section is not None:
            return _fitting({"type": name, **section}, columns, task, source)
    raise UsageError(
        f"no columns for {task or 'any task'} among {', '.join(columns[:12])}",
        where=source,
        fix=f"give rows such as {EXAMPLES[task or 'classify']}, or take a shipped recipe and name the columns in it",
    )


@dataclass(frozen=True)
class _Columns:
    """Columns and the values of the first rows."""

    values: Mapping[str, Sequence[Any]]

    def named(self, *names: str) -> str | None:
        """The first column that is called so, however it is capitalised."""
        lowered = {name.lower().lstrip("\ufeff"): name for name in reversed(list(self.values))}
        return next((lowered[name] for name in names if name in lowered), None)

    def has_lists(self) -> bool:
        """Whether a column holds lists or objects."""
        return any(isinstance(value, list | dict) for values in self.values.values() for value in values)

    def filled(self, column: str) -> list[Any]:
        return [value for value in self.values[column] if not is_empty(value)]

    def is_of(self, column: str | None, kind: type | tuple[type, ...]) -> bool:
        """Whether a column is there and holds values of this kind, but for a few that are mistakes."""
        filled = self.filled(column) if column is not None else []
        n_of_kind = sum(isinstance(value, kind) for value in filled)
        return n_of_kind > 0 and n_of_kind >= 0.9 * len(filled)

    def strings(self, column: str) -> list[str]:
        return [value for value in self.values[column] if isinstance(value, str) and value.strip()]

    def text(self, *, without: str | None = None) -> str | None:
        """The column of texts: one that is called so, else that of the longest."""
        sizes = {
            name: sum(map(len, self.strings(name)))
            for name in self.values
            if name != without
            and self.is_of(name, str)
            and any(" " in value or len(value) > 40 for value in self.strings(name))
        }
        usual = self.named(*(name for name in TEXT_NAMES if self.named(name) in sizes))
        return usual or max(sizes, key=lambda name: sizes[name], default=None)


def _qa(columns: _Columns) -> dict[str, Any] | None:
    names = columns.values.keys()
    is_flat = {"context", "question"} <= names and not names.isdisjoint({"answers", "is_impossible"})
    is_flat = is_flat and not columns.is_of("choices" if "choices" in names else None, (list, dict))
    return {} if "paragraphs" in names or is_flat else None


def _multiple_choice(columns: _Columns) -> dict[str, Any] | None:
    context = columns.named("context", "article", "passage", "text", "premise", "story")
    question = columns.named("question", "query")
    choices = columns.named("choices", "options", "endings", "answers")
    label = columns.named("label", "answer", "correct", "gold", "answerkey")
    letters = [name for name in ("A", "B", "C", "D", "E") if name in columns.values]
    if context is None or label is None:
        return None
    if choices is None or not columns.is_of(choices, list) or not _are_texts(columns.filled(choices)):
        if len(letters) < 2:
            return None
        choices = ",".join(letters)
    named = {"context_column": context, "question_column": question, "choices_column": choices, "label_column": label}
    usual = {
        "context_column": "context",
        "question_column": "question",
        "choices_column": "choices",
        "label_column": "label",
    }
    return {name: column for name, column in named.items() if column != usual[name]}


def _zero_shot(columns: _Columns) -> dict[str, Any] | None:
    names = columns.values.keys()
    if not {"text", "labels", "label"} <= names or not columns.is_of("labels", list):
        return None
    return {} if _are_texts(columns.filled("labels")) else None


def _ner(columns: _Columns) -> dict[str, Any] | None:
    words, tags = columns.named(*WORDS_COLUMNS), columns.named(*TAGS_COLUMNS)
    entities = columns.named(*ENTITIES_COLUMNS)
    if columns.named("text") == "text" and entities is not None and _are_spans(_as_lists(columns.filled(entities))):
        return {}
    if words is None or tags is None:
        return None
    found_words, found_tags = _as_lists(columns.filled(words)), _as_lists(columns.filled(tags))
    if found_words and found_tags:
        return {} if _are_texts(found_tags) else None
    one_each = columns.is_of(words, str) and columns.is_of(tags, str)
    return {} if one_each and _are_tags(columns.strings(tags)) else None


def _as_lists(values: Sequence[Any]) -> list[list[Any]]:
    """The lists of a column, which CSV writes as JSON; none where it holds something else."""
    found = []
    for value in values:
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = parse_json(value)
            except (ValueError, RecursionError):
                return []
        if not isinstance(value, list):
            return []
        found.append(value)
    return found


def _are_texts(lists: Sequence[Any]) -> bool:
    return any(lists) and all(isinstance(value, str) for each in lists if isinstance(each, list) for value in each)


def _are_spans(lists: Sequence[list[Any]]) -> bool:
    spans = [span for each in lists for span in each]
    return bool(spans) and all(
        (isinstance(span, dict) and ({"start", "end"} <= span.keys() or "start_offset" in span))
        or (isinstance(span, list) and len(span) == 3)
        for span in spans
    )


def _classify(columns: _Columns) -> dict[str, Any] | None:
    label = _label_column(columns)
    if label is None:
        return None
    pairs = (_both(columns, names) for names in PAIRS)
    text, second = next((pair for pair in pairs if pair is not None and label not in pair), (None, None))
    text = text or columns.text(without=label)
    if text is None:
        return None
    section: dict[str, Any] = {}
    if text != "text":
        section["text_column"] = text
    if second is not None:
        section["pair_column"] = second
    if label != "label":
        section["label_column"] = label
    return section | _problem(columns.filled(label))


def _both(columns: _Columns, names: tuple[str, str]) -> tuple[str, str] | None:
    first, second = columns.named(names[0]), columns.named(names[1])
    is_there = first is not None and second is not None and columns.is_of(first, str) and columns.is_of(second, str)
    return (first, second) if is_there and first and second else None


def _label_column(columns: _Columns) -> str | None:
    """The column that is called as labels are, else the one with fewest values; they stand several times each."""
    counts = {
        name: len({str(value) for value in columns.filled(name)})
        for name in columns.values
        if (values := columns.filled(name)) and all(_is_label(value) for value in values)
    }
    usual = [name for name in LABEL_NAMES if columns.named(name) in counts]
    for name in usual:
        column = columns.named(name)
        values = columns.filled(str(column))
        if column and (counts[column] <= max(2, len(values) // 2) or all(is_number(str(value)) for value in values)):
            return column
    few = {name: n for name, n in counts.items() if 2 <= n <= max(2, len(columns.values[name]) // 4)}
    return min(few, key=lambda name: few[name], default=None)


def _is_label(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str | int | float)


def _problem(labels: Sequence[Any]) -> dict[str, Any]:
    """What classification's problem is, by some labels."""
    if all(isinstance(label, list) for label in labels):
        return {"problem": "multi"}
    words = [str(label) for label in labels]
    if all(map(is_number, words)):
        measures = len(set(words)) > MOST_GRADES or any("." in word.removesuffix(".0") for word in words)
        return {"problem": "regression"} if measures else {}
    for separator in SEPARATORS:
        parts = {part.strip() for word in words for part in word.split(separator)}
        if any(separator in word for word in words) and len(parts) < len(set(words)):
            return {"problem": "multi", "label_separator": separator}
    return {}


def _language(columns: _Columns) -> dict[str, Any] | None:
    text = columns.text()
    if text is None:
        return None
    n_characters = sum(map(len, columns.strings(text)))
    if columns.has_lists() and n_characters < SHORT * len(columns.strings(text)):
        return None  # the title of what stands in the lists
    return {} if text == "text" else {"text_column": text}


# words and tags


def _conll_columns(file: File) -> dict[str, int] | None:
    """Which columns of a file's lines are words and tags, where those are not the first and the last; None of other
    files."""
    tokens: list[list[str]] = []
    try:
        for columns in islice(_table(file), SAMPLED_LINES):
            tokens.append(columns)
    except DataError:
        return None
    if len(tokens) < 2 or len({len(columns) for columns in tokens}) > 2:
        return None
    n_columns = min(map(len, tokens))
    if n_columns < 2:
        return None
    by_column = [[columns[i] for columns in tokens] for i in range(n_columns)]
    is_tag = [_are_tags(values[1:]) for values in by_column]  # the first may be the columns' names
    if not any(is_tag):
        return None
    tag = n_columns - 1 - is_tag[::-1].index(True)
    if sum(is_tag) > 1 and by_column[tag].count(OUTSIDE) == len(tokens):
        tag = is_tag.index(True)
    word = next(i for i in range(n_columns) if i != tag and not all(value.isdecimal() for value in by_column[i][1:]))
    usual = (0, n_columns - 1)
    return {
        **({"words_column": word} if word != usual[0] else {}),
        **({"tags_column": tag} if tag != usual[1] else {}),
    }


def _table(file: File) -> Iterator[list[str]]:
    """The lines of a file by their columns, without those that are empty or comments."""
    with file.open() as stream:
        for line in text_lines(stream, file.name):
            line = line.rstrip("\r\n")
            if line.strip() and not line.startswith(("# ", "#\t", "-DOCSTART-")):
                yield line.split("\t") if "\t" in line else line.split()


def _are_tags(values: Sequence[str]) -> bool:
    """Whether values are tags: outside, or a mark and a type; of the latter there is one at least."""
    tags = [read_tag(value) for value in set(values)]
    marked = [tag for tag in tags if tag.mark != OUTSIDE]
    return bool(marked) and all(tag.marked for tag in marked)
