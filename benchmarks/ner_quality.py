"""How well, and how quickly, names are found: bigbird's model beside spaCy's pipelines, on the same texts and mapping.

    python recipes/scripts/make_ner SETS --out data/ner-mini          # writes data/ner-mini/tests among others
    python benchmarks/ner_quality.py data/ner-mini/tests --model ner-mini --spacy PYTHON \\
        --pipelines en_core_web_sm,en_core_web_md --also capitals,small,lines --books BOOKS --json ner-mini.json

PYTHON is one that has spaCy and the pipelines, which run in it by themselves, with no part that finding names does not
need; BOOKS is a folder of *.txt, read whole for words/s. All systems run on one thread, one after the other.
With --also the tests are read again in capitals alone, in lower case alone, or in short lines: some end in names.

The mapping, for every system alike (recipes/scripts/make_ner/gold.py): a set's LOC may be a GPE, LOC or FAC, and the
like; of types that a set does not annotate, and of characters of which it is unsure, nothing is counted. Articles and
titles before a name and possessives behind it belong to no name, whether gold or found. Right is then the same
characters and a type that gold allows. F1 is over all entities of a set; "mean" is that over the sets.
"""

import argparse
import importlib
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

Span = tuple[int, int, str]
Row = dict[str, Any]

SPACY = """
import importlib, json, pathlib, sys, time, spacy
package = importlib.import_module(sys.argv[1])
without = ["parser", "tagger", "lemmatizer", "attribute_ruler"]
if hasattr(package, "load"):
    tagger = package.load(exclude=without)
else:
    folder = next(pathlib.Path(package.__file__).parent.rglob("config.cfg")).parent
    tagger = spacy.load(folder, exclude=without)
tagger.max_length = 10**8
texts = json.load(sys.stdin)
tagger("Ada left.")
began = time.perf_counter()
found = [[[e.start_char, e.end_char, e.label_] for e in document.ents] for document in tagger.pipe(texts)]
json.dump({"seconds": time.perf_counter() - began, "found": found}, sys.stdout)
"""
"""What a pipeline finds in texts, and how long it takes once it is open."""


@dataclass(frozen=True)
class Result:
    """Of one system on one set: scores in percent, over all entities and by the set's own types."""

    system: str
    test: str
    n_gold: int
    precision: float
    recall: float
    f1: float
    f1_by_type: dict[str, float]
    words_per_second: float


WAYS = {"capitals": "in_capitals", "small": "in_lower_case", "lines": "wrapped"}
"""Ways in which tests are changed, and what does it in make_ner/mix.py."""

Find = Callable[[Sequence[str]], tuple[list[list[Span]], float]]
"""Names in texts, and the seconds that it took."""


def bigbird(model: str, options: dict[str, Any]) -> Find:
    """Our own command's call."""

    def find(texts: Sequence[str]) -> tuple[list[list[Span]], float]:
        import bigbird_cli as bb

        bb.ner("Ada left.", model=model, threads=1, **options)  # opens the model
        began = time.perf_counter()
        records = bb.ner([*texts], model=model, threads=1, **options)
        seconds = time.perf_counter() - began
        return [[(e["start"], e["end"], e["type"]) for e in record["entities"]] for record in records], seconds

    return find


