"""brat's annotations: a text, and an .ann file beside it."""

import re
from functools import partial
from pathlib import Path, PurePosixPath

from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.packed import File
from bigbird_cli.files.streams import decode_bytes
from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample, Notes, Read, elsewhere, gold_entity, reported

BRAT = ".ann"
_FRAGMENTS = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")


def from_brat(annotations: File, notes: Notes, report: Report | None) -> Read:
    """A text and the entities (lines T...) of the .ann file beside it."""
    text = _text_of(text_beside(annotations))
    entities: list[GoldEntity] = []
    for number, line in enumerate(_text_of(annotations).split("\n"), start=1):
        if not line.startswith("T"):
            continue  # relations, events, attributes, notes
        entities += reported(report, partial(_brat_entity, line, text, f"{annotations.name}:{number}", notes))
    return NERExample(Path(annotations.name).stem, text, where=annotations.name), entities


def _brat_entity(line: str, text: str, where: str, notes: Notes) -> GoldEntity:
    cells = line.rstrip("\r").split("\t")
    match = _FRAGMENTS.fullmatch(cells[1]) if len(cells) > 1 else None
    if match is None:
        raise DataError("this is no entity", where=where, fix="write T1<tab>PER 0 3<tab>Ada")
    bounds = [int(number[:20]) for number in re.findall(r"\d+", match[2])]  # far beyond any text all the same
    entity = gold_entity([min(bounds), max(bounds), match[1]], text, where)
    if len(bounds) > 2:
        notes.n_in_pieces += 1
    elif len(cells) > 2 and _flat(cells[2]) != _flat(text[entity.start : entity.end]):
        raise elsewhere(cells[2], text, entity.start, entity.end, where)
    return entity


def text_beside(annotations: File) -> File:
    """The text of an .ann file."""
    if annotations.member is None:
        return File(annotations.path.with_suffix(".txt"))
    return File(annotations.path, str(PurePosixPath(annotations.member).with_suffix(".txt")))


def _text_of(file: File) -> str:
    with file.open() as stream:
        return decode_bytes(stream.read(), file.name)


def _flat(text: str) -> str:
    """brat writes an entity over a line's end in one line."""
    return " ".join(text.split())
