"""Turn public data sets into rows that the recipes read.

    python recipes/scripts/make_examples.py SETS --out data
    python recipes/scripts/make_examples.py SETS --out data --only redocred mctest

SETS is a folder with the sets unpacked, one folder a set, as their authors publish them. Each becomes
OUT/NAME/train.jsonl and OUT/NAME/dev.jsonl; the split is drawn with a fixed seed, by document, so that no text stands
in both. What the readers take as it is (CoNLL, brat, SQuAD, a folder a label) needs no script.
"""

import argparse
import csv
import html
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

Row = dict[str, Any]
SEED = 0


def redocred(folder: Path) -> Iterator[Row]:
    """Re-DocRED: articles whose entities are lists of mentions, each a run of tokens of a sentence."""
    for article in json.loads((folder / "dev_revised.json").read_text(encoding="utf-8")):
        starts, tokens = [], []
        for sentence in article["sents"]:
            starts.append(len(tokens))
            tokens += sentence
        tags = ["O"] * len(tokens)
        mentions = [mention for entity in article["vertexSet"] for mention in entity]
        for mention in sorted(mentions, key=lambda each: each["pos"][0] - each["pos"][1]):  # the longest first
            first, last = (starts[mention["sent_id"]] + index for index in mention["pos"])
            if any(tag != "O" for tag in tags[first:last]):
                continue  # a mention inside another, or told twice
            tags[first:last] = [f"B-{mention['type']}"] + [f"I-{mention['type']}"] * (last - first - 1)
        yield {"id": article["title"], "tokens": tokens, "tags": tags}


def mctest(folder: Path) -> Iterator[Row]:
    """MCTest: stories with four questions each, of which one of four choices is right."""
    for name in ("mc160.train", "mc160.dev", "mc500.train", "mc500.dev"):
        stories = (folder / "MCTest" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        answers = (folder / "MCTest" / f"{name}.ans").read_text(encoding="utf-8").splitlines()
        for story, right in zip(stories, answers, strict=True):
            key, _, text, *asked = story.replace("\\newline", "\n").replace("\\tab", " ").split("\t")
            for number, letter in enumerate(right.split()):
                question, *choices = asked[5 * number : 5 * number + 5]
                yield {
                    "id": f"{key}.{number}",
                    "group": key,
                    "context": text,
                    "question": question.partition(": ")[2],
                    "choices": choices,
                    "label": "ABCD".index(letter),
                }


def policyqa(folder: Path) -> Iterator[Row]:
    """PolicyQA: questions on passages of privacy policies; a site's passages stay together."""
    for site in json.loads((folder / "dev.json").read_text(encoding="utf-8"))["data"]:
        for paragraph in site["paragraphs"]:
            for asked in paragraph["qas"]:
                question = {"question": asked["question"], "answers": asked["answers"]}
                yield {"id": asked["id"], "group": site["title"], "context": paragraph["context"], **question}


def joci(folder: Path) -> Iterator[Row]:
    """JOCI: how likely a statement is after another, from 1 to 5."""
    with zipfile.ZipFile(folder / "joci.csv.zip") as archive:
        text = io.TextIOWrapper(archive.open("joci.csv"), encoding="utf-8", newline="")
        for number, row in enumerate(csv.DictReader(text)):
            pair = {"text": row["CONTEXT"], "pair": row["HYPOTHESIS"], "label": int(row["LABEL"])}
            yield {"id": str(number), "group": row["CONTEXT"], **pair}


def hyperpartisan(folder: Path) -> Iterator[Row]:
    """Hyperpartisan news detection: whole articles, each hyperpartisan or not."""
    truth = ElementTree.parse(folder / "ground-truth.xml").getroot()
    labels = {each.attrib["id"]: each.attrib["hyperpartisan"] == "true" for each in truth}
    for article in ElementTree.parse(folder / "articles.xml").getroot():
        words = " ".join("".join(article.itertext()).split())
        text = html.unescape(f"{article.attrib['title']}\n{words}")
        label = "hyperpartisan" if labels[article.attrib["id"]] else "mainstream"
        yield {"id": article.attrib["id"], "text": text, "label": label}


def imdb(folder: Path) -> Iterator[Row]:
    """IMDb: film reviews, from the train part."""
    for label in ("neg", "pos"):
        for file in sorted((folder / "aclImdb" / "train" / label).glob("*.txt")):
            text = file.read_text(encoding="utf-8").replace("<br />", "\n")
            yield {"id": f"{label}/{file.stem}", "text": text, "label": label}


def newsgroups(folder: Path) -> Iterator[Row]:
    """20 Newsgroups: posts without headers; the parts of a group's name are its labels, such as rec, sport, hockey."""
    for file in sorted(path for path in folder.glob("*/*") if path.is_file()):
        body = file.read_bytes().decode("latin-1").partition("\n\n")[2]
        if body.strip():
            yield {"id": f"{file.parent.name}/{file.name}", "text": body, "label": file.parent.name.split(".")}


SETS: dict[str, tuple[Callable[[Path], Iterator[Row]], str, int, int | None]] = {
    "redocred": (redocred, "redocred", 200, None),
    "mctest": (mctest, "mctest", 100, None),
    "policyqa": (policyqa, "policyqa", 3, None),
    "joci": (joci, "joci", 300, 1500),
    "hyperpartisan": (hyperpartisan, "hyperpartisan", 116, None),
    "imdb": (imdb, "imdb", 250, 2000),
    "newsgroups": (newsgroups, "mini-newsgroups", 300, None),
}
"""Name -> reader, folder, documents to evaluate on, documents to learn from at most."""


def split(rows: Sequence[Row], *, n_dev: int, n_train: int | None) -> tuple[list[Row], list[Row]]:
    """Draw the documents to evaluate on, and those to learn from; the questions of one text stay together."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.pop("group", row["id"]), []).append(row)
    names = sorted(groups)
    random.Random(SEED).shuffle(names)
    kept = names[n_dev:] if n_train is None else names[n_dev : n_dev + n_train]
    return [row for name in kept for row in groups[name]], [row for name in names[:n_dev] for row in groups[name]]


def write(rows: Sequence[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8", newline="")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, metavar="SETS")
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS), metavar="NAME")
    options = parser.parse_args(arguments)
    for name in options.only:
        read, folder, n_dev, n_train = SETS[name]
        if not (options.sets / folder).is_dir():
            print(f"{name}: there is no folder {options.sets / folder}", file=sys.stderr)
            return 3
        train, dev = split(list(read(options.sets / folder)), n_dev=n_dev, n_train=n_train)
        write(train, options.out / name / "train.jsonl")
        write(dev, options.out / name / "dev.jsonl")
        print(f"{name}: {len(train):,} rows to learn from, {len(dev):,} to evaluate on", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
