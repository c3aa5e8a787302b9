"""Labelled texts: from rows, and from folders with one subfolder of text files a label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bigbird_cli.choices import OnBad
from bigbird_cli.data.rows import FILL, SUFFIXES, EmptyValue, Row, read_rows
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.find import is_left_out
from bigbird_cli.files.streams import file_errors, read_stream
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.tasks.base import UnreadableText, examples_of

if TYPE_CHECKING:
    from bigbird_cli.tasks.classify.problems import Problem

UNLABELLED = "unsup"
"""Subfolder of texts without a label, beside those of the labels."""

Label = str | tuple[str, ...] | float
"""Of one problem each: a label, several (or none), a number."""


@dataclass(frozen=True, eq=False)
class LabelledText:
    """A document and its label.

    Attributes:
        id: the row's, or where it stands.
        text, pair: the texts as given; pair is None where there is one text only.
        label: the gold.
        where: the file and the line or row in it, for messages.
    """

    id: str
    text: str
    label: Label
    pair: str | None = None
    where: str = ""


@dataclass(frozen=True)
class Columns:
    """Where in a row the text, the second text (if there is one), the label and the row's name stand.

    `separator` is what stands between several labels in one string.
    """

    text: str
    pair: str | None
    label: str
    id: str
    separator: str | None


def read_examples(
    source: str | Path,
    columns: Columns,
    problem: "Problem",
    *,
    on_empty: OnBad = "error",
    on_unreadable: OnBad = "error",
    offline: bool = False,
    report: Report | None = None,
) -> Iterator[LabelledText]:
    """Read rows, or a folder that has one subfolder of text files a label, one text after the other.

    A subfolder called unsup is left out: so IMDb names the reviews that nobody has labelled.

    Args:
        source: a file, a folder or hub:NAME.
        columns: where in a row to look.
        problem: what a label is.
        on_empty: "skip" leaves out what lacks a text or a label, and warns of their number.
        on_unreadable: "skip" leaves out the files of a folder that are no text in UTF-8, and warns of their number.
        offline: never ask the network.
        report: takes the errors of rows and files that cannot be used.

    Raises:
        DataError: something cannot be used, or a folder holds both kinds; the error says where.
    """
    path = Path(source)
    if path.is_dir() and (folders := label_folders(path)):
        if not problem.folders_are_labels:
            raise DataError(
                "a folder for each label gives one label a text", where=str(path), fix="set task.problem to single"
            )
        for folder in folders:
            check_text(folder.name, "the folder's name, which is a label,", str(path))
        files = [file for folder in folders for file in sorted(folder.iterdir()) if _is_text(file)]
        yield from examples_of(
            files, _labelled_file, source=path, on_empty=on_empty, on_unreadable=on_unreadable, report=report
        )
        return

    def example(row: Row) -> LabelledText:
        name = row.fields.get(columns.id)
        return LabelledText(
            id=row.where if name is None else str(name),
            text=row.filled_text(columns.text, setting="task.text_column"),
            label=problem.label_of(row, columns),
            pair=None if columns.pair is None else row.text(columns.pair, setting="task.pair_column"),
            where=row.where,
        )

    pair = f', "{columns.pair}": ...' if columns.pair else ""
    written = f'{{"{columns.text}": ...{pair}, "{columns.label}": {problem.example_label}}}'
    rows = read_rows(source, offline=offline, example=written, report=report)
    yield from examples_of(rows, example, source=source, on_empty=on_empty, report=report)


def _labelled_file(file: Path) -> LabelledText:
    with file_errors(file), file.open("rb") as stream:
        try:
            text = read_stream(stream, str(file))
        except DataError as error:
            raise UnreadableText(error.problem, where=error.where, fix=error.fix) from None
    if not text.strip():
        raise EmptyValue("the text is empty", where=str(file), fix=FILL)
    return LabelledText(f"{file.parent.name}/{file.name}", text, file.parent.name, where=str(file))


def _is_text(file: Path) -> bool:
    return file.is_file() and not is_left_out(file.name)


def label_folders(path: Path) -> Sequence[Path]:
    """The subfolders of texts of a folder; none where it holds rows. DataError where it holds both."""
    inside = [each for each in path.iterdir() if not is_left_out(each.name)]
    folders = [
        folder
        for folder in sorted(each for each in inside if each.is_dir() and each.name != UNLABELLED)
        if any(_is_text(each) and each.suffix.lower() not in SUFFIXES for each in folder.iterdir())
    ]
    rows = sorted(each.name for each in inside if each.is_file() and each.suffix.lower() in SUFFIXES)
    if folders and rows:
        names = ", ".join(folder.name for folder in folders[:4]) + ", ..." * (len(folders) > 4)
        raise DataError(
            f"this folder holds rows, such as {rows[0]}, and folders of texts, which may be labels: {names}",
            where=str(path),
            fix=f"name one of them alone, as in {path / rows[0]}",
        )
    return folders
