"""What sort of text it is, who or what it asks for, and whether it tells facts or an opinion."""

import csv
import json
import random
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from rows import LEAST_WORDS, Label, Row, choice, label, pieces, tidy, worded
from sentiment import reviews

KINDS = {
    "contract": label("contract|legal agreement", "a legal document that binds two or more parties"),
    "novel": label("novel|fiction", "a chapter of a novel, a narrative with characters and dialogue"),
    "tale": label("fairy tale|folk tale", "a traditional story of kings, animals and magic"),
    "news": label("news article|newspaper article|news", "a report or commentary on current events"),
    "meeting": label("meeting transcript|conversation", "what people said in a meeting, with their spoken language"),
    "paper": label("scientific paper|research article", "methods and results of research"),
    "speech": label("speech|political speech", "an address of a president to the people"),
    "science fiction": label("science fiction|short story", "a story of space ships, planets and the future"),
    "review": label("film review|movie review|review", "a critic's opinion on a film"),
    "policy": label("privacy policy|terms of use", "what a website does with the data of its users"),
    "encyclopedia": label("encyclopedia article|reference article", "facts about a person, a place or a thing"),
}

ANSWERS = {
    "PERSON": label("person|a person|who", "asks for a person, a group or an organisation", "the name of somebody"),
    "PLACE": label("location|a place|where", "asks for a place", "a city, a country or another place"),
    "TIME": label("time|a date|when", "asks for a time or a date", "the day or the year of something"),
    "NUMBER": label("number|a number|how many", "asks for a number or an amount", "a count, a price or a measure"),
    "REASON": label("reason|why", "asks for a reason or a cause", "why something happened"),
    "MANNER": label("manner|how", "asks how something is done or happens", "an explanation of the way"),
    "FEELING": label("feeling|emotion", "asks how somebody feels"),
    "ACTION": label("action|event", "asks what somebody did", "what happened"),
    "THING": label("thing|object|what", "asks for a thing", "an object, an animal, a work or an idea"),
}

ASKED = {
    "character": "PERSON",
    "setting": "PLACE",
    "causal relationship": "REASON",
    "feeling": "FEELING",
    "action": "ACTION",
}
"""FairytaleQA's attributes of questions."""

WORDS = (
    (r"who|whose|whom", "PERSON"),
    (r"where|in (what|which) (city|country|state|town|place)|what (city|country|state|town|place)", "PLACE"),
    (r"when|(in )?(what|which) (year|month|day|date|century|time)|on what (day|date)", "TIME"),
    (r"how (many|much|old|long|far|often|tall|high|large|big)|what (percentage|number|amount|age)", "NUMBER"),
    (r"why", "REASON"),
    (r"how", "MANNER"),
    (r"(what|which) (thing|kind|type|sort|animal|book|film|song|language|instrument|colou?r|product)", "THING"),
)
"""What a question begins with, and what it asks for."""

OPINIONS = (
    label("subjective", "an opinion, a judgement or a feeling", "somebody's personal view"),
    label("opinion", "what somebody thinks of it", "praise or criticism"),
)
FACTS = (
    label("objective", "facts, told without an opinion", "a neutral description of what happens"),
    label("fact", "a statement of what happened or what is", "information"),
)
BIASED = label("hyperpartisan|biased|one-sided", "blind allegiance to one party", "extreme and partisan political news")
BALANCED = label("mainstream|balanced|neutral", "neutral reporting", "fair and factual news")

JUDGING = re.compile(
    r"\b(i|my|me|best|worst|great|awful|terrible|boring|brilliant|wonderful|dull|fun|funny|excellent|poor|stupid|"
    r"beautiful|entertaining|disappointing|predictable|enjoyable|interesting|fine|bad|good)\b"
)
FILM = re.compile(r"\b(film|movie|picture|performance|acting|director|script|comedy|plot)\b")


