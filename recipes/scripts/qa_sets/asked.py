"""Questions that `make_questions.py` asked about texts by rule; a set like the others, if its folder is there."""

import json
from pathlib import Path

from .items import Document, Question


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on pieces of texts; the pieces of one text are joined in their order. None choose models."""
    pieces: dict[tuple[str, str], list[dict]] = {}
    for path in sorted((folder / "asked").glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                pieces.setdefault((row["source"], row["subject"]), []).append(row)
    train: list[Question] = []
    for (source, subject), rows in pieces.items():
        offsets, text = [], ""
        for row in rows:
            text += "\n\n" if text else ""
            offsets.append(len(text))
            text += row["text"]
        document = Document(f"asked-{source}", subject, text)
        for offset, row in zip(offsets, rows, strict=True):
            train += [
                Question(document, asked["question"], ((asked["start"] + offset, asked["end"] + offset),))
                for asked in row["questions"]
            ]
    return train, []
