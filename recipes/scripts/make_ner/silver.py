"""What two taggers find in texts: spaCy's en_core_web_sm and en_core_web_md 3.8 (MIT), or any two pipelines.

Run by a Python that has spaCy, which the other scripts do without:

    python recipes/scripts/make_ner/silver.py TEXTS --out SILVER [--pipelines en_core_web_sm,en_core_web_md]

TEXTS is a folder of *.txt, named SET__NAME.txt or SET/NAME.txt, or of *.jsonl with a "text" a row. Of each file there
will be a file of rows in SILVER, of one text of some 3,000 characters each:
{"text", "first": [[start, end, type], ...], "second": [...]}. What is there already is left as it is, so that a run
may be stopped and go on.
"""

import argparse
import importlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 3_000
"""Characters of one text; a longer paragraph is one by itself."""

WITHOUT = ["parser", "tagger", "lemmatizer", "attribute_ruler"]
"""Parts of a pipeline that finding names does not need."""


def main() -> None:
    """Read the command line and tag every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pipelines", default="en_core_web_sm,en_core_web_md")
    parser.add_argument("--words", type=int, help="words of one file at most")
    given = parser.parse_args()
    first, second = map(load, given.pipelines.split(","))
    given.out.mkdir(parents=True, exist_ok=True)
    began, n_words = time.perf_counter(), 0
    for path in sorted([*given.texts.rglob("*.txt"), *given.texts.rglob("*.jsonl")]):
        out = given.out / f"{'__'.join(path.relative_to(given.texts).with_suffix('').parts)}.jsonl"
        if out.exists():
            continue
        texts = list(_up_to(given.words, texts_of(path)))
        # a line's end is a blank to the taggers; offsets stay
        flat = [re.sub(r"\s", " ", text) for text in texts]
        tagged = zip(texts, first.pipe(flat, batch_size=16), second.pipe(flat, batch_size=16), strict=True)
        rows = [{"text": text, "first": spans_of(one), "second": spans_of(other)} for text, one, other in tagged]
        unfinished = out.with_suffix(".unfinished")
        unfinished.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        unfinished.rename(out)
        n_words += sum(len(text.split()) for text in texts)
        print(f"{out.name}: {n_words / (time.perf_counter() - began):,.0f} words/s", flush=True)


def load(name: str) -> Any:
    """Open a pipeline by its name, or by that of a package that carries one in a folder of its own."""
    spacy = importlib.import_module("spacy")
    package = importlib.import_module(name)
    if hasattr(package, "load"):
        return package.load(exclude=WITHOUT)
    folder = Path(package.__file__ or "").parent
    return spacy.load(next(folder.rglob("config.cfg")).parent, exclude=WITHOUT)


def spans_of(document: Any) -> list[list[Any]]:
    """Entities as [start, end, type]."""
    return [[entity.start_char, entity.end_char, entity.label_] for entity in document.ents]


def texts_of(path: Path) -> Iterator[str]:
    """The texts of a file: of rows each their own, of a text its paragraphs, some together."""
    whole = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        yield from (json.loads(line)["text"] for line in whole.splitlines())
        return
    start, end = 0, 0
    for paragraph in re.finditer(r"(?:[^\n]|\n(?!\s*\n))+", whole):
        if end > start and paragraph.end() - start > BLOCK:
            yield whole[start:end]
            start = paragraph.start()
        elif end == start:
            start = paragraph.start()
        end = paragraph.end()
    if end > start:
        yield whole[start:end]


def _up_to(n_words: int | None, texts: Iterator[str]) -> Iterator[str]:
    n_given = 0
    for text in texts:
        if n_words is not None and n_given > n_words:
            return
        n_given += len(text.split())
        yield text


if __name__ == "__main__":
    main()
