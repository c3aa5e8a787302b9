"""Texts for the taggers of silver.py: TEXTS/SOURCE/NAME.txt, of sets that may be learnt from.

    python recipes/scripts/make_ner/texts.py SETS TEXTS

SETS: a folder with litbank (original), cuad, covid-qa, hyperpartisan, squality, fairytaleqa, nltk (state_union.zip,
inaugural.zip), qamr, qed and multispanqa. What tests keep of these sets is left out.
"""

import argparse
import csv
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from pathlib import Path

from gold import N_TESTS, joined

N_KEPT = {"cuad": 80, "covid-qa": 18, "fairytaleqa": 20, "qed": 200}
"""Texts at the end of a set that are kept for tests and to choose models by."""

TOGETHER = 20
"""Paragraphs of Wikipedia in a file."""

PENN = {"-LRB-": "(", "-RRB-": ")", "``": '"', "''": '"'}


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("texts", type=Path)
    given = parser.parse_args()
    for source, name, text in texts(given.sets):
        file_name = re.sub(r"\W+", "_", name)[:80]
        path = given.texts / source / f"{file_name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"[ \t]+\n", "\n", text.replace("\r\n", "\n")), encoding="utf-8")


def texts(sets: Path) -> Iterator[tuple[str, str, str]]:
    """Source, name and text of each document."""
    yield from novels(sets / "litbank")
    contracts = sorted((sets / "cuad/full_contract_txt").rglob("*.txt"))
    for path in contracts[: -N_KEPT["cuad"]]:
        yield "contracts", path.stem, path.read_text(encoding="utf-8", errors="replace")
    papers = json.loads((sets / "covid-qa/200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    for number, paper in enumerate(papers[: -N_KEPT["covid-qa"]]):
        yield "papers", f"covid{number}", paper["paragraphs"][0]["context"]
    for article in ElementTree.parse(sets / "hyperpartisan/articles.xml").getroot():
        paragraphs = ["".join(paragraph.itertext()).strip() for paragraph in article.iter("p")]
        yield "news", article.get("id", ""), "\n\n".join([article.get("title", ""), *paragraphs])
    for line in (sets / "squality/v1-3/txt/train.jsonl").read_text(encoding="utf-8").splitlines():
        story = json.loads(line)
        yield "stories", f"sq{story['metadata']['passage_id']}", story["document"]
    tales = sorted((sets / "fairytaleqa/data-by-train-split/section-stories/train").glob("*-story.csv"))
    for path in tales[: -N_KEPT["fairytaleqa"]]:
        with path.open(encoding="utf-8", newline="") as file:
            yield (
                "fairytales",
                path.stem,
                "\n\n".join(" ".join((row["text"] or "").split()) for row in csv.DictReader(file)),
            )
    for corpus in ("state_union", "inaugural"):
        with zipfile.ZipFile(sets / f"nltk/{corpus}.zip") as archive:
            for name in archive.namelist():
                if name.endswith(".txt") and "README" not in name:
                    yield "speeches", name, archive.read(name).decode("latin-1")
    yield from wikipedia(sets)


def novels(litbank: Path) -> Iterator[tuple[str, str, str]]:
    """The novels but those that the test has a chapter of."""
    annotated = sorted(path.name for path in (litbank / "entities/brat").glob("*.txt"))
    tested = {name.partition("_brat")[0] for name in annotated[-N_TESTS["litbank"] :]}
    for path in sorted((litbank / "original").glob("*.txt")):
        if path.stem not in tested:
            yield "novels", path.stem, path.read_text(encoding="utf-8", errors="replace")


def wikipedia(sets: Path) -> Iterator[tuple[str, str, str]]:
    """Sentences and paragraphs of Wikipedia, some together; as printed, not as tokens."""
    lines = (sets / "qamr/wiki-sentences.tsv").read_text(encoding="utf-8").splitlines()
    questions = (sets / "qed/qed-dev.jsonlines").read_text(encoding="utf-8").splitlines()[: -N_KEPT["qed"]]
    several = json.loads((sets / "multispanqa/data/MultiSpanQA_data/valid.json").read_text(encoding="utf-8"))["data"]
    sources = {
        "qamr": [line.split("\t")[1].split() for line in lines],
        "qed": [json.loads(line)["paragraph_text"].split() for line in questions],
        "multispanqa": [row["context"] for row in several],
    }
    for name, documents in sources.items():
        for number in range(0, len(documents), TOGETHER):
            printed = (
                joined([([PENN.get(word, word) for word in words], [])])[0]
                for words in documents[number : number + TOGETHER]
            )
            yield "wikipedia", f"{name}{number}", "\n\n".join(dict.fromkeys(printed))


if __name__ == "__main__":
    main()
