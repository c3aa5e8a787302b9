"""Whole novels of LitBank, as text around passages."""

from pathlib import Path

from .items import Document

TEST = 10  # by file name, from the end


def read(folder: Path) -> list[Document]:
    paths = sorted((folder / "litbank/original").glob("*.txt"), key=lambda p: p.name)
    paths = paths[: max(0, len(paths) - TEST)]
    return [Document("litbank", p.stem, " ".join(p.read_text(encoding="utf-8").split())[:400_000]) for p in paths]