def kinds(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Pieces of texts with the sort of text that they are from."""
    for kind, texts in _texts(folder, rng).items():
        for number, text in enumerate(texts):
            if (number % 10 == 0) == dev:
                yield from _one_of([text], kind, KINDS, "kind", rng)


def _texts(folder: Path, rng: random.Random) -> dict[str, list[str]]:
    """At most 240 pieces of each sort."""
    found: dict[str, Iterable[str]] = {
        "contract": (p.read_text(encoding="utf-8") for p in _some(_contracts(folder), rng)),
        "novel": (p.read_text(encoding="utf-8", errors="replace") for p in _novels(folder)),
        "tale": (_story(p) for p in _some(_stories(folder, "section-stories"), rng)),
        "news": (" ".join("".join(p.itertext()) for p in each.iter("p")) for each in _news(folder)),
        "meeting": (
            " ".join(f"{t['speaker']}: {t['content']}" for t in json.loads(p.read_text())["meeting_transcripts"])
            for p in sorted((folder / "qmsum/ALL/train").glob("*.json"))
        ),
        "paper": (
            paper["paragraphs"][0]["context"]
            for paper in json.loads((folder / "covid-qa/200423_covidQA.json").read_text())["data"][:-18]
        ),
        "speech": _speeches(folder),
        "science fiction": (
            json.loads(line)["document"] for line in (folder / "squality/v1-3/txt/train.jsonl").open(encoding="utf-8")
        ),
        "review": (text for text, _, is_dev in reviews(folder) if not is_dev),
        "policy": (
            " ".join(p["context"] for p in site["paragraphs"])
            for site in json.loads((folder / "policyqa/dev.json").read_text())["data"]
        ),
        "encyclopedia": (
            " ".join(word for sent in each["sents"] for word in sent)
            for each in json.loads((folder / "redocred/dev_revised.json").read_text())[:-100]
        ),
    }
    cut: dict[str, list[str]] = {}
    for kind, texts in found.items():
        each = [list(pieces(re.sub(r"\{[a-z]+\} ?", "", text), rng)) for text in texts]
        n = max(2, 240 // max(1, len(each)))
        cut[kind] = [tidy(p) for found in each for p in rng.sample(found, min(n, len(found)))][:480]
    return cut


def questions(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Questions with what they ask for."""
    for path in _stories(folder, "questions"):
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                asked = ASKED.get(row["attribute1"] or "")
                if asked and not row["attribute2"] and (hash_of(row["question"]) % 20 == 0) == dev:
                    yield from _one_of([row["question"]], asked, ANSWERS, "question", rng)
    seen = set()
    for part in ("dev", "test"):
        for line in (folder / f"qamr/filtered/{part}.tsv").read_text(encoding="utf-8").splitlines():
            question = line.split("\t")[5].strip()
            asked = next((kind for words, kind in WORDS if re.match(rf"({words})\b", question.lower())), None)
            if asked and question not in seen and len(question.split()) > 3 and (hash_of(question) % 20 == 0) == dev:
                seen.add(question)
                if rng.random() < 0.25:
                    yield from _one_of([question], asked, ANSWERS, "question", rng)
    for name in ("qed/qed-dev.jsonlines",):
        for line in (folder / name).read_text(encoding="utf-8").splitlines()[:-200]:
            question = json.loads(line)["question_text"]
            asked = next((kind for words, kind in WORDS if re.match(rf"({words})\b", question.lower())), None)
            if asked and (hash_of(question) % 20 == 0) == dev:
                yield from _one_of([question], asked, ANSWERS, "question", rng)


def opinions(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Sentences that judge, out of film reviews, against sentences that tell, out of tales and articles."""
    for text, _, is_dev in reviews(folder):
        if is_dev == dev:
            judging = [s for s in _sentences(text) if JUDGING.search(s) and FILM.search(s)]
            for sentence in rng.sample(judging, min(2, len(judging))):
                yield _either(sentence, OPINIONS, FACTS, rng)
    telling = [s for p in _stories(folder, "section-stories") for s in _sentences(_story(p))[::25]]
    for each in json.loads((folder / "redocred/dev_revised.json").read_text(encoding="utf-8"))[:-100]:
        telling += [" ".join(words) for words in each["sents"]]
    for sentence in telling:
        if (hash_of(sentence) % 10 == 0) == dev and 8 <= len(sentence.split()) <= 60:
            yield _either(sentence, FACTS, OPINIONS, rng)


def bias(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Pieces of news, one-sided or not."""
    truth = {
        each.get("id"): each.get("hyperpartisan") == "true"
        for each in ET.parse(folder / "hyperpartisan/ground-truth.xml").getroot()
    }
    for number, article in enumerate(_news(folder)):
        if (number % 10 == 0) == dev:
            text = " ".join("".join(p.itertext()) for p in article.iter("p"))
            right, wrong = (BIASED, BALANCED) if truth[article.get("id")] else (BALANCED, BIASED)
            for piece in list(pieces(text, rng, least=80))[:3]:
                named = worded([right, wrong], rng)
                yield choice(tidy(piece), named[0], named[1:], source="bias", rng=rng, none=0)


def whole_news(folder: Path, *, rng: random.Random) -> Iterator[Row]:
    """The news that are kept for dev, whole, with the sort of text that they are."""
    for article in _news(folder)[::10]:
        text = " ".join("".join(p.itertext()) for p in article.iter("p"))
        if len(text.split()) >= LEAST_WORDS:
            named = dict(zip(KINDS, worded(list(KINDS.values()), rng), strict=True))
            wrong = [label for kind, label in named.items() if kind != "news"]
            yield choice(tidy(text), named["news"], wrong, source="whole news", rng=rng)


def hash_of(text: str) -> int:
    """A number that is the same in every run."""
    return sum(ord(c) * (i + 1) for i, c in enumerate(text))


def _either(text: str, right: tuple[Label, ...], wrong: tuple[Label, ...], rng: random.Random) -> Row:
    pair = rng.randrange(len(right))
    named = worded([right[pair], wrong[pair]], rng)
    return choice(tidy(text), named[0], named[1:], source="opinion", rng=rng, none=0)


def _one_of(texts: list[str], right: str, labels: dict[str, Label], source: str, rng: random.Random) -> Iterator[Row]:
    names = list(labels)
    for text in texts:
        named = dict(zip(names, worded([labels[name] for name in names], rng), strict=True))
        wrong = [named[name] for name in names if name != right]
        yield choice(tidy(text), named[right], wrong, source=source, rng=rng)


def _sentences(text: str) -> list[str]:
    return [tidy(part) for part in re.split(r"(?<=[.!?])\s+|\n", text) if 8 <= len(part.split()) <= 60]


def _some(paths: list[Path], rng: random.Random) -> list[Path]:
    return rng.sample(paths, min(120, len(paths)))


def _contracts(folder: Path) -> list[Path]:
    return sorted((folder / "cuad/full_contract_txt").rglob("*.txt"))[:-80]


def _novels(folder: Path) -> list[Path]:
    tests = [p.name.split("_brat")[0] for p in sorted((folder / "litbank/entities/brat").glob("*.txt"))[-10:]]
    return [p for p in sorted((folder / "litbank/original").glob("*.txt")) if p.stem not in tests]


def _stories(folder: Path, what: str) -> list[Path]:
    return sorted((folder / "fairytaleqa/data-by-train-split" / what / "train").glob("*.csv"))[:-20]


def _story(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as lines:
        return " ".join(row["text"] or "" for row in csv.DictReader(lines))


def _news(folder: Path) -> list[ET.Element]:
    return list(ET.parse(folder / "hyperpartisan/articles.xml").getroot())


def _speeches(folder: Path) -> Iterator[str]:
    for name in ("state_union", "inaugural"):
        with zipfile.ZipFile(folder / f"nltk/{name}.zip") as archive:
            for entry in sorted(archive.namelist()):
                if entry.endswith(".txt") and "README" not in entry:
                    yield archive.read(entry).decode("latin-1")
