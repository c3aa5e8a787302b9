"""What data is: which task its rows, lines or folders are for, and in which columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from bigbird_cli.api.recipes.columns import (
    LABEL_NAMES,
    PAIRS,
    Columns,
    are_texts,
    as_lists,
    is_number,
    why_no_names,
)
from bigbird_cli.api.recipes.misfits import (
    EXAMPLES,
    Broken,
    check_brat,
    check_folders,
    check_text,
    is_all_text,
    no_task,
)
from bigbird_cli.data import conll
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import JSON_LINES, SUFFIXES, Row, file_rows, read_rows
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.find import Skipped, is_notice, listed
from bigbird_cli.files.packed import File, files_in
from bigbird_cli.files.streams import text_lines
from bigbird_cli.tasks.classify.data import label_folders
from bigbird_cli.tasks.ner.brat import BRAT
from bigbird_cli.tasks.ner.rows import ENTITIES_COLUMNS, TAGS_COLUMNS, WORDS_COLUMNS
from bigbird_cli.tasks.ner.tags import OUTSIDE, read_tag
from bigbird_cli.text.readers import FASTA, READERS

SAMPLED, SAMPLED_LINES, LETTERS = 200, 5000, 1000
"""Rows, or lines of a word each, by which columns are told."""

SEPARATORS = ("|", ";", ",")
MOST_GRADES = 10
"""Numbers of more values than this measure something."""

MOST_CHOICES = 2
"""Answers of more values than yes and no are parts of texts."""


@dataclass(frozen=True)
class Looked:
    """What data is for: a task's section of a recipe, and the columns that its rows have."""

    task: dict[str, Any]
    columns: tuple[str, ...] = ()
    is_sequences: bool = False
    """Texts are letters, such as DNA."""


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
    broken = Broken()
    if is_hub(source):
        return _look_at_rows(read_rows(source, offline=offline), task, source, broken)
    # of a folder a label, the files may have any suffix, or none
    skipped: list[Skipped] = []
    kinds = (*SUFFIXES, *conll.SUFFIXES, BRAT, *READERS)
    files = [] if _is_a_folder_a_label(path) else list(files_in(source, kinds, on_skipped=skipped.append))
    if not files:
        return _fitting({"type": "classify"}, (), task, source)
    if any(file.suffix == BRAT for file in files):
        check_brat(files, source)
        return _fitting({"type": "ner"}, (), task, source)
    if task is None and skipped and all(is_notice(file.name) for file in files):
        raise UsageError(
            f"nothing of it is read but {PurePath(files[0].name).name}; of other kinds are {listed(skipped[0].names)}",
            where=source,
            fix=f"write them as *.csv or *.jsonl, with rows such as {EXAMPLES['classify']}, or name one of them",
        )
    first = min(files, key=_rank)
    if task in (None, "ner") and first.suffix not in (".json", *JSON_LINES, ".csv", ".parquet", *FASTA):
        columns = _conll_columns(first)
        if columns is not None:
            return _fitting({"type": "ner", **columns}, (), task, source)
    if first.suffix in FASTA:
        # a folder of sequences may be a genome: that each file holds a class is for the user to say
        folder = source if task == "classify" and path.is_dir() else ""
        rows = _of_sequences(file_rows(first, source=folder, report=broken))
        return replace(_look_at_rows(rows, task, source, broken), is_sequences=True)
    if first.suffix in SUFFIXES:
        is_table = first.suffix in (".csv", ".tsv")
        beside = sum(file.suffix in SUFFIXES for file in files) > 1
        rows = file_rows(first, report=broken)
        return _look_at_rows(rows, task, source, broken, is_table=is_table, file=first.name if beside else "")
    if task in (None, "classify"):
        check_folders(files, source, task)
    if task is None:
        check_text(first)
    return _fitting({"type": "mlm"}, (), task, source)


def _rank(file: File) -> int:
    """Rows and words with tags are looked at before texts, and what is said of the data last."""
    if is_notice(file.name):
        return 3
    return 0 if file.suffix in (*SUFFIXES, *conll.SUFFIXES) and file.suffix != ".txt" else 1 + (file.suffix != ".txt")


def _of_sequences(rows: Iterable[Row]) -> Iterator[Row]:
    """The labels of sequences and how they begin: many are looked at together, and each may be a chromosome."""
    for row in rows:
        labels = {name: row.fields[name] for name in LABEL_NAMES if name in row.fields}
        yield replace(row, fields={"text": row.fields["text"][:LETTERS], **labels})


def _is_a_folder_a_label(path: Path) -> bool:
    folders = label_folders(path) if path.is_dir() else []
    return len(folders) > 1 and not any(next(folder.glob(f"*{BRAT}"), None) for folder in folders)


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


# rows