def spacy(python: str, pipeline: str) -> Find:
    """A pipeline in another Python."""

    def find(texts: Sequence[str]) -> tuple[list[list[Span]], float]:
        done = subprocess.run(
            [python, "-c", SPACY, pipeline],
            input=json.dumps(list(texts)),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        found = json.loads(done.stdout)
        return [[(start, end, type_) for start, end, type_ in spans] for spans in found["found"]], found["seconds"]

    return find


def count(rows: Sequence[Row], found: Sequence[Sequence[Span]]) -> dict[str, tuple[int, int, int]]:
    """By the set's own type: how many entities are gold, found, and right.

    Args:
        rows: of a test, see `make_ner/gold.py`.
        found: in each row's text.
    """
    trimmed = _script("gold").trimmed
    counts: dict[str, list[int]] = {}
    for row, spans in zip(rows, found, strict=True):
        types, unsure = set(row["types"]), row.get("unsure", [])
        gold = {(start, end): type_ for start, end, type_ in row["entities"] if types & set(type_.split("|"))}
        for type_ in gold.values():
            counts.setdefault(type_, [0, 0, 0])[0] += 1
        own = {name: type_ for type_ in sorted(counts, key=len) for name in type_.split("|")}
        for start, end, type_ in {trimmed(row["text"], span) for span in spans}:
            if type_ not in types or any(first < end and start < stop for first, stop in unsure) or start >= end:
                continue
            there = gold.get((start, end), "")
            is_right = type_ in there.split("|")
            of_set = counts.setdefault(there if is_right else own.get(type_, type_), [0, 0, 0])
            of_set[1] += 1
            of_set[2] += is_right
    return {type_: (n_gold, n_found, n_right) for type_, (n_gold, n_found, n_right) in counts.items()}


def changed(rows: Sequence[Row], way: str) -> list[Row]:
    """The rows of a test as they are met elsewhere, see WAYS; those whose characters would move are as they were."""
    change = getattr(_script("mix"), WAYS[way])
    luck = random.Random(0)
    return [change(row, luck) or row for row in rows]


def _script(name: str) -> ModuleType:
    """A script of recipes/scripts/make_ner."""
    folder = str(ROOT / "recipes/scripts/make_ner")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def scores(counts: Iterable[tuple[int, int, int]]) -> tuple[float, float, float]:
    """Precision, recall and F1 in percent."""
    n_gold, n_found, n_right = (sum(column) for column in zip(*counts, strict=True))
    precision, recall = (100 * n_right / max(1, n) for n in (n_found, n_gold))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def run(systems: dict[str, Find], tests: dict[str, list[Row]]) -> list[Result]:
    """Let each system read each test."""
    results = []
    for test, rows in tests.items():
        texts = [row["text"] for row in rows]
        n_words = sum(len(text.split()) for text in texts)
        for name, find in systems.items():
            found, seconds = find(texts)
            counts = count(rows, found)
            results.append(
                Result(
                    name,
                    test,
                    sum(n_gold for n_gold, _, _ in counts.values()),
                    *(round(score, 1) for score in scores(counts.values())),
                    {type_: round(scores([each])[2], 1) for type_, each in sorted(counts.items())},
                    round(n_words / seconds),
                )
            )
            print(summary(results[-1]), flush=True)
    return results


def summary(result: Result) -> str:
    """One line for a reader."""
    types = ", ".join(f"{type_} {f1}" for type_, f1 in result.f1_by_type.items())
    return (
        f"{result.test:17} {result.system:24} F1 {result.f1:5.1f}  P {result.precision:5.1f}  R {result.recall:5.1f}"
        f"  {result.words_per_second:6,} words/s   {types}"
    )


def main() -> None:
    """Read the command line, run, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tests", type=Path, help="folder of SET.jsonl, as make_ner writes it")
    parser.add_argument("--model", action="append", default=[], help="a model folder or name; repeatable")
    parser.add_argument("--window", type=int)
    parser.add_argument("--overlap", type=int)
    parser.add_argument("--quantize", choices=["int8"])
    parser.add_argument("--spacy", metavar="PYTHON", help="a Python that has spaCy")
    parser.add_argument("--pipelines", default="en_core_web_sm,en_core_web_md")
    parser.add_argument("--also", default="", help=f"read the tests changed too: some of {','.join(WAYS)}")
    parser.add_argument("--books", type=Path, help="folder of *.txt to read whole for words/s")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    options = {name: value for name in ("window", "overlap", "quantize") if (value := getattr(given, name)) is not None}
    systems = {model: bigbird(model, options) for model in given.model}
    if given.spacy:
        systems |= {pipeline: spacy(given.spacy, pipeline) for pipeline in given.pipelines.split(",")}
    tests = {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(given.tests.glob("*.jsonl"))
    }
    results = run(systems, tests)
    for way in filter(None, given.also.split(",")):
        results += run(systems, {f"{test} {way}": changed(rows, way) for test, rows in tests.items()})
    for way, name in itertools.product(("", *filter(None, given.also.split(","))), systems):
        of_way = [each.f1 for each in results if each.system == name and each.test.partition(" ")[2] == way]
        print(f"{name}{f', {way}' if way else ''}: mean F1 {sum(of_way) / len(of_way):.1f}")
    speeds = {}
    if given.books:
        books = [path.read_text(encoding="utf-8") for path in sorted(given.books.glob("*.txt"))]
        n_words = sum(len(book.split()) for book in books)
        for name, find in systems.items():
            speeds[name] = round(n_words / find(books)[1])
            print(f"{name}: {len(books)} whole books, {n_words:,} words: {speeds[name]:,} words/s")
    if given.json:
        told_of = {"machine": platform.processor() or platform.machine(), "options": options, "books": speeds}
        given.json.write_text(json.dumps({**told_of, "results": [asdict(result) for result in results]}, indent=1))


if __name__ == "__main__":
    main()
