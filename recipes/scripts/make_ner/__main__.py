"""Data of recipes/ner-mini.yaml: texts that two taggers read, sets that people annotated, and tests that neither sees.

    python recipes/scripts/make_ner SETS --silver SILVER --tagged TAGGED --out data/ner-mini

SETS: a folder with uner-ewt, wnut17, ner-misc (wikigold, BTC), litbank and redocred; see gold.py.
SILVER: texts as silver.py tagged them, a file a text: SET__NAME.jsonl; see silver.py.
TAGGED: the same for the sets' own texts, SET.jsonl. A first run without --tagged writes these texts to OUT/untagged and
stops. A set that has no such file is taken as it is.

Writes OUT/train.jsonl, OUT/dev.jsonl and OUT/tests/SET.jsonl.
"""

import argparse
import json
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from gold import Row, gold_sets
from mix import as_met, consistent, informed, listed, shorter, together

SILVER_WORDS = {"contracts": 200_000, "novels": 600_000, "fairytales": 350_000, "papers": 200_000}
"""Words of a source at most: those of like kind teach little more."""

GOLD_TIMES = {"uner-ewt": 6, "wnut17": 4, "wikigold": 4, "BTC": 1, "litbank": 4, "redocred": 3}
"""How often a set that people annotated is taken, each time cut and changed in another way."""

GOLD_DEV = {"uner-ewt": 25, "wnut17": 250, "wikigold": 12, "litbank": 4, "redocred": 30}
"""Rows from the end of a set's training part that are kept to choose models by."""

SILVER_DEV = 80
"""One text of so many is kept as well."""

DEV_ROWS = 4
"""Rows of such a text at most."""

LENGTHS = {700: 3, 1_600: 2, 3_000: 3, 15_000: 2}
"""Characters of a row, about, and how often: short and long ones, so that windows of any length are read as well."""


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--silver", type=Path)
    parser.add_argument("--tagged", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="share of SILVER_WORDS that is taken")
    given = parser.parse_args()
    gold = gold_sets(given.sets)
    for name, (_, test) in gold.items():
        if test:
            write(given.out / "tests" / f"{name}.jsonl", test)
    if given.silver is None or given.tagged is None:
        for name, (train, _) in gold.items():
            write(given.out / "untagged" / f"{name}.jsonl", train)
        return
    luck = random.Random(0)
    train, dev, words = [], [], Counter[str]()
    for name, rows in silver_texts(given.silver, given.scale):
        source = name.partition("__")[0]
        if zlib.crc32(name.encode()) % SILVER_DEV == 0:
            dev += rows[:DEV_ROWS]
        else:
            train += of_lengths(rows, luck)
            words[source] += _n_words(rows)
    for name, (rows, _) in gold.items():
        tagged = given.tagged / f"{name}.jsonl"
        known = [informed(*both) for both in zip(rows, read(tagged), strict=True)] if tagged.exists() else rows
        n_dev = GOLD_DEV.get(name, 0)
        dev += known[len(known) - n_dev :]
        for _time in range(GOLD_TIMES[name]):
            for group in grouped(known[: len(known) - n_dev], luck):
                train += of_lengths([group], luck)
        words[name] += GOLD_TIMES[name] * _n_words(known[: len(known) - n_dev])
    lists = [found for row in luck.sample(train, len(train) // 20) if (found := listed(row, luck))]
    train = [as_met(row, luck) for row in train] + lists
    luck.shuffle(train)
    write(given.out / "train.jsonl", train)
    write(given.out / "dev.jsonl", dev)
    print(f"{len(train):,} rows of {_n_words(train):,} words; dev {len(dev):,} rows of {_n_words(dev):,} words")
    print(dict(words))
    print(Counter(type_ for row in train for _, _, type_ in row["entities"]).most_common(30))


def silver_texts(folder: Path, scale: float) -> Iterator[tuple[str, list[Row]]]:
    """Tagged texts, by the names of their files, as rows on which both taggers agree; of each source so many words."""
    taken = Counter[str]()
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: zlib.crc32(path.stem.encode())):
        source = path.stem.partition("__")[0]
        if taken[source] < scale * SILVER_WORDS.get(source, 10**9):
            rows = consistent(read(path), terms=source == "contracts")
            taken[source] += _n_words(rows)
            yield path.stem, rows


def grouped(rows: Iterable[Row], luck: random.Random) -> Iterator[Row]:
    """Rows one by one, or where they are single sentences often some of them together, as lines of one text."""
    rows = iter(rows)
    while group := list(islice(rows, luck.choice((1, 1, 4, 12)))):
        if max(len(row["text"]) for row in group) < 500:
            yield together(group, "\n")
        else:
            yield from group


def of_lengths(rows: list[Row], luck: random.Random) -> Iterator[Row]:
    """The rows of a text, joined or cut to the LENGTHS at random."""
    rest = list(rows)
    while rest:
        [length] = luck.choices(list(LENGTHS), weights=list(LENGTHS.values()))
        taken = [rest.pop(0)]
        while rest and sum(len(row["text"]) for row in taken) + len(rest[0]["text"]) < length:
            taken.append(rest.pop(0))
        row = together(taken)
        if len(row["text"]) > 1.2 * length:
            yield from shorter(row, length)
        else:
            yield row


def read(path: Path) -> list[Row]:
    """The rows of a file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows to a file, without keys that say nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            kept = {key: value for key, value in row.items() if value or key in ("text", "entities", "types")}
            file.write(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n")


def _n_words(rows: Iterable[Row]) -> int:
    return sum(len(row["text"].split()) for row in rows)


if __name__ == "__main__":
    main()