def _look_at_rows(
    found_rows: Iterable[Row],
    task: str | None,
    source: str,
    broken: Broken,
    *,
    is_table: bool = False,
    file: str = "",
) -> Looked:
    """Tell what rows are for; `file` names the one of several that they are of."""
    rows = list(islice(found_rows, SAMPLED))
    if not rows:
        raise broken.error(source) or DataError(
            "there are no rows", where=source, fix=f"give rows such as {EXAMPLES['classify']}"
        )
    columns = list(dict.fromkeys(name for row in rows for name in row.fields))
    if is_table and (why := why_no_names(columns, [[str(row.fields.get(name)) for name in columns] for row in rows])):
        raise DataError(
            f"the first line names no columns: {why}",
            where=source,
            fix="put a line of names above it, such as text,label",
        )
    finders: dict[str, Callable[[Columns], dict[str, Any] | None]] = {
        "qa": _qa,
        "multiple_choice": _multiple_choice,
        "zero_shot": _zero_shot,
        "ner": _ner,
        "classify": _classify,
        "mlm": _language,
    }
    found = Columns({name: [row.fields.get(name) for row in rows] for name in columns})
    wanted = {"causal": "mlm"}.get(task or "", task)
    for name, finder in finders.items():
        section = finder(found) if wanted in (None, name) else None
        if section is not None and (wanted == "mlm" or name != "mlm" or is_all_text(found)):
            return _fitting({"type": name, **section}, columns, task, source)
    raise no_task(found, task, file or source, is_one_of_several=bool(file))


_CONTEXTS = ("context", "passage", "paragraph", "document", "article", "story", "text")
_QUESTIONS = ("question", "query")
_LETTERED = ("A", "B", "C", "D", "E")


def _qa(columns: Columns) -> dict[str, Any] | None:
    names = columns.values.keys()
    if "paragraphs" in names:
        return {}
    if any(columns.is_of(columns.named(name), (list, dict)) for name in ("choices", "options")):
        return None
    answers = columns.named("answers", "answer", "answer_text")
    is_choice = answers is not None and are_texts(as_lists(columns.filled(answers)))
    if is_choice and columns.named("label", "correct", "gold", "answerkey") is not None:
        return None  # the answers are choices
    if {"context", "question"} <= names and not names.isdisjoint({"answers", "is_impossible"}):
        return {}
    context, question = columns.named(*_CONTEXTS), columns.named(*_QUESTIONS)
    is_asked = columns.is_of(context, str) and columns.is_of(question, str)
    if not is_asked or len(names & set(_LETTERED)) > 1 or not _stand_there(columns, str(context), answers):
        return None
    named = {"context_column": context, "question_column": question, "answers_column": answers}
    return {name: column for name, column in named.items() if column != name.removesuffix("_column")}


def _stand_there(columns: Columns, context: str, answers: str | None) -> bool:
    """Whether answers stand in their texts, for the most part, and are no labels."""
    if answers is None:
        return False
    pairs = [
        (answer, text)
        for text, value in zip(columns.values[context], columns.values[answers], strict=True)
        for answer in _answers_of(value)
        if isinstance(text, str)
    ]
    n_there = sum(answer in text for answer, text in pairs)
    return n_there > len(pairs) / 2 and len({answer for answer, _ in pairs}) > MOST_CHOICES


def _answers_of(value: Any) -> list[str]:
    values = value.get("text") if isinstance(value, dict) else value
    return [
        answer
        for each in (values if isinstance(values, list) else [values])
        if isinstance(answer := each.get("text") if isinstance(each, dict) else each, str) and answer
    ]


def _multiple_choice(columns: Columns) -> dict[str, Any] | None:
    context = columns.named("context", "article", "passage", "text", "premise", "story")
    question = columns.named("question", "query")
    choices = columns.named("choices", "options", "endings", "answers")
    label = columns.named("label", "answer", "correct", "gold", "answerkey")
    letters = [name for name in _LETTERED if name in columns.values]
    if context is None or label is None:
        return None
    if choices is None or not columns.is_of(choices, list) or not are_texts(columns.filled(choices)):
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


def _zero_shot(columns: Columns) -> dict[str, Any] | None:
    names = columns.values.keys()
    if not {"text", "labels", "label"} <= names or not columns.is_of("labels", list):
        return None
    return {} if are_texts(columns.filled("labels")) else None


def _ner(columns: Columns) -> dict[str, Any] | None:
    words, tags = columns.named(*WORDS_COLUMNS), columns.named(*TAGS_COLUMNS)
    entities = columns.named(*ENTITIES_COLUMNS)
    if columns.named("text") == "text" and entities is not None and _are_spans(as_lists(columns.filled(entities))):
        return {}
    if words is None or tags is None:
        return None
    found_words, found_tags = as_lists(columns.filled(words)), as_lists(columns.filled(tags))
    if found_words and found_tags:
        return {} if are_texts(found_tags) else None
    one_each = columns.is_of(words, str) and columns.is_of(tags, str)
    return {} if one_each and _are_tags(columns.strings(tags)) else None


def _are_spans(lists: Sequence[list[Any]]) -> bool:
    spans = [span for each in lists for span in each]
    return bool(spans) and all(
        (isinstance(span, dict) and ({"start", "end"} <= span.keys() or "start_offset" in span))
        or (isinstance(span, list) and len(span) == 3)
        for span in spans
    )


def _classify(columns: Columns) -> dict[str, Any] | None:
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


def _both(columns: Columns, names: tuple[str, str]) -> tuple[str, str] | None:
    first, second = columns.named(names[0]), columns.named(names[1])
    is_there = first is not None and second is not None and columns.is_of(first, str) and columns.is_of(second, str)
    return (first, second) if is_there and first and second else None


def _label_column(columns: Columns) -> str | None:
    """The column that is called as labels are, else the one with fewest values; they stand several times each. None
    where there are several that hold 0 or 1, each a label's."""
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
    if len(columns.marks()) > 1:
        return None
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


def _language(columns: Columns) -> dict[str, Any] | None:
    text = columns.text()
    if text is None:
        return None
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
