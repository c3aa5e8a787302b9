"""Make the training and development questions of qa-mini from public question-answering sets.

    python recipes/scripts/make_qa_mini.py FOLDER --out data/qa-mini

FOLDER holds the sets unpacked side by side: qamr, fairytaleqa, cuad, covid-qa, policyqa, qed, multispanqa,
redocred and litbank (as haystack). Each is read in its own format, and all become documents with questions
whose answers are character spans. What is written is SQuAD v2 JSON:

    train-short.json   questions over crops of a document, mostly 40 to 220 tokens, the answer anywhere in it
    train-long.json    questions over 700 to 3,900 tokens: longer crops, or crops among others of the same kind
    train.json         both
    train-late.json    other crops of 250 to 3,900 tokens, for a last stage with long windows: a third is unanswerable
    dev.json           a small balanced sample of what no training question touches, a few long ones among it

Elsewhere about one question in nine goes with a passage that does not answer it. Only the standard
library is used, and the same folder and seed give the same files. Never read: SQuAD, and what the sets keep for testing
(the stories of fairytaleqa's val part, the last 40 contracts, the last 18 covid-qa papers, the last 100 redocred
documents, the last 10 novels).
"""

import argparse
import ast
import bisect
import csv
import itertools
import json
import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CUAD_TEST, CUAD_DEV = 40, 40  # contracts, by name, counted from the end
COVID_TEST = 18  # papers, in file order, from the end
REDOCRED_TEST = 100  # documents, from the end
LITBANK_TEST = 10  # novels, by file name, from the end
POLICY_DEV, QED_DEV, FAIRY_DEV = 300, 200, 20  # questions, questions, stories, from the end
QAMR_DEV = 8  # our own choice: articles, so that dev holds passages of many short questions too

SHORT_TOKENS = (40, 220)
MIDDLE_TOKENS = (250, 700)
LONG_TOKENS = (700, 3900)
LONG_SENTENCE = 120  # a shorter one is never cut, whatever the room
UNANSWERABLE = 0.12
LATE_UNANSWERABLE = 0.3  # most windows of a long document lack the answer

# Articles that share whole passages with SQuAD articles that we test on.
TESTED_ELSEWHERE = frozenset({"Wiki1k:wikipedia:7567080", "Super Bowl 50 halftime show", "Super Bowl LII"})

# How many questions of each source go into each file, at most; none = all there are.
SHORT_SHARE: dict[str, int | None] = {
    "qamr": 25000,
    "fairytaleqa": None,
    "qed": None,
    "multispanqa": None,
    "covid-qa": None,
    "policyqa": 2600,
    "cuad": 3200,
    "redocred": 5000,
}
LONG_SHARE: dict[str, int] = {
    "fairytaleqa": 150,
    "qamr": 190,
    "redocred": 60,
    "qed": 110,
    "multispanqa": 60,
    "covid-qa": 90,
    "cuad": 80,
    "policyqa": 40,
}
HAYSTACKS = ("qamr", "redocred", "qed")
HAYSTACK_SHARE = 20  # of each of these, how many questions have their passage inside a novel
LATE_MIDDLE_SHARE = 0.6  # questions of a middling length for each long one
DEV_SHARE: dict[str, int] = {"qed": 150, "policyqa": 80, "fairytaleqa": 100, "cuad": 50, "qamr": 60}
DEV_LONG_SHARE: dict[str, int] = {"fairytaleqa": 10, "cuad": 5, "qed": 5}


@dataclass(eq=False)
class Document:
    """A text with questions on it; `subject` is what documents about the same thing share."""

    source: str
    subject: str
    text: str
    breaks: list[int] = field(default_factory=list)
    """Where sentences start, ascending, 0 first: the places where a crop may begin or end."""

    def __post_init__(self) -> None:
        self.breaks = sorted({0, *(b for b in self.breaks or sentence_starts(self.text) if 0 < b < len(self.text))})


@dataclass(frozen=True, eq=False)
class Question:
    """A question on one document; `spans` are the (start, end) of answers that count as right, best first."""

    document: Document
    text: str
    spans: tuple[tuple[int, int], ...]
    whole: bool = False
    """The words do not say which document is meant ("What is the governing law?"), so never ask it of another."""
    narrow: bool = False
    """The words only make sense beside the answer's own sentence ("Who are they?")."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One question with the very text it is asked of: an entry of the files."""

    source: str
    subject: str
    context: str
    question: str
    answers: tuple[tuple[int, str], ...]


# ------------------------------------------------------------------------------------------------ text

_SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])|\n\s*\n|\n(?=\s)")
_WORDS = re.compile(r"\w+|[^\w\s]")
_FUNCTION_WORDS = """
a an the of in on at to for from by with and or is are was were be been being do does did has have had what who
whom whose which when where why how many much long old kind type it its he she they his her their them this that
these those as not i you your we our me my him there than then so if but into about after before during some any
all one something someone would could should will can may might must
"""
_STOP = frozenset(_FUNCTION_WORDS.split())


def sentence_starts(text: str) -> list[int]:
    return [0, *(m.end() for m in _SENTENCE.finditer(text))]


def n_tokens(text: str) -> int:
    """About how many WordPiece tokens a text has: 1.08 for each word or mark in these sets, as measured."""
    return math.ceil(1.08 * len(_WORDS.findall(text)))


def content_words(text: str) -> set[str]:
    """The words that say what a text is about, cut to five letters so that inflections meet."""
    return {w[:5] for w in re.findall(r"\w+", text.lower()) if w not in _STOP}


_LEFT = frozenset([",", ".", ";", ":", "!", "?", ")", "]", "}", "%", "...", "n't", "''", "”", "’", "'s", "'S", "°"])
_RIGHT = frozenset(["(", "[", "{", "$", "£", "€", "#", "``", "“", "‘", "`", "US$"])
_PTB = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": '"',
    "''": '"',
    "`": "'",
}


def detokenise(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join Penn-Treebank or spaCy tokens as people write them.

    Returns:
        The text, and where each token stands in it.
    """
    text = ""
    spans: list[tuple[int, int]] = []
    glue = True  # nothing stands between the last token and the next
    double_open = single_open = False
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else ""
        after = tokens[i + 1] if i + 1 < len(tokens) else ""
        left, right = token in _LEFT, token in _RIGHT or token in ("-LRB-", "-LSB-", "-LCB-")
        if token in ("-RRB-", "-RSB-", "-RCB-"):
            left = True
        elif token == "``":
            double_open = True
        elif token == "''":
            double_open = False
        elif token == '"':
            left, right, double_open = double_open, not double_open, not double_open
        elif token == "'":
            if not single_open and before.endswith("s") and "'" not in tokens[i + 1 :]:
                left = True  # the possessive of a plural
            else:
                left, right, single_open = single_open, not single_open, not single_open
        elif len(token) <= 3 and re.fullmatch(r"['’](s|re|ve|d|ll|m|t)", token, re.IGNORECASE):
            left = True
        elif (token in ("-", "/") and before[-1:].isalnum() and after[:1].isalnum()) or (
            token == "–" and before[-1:].isdigit() and after[:1].isdigit()
        ):
            left = right = True
        elif token in (",", ".") and not before:
            left = False
        written = "–" if token == "--" else _PTB.get(token, token)
        if text and not glue and not left:
            text += " "
        spans.append((len(text), len(text) + len(written)))
        text += written
        glue = right
    return text, spans


def tidy_question(text: str) -> str:
    text = " ".join(text.split())
    text = re.sub(r"\s+([?,.'])", r"\1", text).rstrip(" .?")
    return text[:1].upper() + text[1:] + "?"


def find_flexibly(needle: str, text: str) -> tuple[int, int] | None:
    """Where `needle` stands in `text` when white space and letter case may differ."""
    parts = needle.split()
    if not parts:
        return None
    found = text.find(needle)
    if found >= 0:
        return found, found + len(needle)
    match = re.search(r"\s+".join(map(re.escape, parts)), text, re.IGNORECASE)
    return match.span() if match else None


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space and commas at its ends."""
    while start < end and text[start] in " \t\r\n,;":
        start += 1
    while end > start and text[end - 1] in " \t\r\n,;":
        end -= 1
    return start, end


# ------------------------------------------------------------------------------------------------ the sets


def read_qamr(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions written about single sentences; those of one article are joined in their order."""
    sentences = {}
    with (folder / "qamr/wiki-sentences.tsv").open(encoding="utf-8") as lines:
        for line in lines:
            name, _, words = line.rstrip("\n").partition("\t")
            sentences[name] = words.split()
    rows: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for part in ("dev", "test"):  # both are train here: the names are of another task
        with (folder / f"qamr/filtered/{part}.tsv").open(encoding="utf-8") as lines:
            for line in lines:
                cells = line.rstrip("\n").split("\t")
                if cells[0] in sentences:
                    rows[cells[0]].append((cells[5], [c.rpartition(":")[2] for c in cells[6:9]]))
    articles: dict[str, list[str]] = defaultdict(list)
    for name in rows:
        articles[":".join(name.split(":")[:3])].append(name)

    train: list[Question] = []
    dev: list[Question] = []
    for n, article in enumerate(sorted(articles)):
        names = sorted(articles[article], key=lambda name: tuple(int(part) for part in name.split(":")[3:]))
        text, paragraph_before = "", ""
        breaks: list[int] = []
        places: dict[str, list[tuple[int, int]]] = {}
        for name in names:
            joined, spans = detokenise(sentences[name])
            paragraph = name.split(":")[3]
            if text:
                text += " " if paragraph == paragraph_before else "\n"
            paragraph_before = paragraph
            breaks.append(len(text))
            places[name] = [(s + len(text), e + len(text)) for s, e in spans]
            text += joined
        document = Document("qamr", article, text, breaks)
        into = dev if n < QAMR_DEV else train
        seen = set()
        for name in names:
            said = {w for token in sentences[name] for w in content_words(token)}
            for written, picks in rows[name]:
                asked = tidy_question(written)
                span = _agreed_span(picks, sentences[name])
                if (asked, name) in seen or span is None:
                    continue
                seen.add((asked, name))
                # A question must say enough to be found among other sentences: "Who are they?" does not.
                shared = len(content_words(asked) & said)
                if shared < 1 or len(asked.split()) < 4:
                    continue
                start, end = places[name][span[0]][0], places[name][span[1]][1]
                into.append(Question(document, asked, ((start, end),), narrow=shared < 2))
    return train, dev


def _agreed_span(picks: Sequence[str], tokens: Sequence[str]) -> tuple[int, int] | None:
    """Of the spans that three readers chose, the one that shares most with the others (first and last token)."""
    sets = [frozenset(int(i) for i in c.split()) for c in picks if re.fullmatch(r"\d+( \d+)*", c)]
    usable = [s for s in sets if max(s) - min(s) <= len(s) and max(s) < len(tokens)]  # one word may be left out
    if len(sets) < 2 or not usable:
        return None

    def agreement(s: frozenset[int]) -> float:
        return sum(2 * len(s & other) / (len(s) + len(other)) for other in sets)

    best = max(usable, key=lambda s: (round(agreement(s), 6), -len(s)))
    if agreement(best) < 1.5:  # itself counts 1: nobody else saw it there
        return None
    first, last = min(best), max(best)
    while first < last and not any(c.isalnum() for c in tokens[first]):
        first += 1
    while last > first and not any(c.isalnum() for c in tokens[last]):
        last -= 1
    return first, last


def fairytale_stories(folder: Path, part: str) -> list[list[Question]]:
    """The questions of each story that a section they name answers word by word; part is train or val."""
    base = folder / "fairytaleqa/data-by-train-split"
    stories = []
    for path in sorted((base / "section-stories" / part).glob("*-story.csv")):
        title = path.name.removesuffix("-story.csv")
        questions_path = base / "questions" / part / f"{title}-questions.csv"
        questions: list[Question] = []
        stories.append(questions)
        if not questions_path.exists():
            continue
        text, sections = "", {}
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                section = " ".join((row["text"] or "").split())
                text += "\n" if text else ""
                sections[row["section"].strip()] = (len(text), len(text) + len(section))
                text += section
        document = Document("fairytaleqa", title, text)
        with questions_path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                places = [sections[s.strip()] for s in (row["cor_section"] or "").split(",") if s.strip() in sections]
                spans = []
                for key in ("answer1", "answer2", "answer3", "answer4"):
                    answer = (row.get(key) or "").strip().rstrip(".").strip()
                    span = _best_occurrence(answer, row["question"] or "", text, places) if answer else None
                    if span and span not in spans:
                        spans.append(span)
                if spans:
                    questions.append(Question(document, tidy_question(row["question"]), tuple(spans)))
    return stories


def read_fairytaleqa(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on stories; the last stories choose models."""
    stories = fairytale_stories(folder, "train")
    cut = max(0, len(stories) - FAIRY_DEV)
    return _flat(stories[:cut]), _flat(stories[cut:])


def _flat(lists: Iterable[list[Question]]) -> list[Question]:
    return [question for some in lists for question in some]


def _best_occurrence(
    answer: str, question: str, text: str, places: Iterable[tuple[int, int]]
) -> tuple[int, int] | None:
    """Where the answer stands as whole words, nearest to the question's own words."""
    pattern = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, answer.split())) + r"(?!\w)", re.IGNORECASE)
    wanted = content_words(question)
    best, best_share = None, -1.0
    for low, high in places:
        for match in pattern.finditer(text, low, high):
            around = text[max(low, match.start() - 120) : min(high, match.end() + 120)]
            share = len(wanted & content_words(around)) - 0.001 * (match.start() - low) / (high - low)
            if share > best_share:
                best, best_share = match.span(), share
    return best


def read_policyqa(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on the segments of a site's privacy policy, joined to the whole policy."""
    data = json.loads((folder / "policyqa/dev.json").read_text(encoding="utf-8"))["data"]
    by_site: list[tuple[str, list[Question]]] = []
    for site in data:
        text, breaks = "", []
        offsets = []
        for paragraph in site["paragraphs"]:
            text += "\n" if text else ""
            offsets.append(len(text))
            breaks += [len(text) + b for b in sentence_starts(paragraph["context"])]
            text += paragraph["context"]
        document = Document("policyqa", site["title"], text, breaks)
        questions = []
        for offset, paragraph in zip(offsets, site["paragraphs"], strict=True):
            for qa in paragraph["qas"]:
                spans = []
                for answer in qa["answers"]:
                    start = offset + answer["answer_start"]
                    span = trim(text, start, start + len(answer["text"]))
                    if text[start : start + len(answer["text"])] == answer["text"] and span not in spans:
                        spans.append(span)
                if spans:
                    questions.append(Question(document, tidy_question(qa["question"]), tuple(spans), whole=True))
        by_site.append((site["title"], questions))
    # The last questions choose models: so that nothing near them is trained on, their sites leave train whole.
    train: list[Question] = []
    dev: list[Question] = []
    for _, questions in reversed(by_site):
        if len(dev) < POLICY_DEV:
            dev = questions[-(POLICY_DEV - len(dev)) :] + dev
        else:
            train = questions + train
    return train, dev


def read_qed(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions that people typed into a search engine, with a Wikipedia paragraph and a short answer."""
    lines = (folder / "qed/qed-dev.jsonlines").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    dev_titles = {row["title_text"] for row in rows[-QED_DEV:]}
    train: list[Question] = []
    dev: list[Question] = []
    for n, row in enumerate(rows):
        tokens = row["paragraph_text"].split()
        starts, position = [], 0
        for token in tokens:
            position = row["paragraph_text"].index(token, position)
            starts.append(position)
            position += len(token)
        text, places = detokenise(tokens)
        chosen = [a[0] for a in row["original_nq_answers"] if len(a) == 1]
        given = row["annotation"].get("answer") or []
        if len(given) == 1:
            chosen.insert(0, given[0]["paragraph_reference"])
        spans: list[tuple[int, int]] = []
        for a in chosen:
            first = bisect.bisect_right(starts, a["start"]) - 1
            last = bisect.bisect_left(starts, a["end"]) - 1
            if 0 <= first <= last < len(places) and a["end"] > a["start"]:
                span = trim(text, places[first][0], places[last][1])
                if span not in spans:
                    spans.append(span)
        if not spans:
            continue
        question = Question(Document("qed", row["title_text"], text), tidy_question(row["question_text"]), tuple(spans))
        if n >= len(rows) - QED_DEV:
            dev.append(question)
        elif row["title_text"] not in dev_titles:
            train.append(question)
    return train, dev


def read_multispanqa(folder: Path) -> tuple[list[Question], list[Question]]:
    """Natural questions with several answers: each counts, and a list of neighbours is one answer as a whole."""
    data = json.loads((folder / "multispanqa/data/MultiSpanQA_data/valid.json").read_text(encoding="utf-8"))["data"]
    train = []
    for row in data:
        text, places = detokenise(row["context"])
        question, _ = detokenise(row["question"])
        runs: list[tuple[int, int]] = []
        for i, label in enumerate(row["label"]):
            if label == "B":
                runs.append((i, i))
            elif label == "I" and runs:
                runs[-1] = (runs[-1][0], i)
        spans = [trim(text, places[a][0], places[b][1]) for a, b in runs]
        if not spans:
            continue
        together = (spans[0][0], spans[-1][1])
        gaps = [text[a[1] : b[0]] for a, b in itertools.pairwise(spans)]
        if len(spans) > 1 and all(re.fullmatch(r"[\s,;]*(and|or|&|the|a|an|\s)*[\s,;]*", gap) for gap in gaps):
            spans.insert(0, together)
        document = Document("multispanqa", row["id"], text)
        train.append(Question(document, tidy_question(question), tuple(spans)))
    return train, []


def covid_papers(folder: Path) -> list[list[Question]]:
    """The questions of each paper, by biomedical experts; offsets that are off are found again."""
    data = json.loads((folder / "covid-qa/200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    papers = []
    for article in data:
        questions: list[Question] = []
        papers.append(questions)
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            document = Document("covid-qa", str(paragraph["document_id"]), text)
            for qa in paragraph["qas"]:
                spans = []
                for answer in qa["answers"]:
                    start, wanted = answer["answer_start"], answer["text"]
                    if text[start : start + len(wanted)] != wanted:
                        found = [m.start() for m in re.finditer(re.escape(wanted), text)]
                        if not found:
                            continue
                        start = min(found, key=lambda place: abs(place - answer["answer_start"]))
                    span = trim(text, start, start + len(wanted))
                    if span[0] < span[1]:
                        spans.append(span)
                if spans:
                    questions.append(Question(document, tidy_question(qa["question"]), tuple(spans)))
    return papers


def read_covid_qa(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on whole papers; none of them chooses models, the last only test."""
    papers = covid_papers(folder)
    return _flat(papers[: max(0, len(papers) - COVID_TEST)]), []


def _plain(name: str) -> str:
    return re.sub(r"\W", "", re.sub(r"\.(pdf|txt)$", "", name.strip(), flags=re.IGNORECASE)).lower()


def cuad_contracts(folder: Path) -> list[tuple[str, list[Question]]]:
    """Clauses of contracts: the category becomes a question, the clause (or the name in it) the answer.

    Returns:
        File name and questions of each contract, by name; no spans where the contract has no such clause.
    """
    with (folder / "cuad/master_clauses.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = {_plain(row["Filename"]): row for row in csv.DictReader(lines)}
    contracts = []
    for path in sorted((folder / "cuad/full_contract_txt").glob("*.txt"), key=lambda p: p.name):
        questions: list[Question] = []
        contracts.append((path.name, questions))
        row = rows.get(_plain(path.name))
        if row is None:
            continue
        with path.open(encoding="utf-8", newline="") as opened:
            text = opened.read()
        document = Document("cuad", path.stem, text)
        rng = random.Random(path.stem)
        for category, phrasings in CUAD_QUESTIONS.items():
            try:
                clauses = ast.literal_eval(row[category] or "[]")
            except (SyntaxError, ValueError):
                continue
            spans = _clause_spans(category, clauses, row, text)
            if spans or not clauses:
                asked = rng.choice(phrasings) if spans else phrasings[0]
                questions.append(Question(document, asked, tuple(spans), whole=True))
    return contracts


def _clause_spans(category: str, clauses: Sequence[str], row: dict[str, str], text: str) -> list[tuple[int, int]]:
    found = [span for clause in clauses if (span := find_flexibly(clause, text))]
    spans = list(dict.fromkeys(trim(text, *span) for span in found))
    if category in CUAD_SHORT:
        named = (row.get(f"{category}-Answer") or "").strip()
        inside = [(a, find_flexibly(named, text[a:b])) for a, b in spans] if named else []
        spans = [(a + span[0], a + span[1]) for a, span in inside if span] or spans
    if category == "Parties":  # "Licensor" and the like are names of roles, not parties
        spans = [(a, b) for a, b in spans if len(text[a:b].split()) > 1]
    return [(a, b) for a, b in spans if a < b]


def read_cuad(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on the clauses that contracts have; the last contracts test, those before them choose models."""
    contracts = cuad_contracts(folder)
    # Names sort in two ways, by code point and as people read them; train keeps clear of both ends.
    kept_out = set(sorted((name for name, _ in contracts), key=str.lower)[-(CUAD_TEST + CUAD_DEV) :])
    cut, end = max(0, len(contracts) - CUAD_TEST - CUAD_DEV), max(0, len(contracts) - CUAD_TEST)
    train = _flat(questions for name, questions in contracts[:cut] if name not in kept_out)
    dev = _flat(questions for _, questions in contracts[cut:end])
    return [q for q in train if q.spans], [q for q in dev if q.spans]


def _phrasings(table: str) -> dict[str, tuple[str, ...]]:
    """Lines of «key: question | question» as a table; a line that begins with | goes on with the one before."""
    rows = (line.partition(": ") for line in table.strip().replace("\n    |", " |").splitlines())
    return {key: tuple(asked.split(" | ")) for key, _, asked in rows}


CUAD_SHORT = ("Governing Law", "Document Name", "Agreement Date", "Effective Date", "Parties")
CUAD_QUESTIONS = _phrasings("""
Document Name: What is the name of this agreement? | What kind of agreement is this?
    | What is the title of the contract?
Parties: Who are the parties to this agreement? | Who signed the contract? | Between whom is this agreement made?
Agreement Date: When was the agreement signed? | What is the date of the agreement?
    | On what date was this contract made?
Effective Date: When does the agreement take effect? | What is the effective date?
    | From what date is the contract effective?
Expiration Date: When does the agreement expire? | How long does the initial term last?
    | When does the contract end?
Renewal Term: How is the agreement renewed? | What is the renewal term? | For how long is the contract renewed?
Notice Period To Terminate Renewal: How much notice must be given to stop a renewal?
    | What is the notice period for non-renewal?
Governing Law: Which law governs the agreement? | Under the laws of which state is the contract interpreted?
    | What is the governing law?
Most Favored Nation: Which clause promises terms as good as those given to others?
    | What does the contract say about most favored terms?
Competitive Restriction Exception: What are the exceptions to the competitive restrictions?
    | What is exempt from the non-compete or exclusivity?
Non-Compete: What restricts a party from competing? | Which businesses may a party not compete with?
    | What does the non-compete clause say?
Exclusivity: What exclusive rights are granted? | Who is the exclusive supplier or distributor?
    | What does the contract say about exclusivity?
No-Solicit Of Customers: Which customers may a party not solicit? | What forbids soliciting customers?
No-Solicit Of Employees: What forbids hiring the other party's employees?
    | For how long may employees not be solicited?
Non-Disparagement: What forbids disparaging the other party? | What does the contract say about disparagement?
Termination For Convenience: How can a party terminate without cause?
    | What notice is needed to terminate for convenience?
Rofr/Rofo/Rofn: Who has a right of first refusal? | What right of first refusal or first offer is granted?
Change Of Control: What happens upon a change of control? | What may a party do if the other is acquired?
Anti-Assignment: May the agreement be assigned to a third party? | What consent is needed to assign the contract?
    | Who may assign this agreement?
Revenue/Profit Sharing: What share of revenue must be paid? | How are revenues or profits shared?
    | What royalty is due?
Price Restrictions: What limits changes of the price? | By how much may prices be raised?
Minimum Commitment: What is the minimum order? | How much must be bought at least?
    | What minimum amount must be paid?
Volume Restriction: What limits the volume of use? | What happens when usage exceeds the limit?
Ip Ownership Assignment: Who owns the intellectual property that is created?
    | Which intellectual property is assigned to the other party?
Joint Ip Ownership: Which intellectual property is jointly owned? | What do the parties own jointly?
License Grant: What license is granted? | What may the licensee use? | Which rights does the licensor grant?
Non-Transferable License: Which license is non-transferable? | May the license be transferred?
Affiliate License-Licensor: Which license do the licensor's affiliates grant?
    | What do affiliates of the licensor license?
Affiliate License-Licensee: Which license covers affiliates of the licensee?
    | May affiliates of the licensee use the license?
Unlimited/All-You-Can-Eat-License: Which license is unlimited? | What may be used without limit?
Irrevocable Or Perpetual License: Which license is perpetual or irrevocable? | What is granted forever?
Source Code Escrow: What source code is put in escrow? | When is the source code released from escrow?
Post-Termination Services: What must be done after termination? | What obligations remain after the agreement ends?
Audit Rights: Who may audit the books and records? | How often may records be audited?
    | What audit rights are there?
Uncapped Liability: For what is liability not limited? | Which liability has no cap?
Cap On Liability: How is liability limited? | What is the maximum liability? | What damages are excluded?
Liquidated Damages: What liquidated damages are due? | What fee is due upon termination?
Warranty Duration: How long does the warranty last? | What is the warranty period?
Insurance: What insurance must be maintained? | How much insurance is required?
Covenant Not To Sue: What may a party not contest or sue over? | Which claims does a party promise not to bring?
Third Party Beneficiary: Who is a third party beneficiary? | Which third parties may enforce the agreement?
""")


def read_redocred(folder: Path) -> tuple[list[Question], list[Question]]:
    """Wikipedia abstracts with relations between entities: a relation becomes a question about its tail."""
    data = json.loads((folder / "redocred/dev_revised.json").read_text(encoding="utf-8"))
    train = []
    for row in data[: max(0, len(data) - REDOCRED_TEST)]:
        text, breaks, places = "", [], []
        for sentence in row["sents"]:
            joined, spans = detokenise([t for t in sentence if t.strip()])
            # tokens of nothing but white space have no place of their own
            real = iter(spans)
            text += " " if text else ""
            breaks.append(len(text))
            places.append([tuple(x + len(text) for x in next(real)) if t.strip() else None for t in sentence])
            text += joined
        document = Document("redocred", row["title"], text, breaks)
        rng = random.Random(row["title"])

        def where(mention: dict, places: list = places) -> tuple[int, int] | None:
            cells = [c for c in places[mention["sent_id"]][slice(*mention["pos"])] if c]
            return (cells[0][0], cells[-1][1]) if cells else None

        tails: dict[tuple[int, str], list[dict]] = defaultdict(list)
        for label in row["labels"]:
            if label["evidence"] and label["r"] in REDOCRED_QUESTIONS:
                tails[label["h"], label["r"]].append(label)
        for (head, relation), labels in tails.items():
            mentions = row["vertexSet"][head]
            name = max((m["name"] for m in mentions), key=len)
            in_evidence = {m["sent_id"] for m in mentions}
            spans = []
            for label in labels:
                near = [m for m in row["vertexSet"][label["t"]] if m["sent_id"] in label["evidence"]]
                near.sort(key=lambda m: (m["sent_id"] not in in_evidence, m["sent_id"]))
                spans += [span for m in near if (span := where(m))]
            if not spans or len(labels) > 3 or not in_evidence & {s for x in labels for s in x["evidence"]}:
                continue
            written, _ = detokenise(name.split())
            asked = rng.choice(REDOCRED_QUESTIONS[relation]).format(written)
            train.append(Question(document, asked, tuple(dict.fromkeys(spans))))
    return train, []


REDOCRED_QUESTIONS = _phrasings("""
P6: Who is the head of government of {}? | Who led the government of {}?
P17: In which country is {}? | What country is {} in?
P19: Where was {} born? | In what place was {} born?
P20: Where did {} die? | In which place did {} die?
P22: Who was the father of {}? | Whose child was {}?
P25: Who was the mother of {}? | What was the name of {}'s mother?
P26: Who did {} marry? | Who was {} married to?
P27: What nationality did {} have? | What country was {} from?
P36: What is the capital of {}? | Which city is the capital of {}?
P37: What is the official language of {}? | Which language is official in {}?
P39: What position did {} hold? | What office did {} hold?
P40: Who was a child of {}? | What was the name of {}'s child?
P50: Who wrote {}? | Who is the author of {}?
P54: Which team did {} play for? | What club did {} belong to?
P57: Who directed {}? | Who was the director of {}?
P58: Who wrote the script of {}? | Who was the screenwriter of {}?
P69: Where did {} study? | Which school did {} attend?
P86: Who composed {}? | Who wrote the music of {}?
P102: Which party did {} belong to? | What political party was {} a member of?
P108: Who did {} work for? | Who employed {}?
P112: Who founded {}? | By whom was {} founded?
P118: In which league does {} play? | What league is {} in?
P123: Who published {}? | Which company was the publisher of {}?
P127: Who owns {}? | To whom does {} belong?
P131: Where is {} located? | In what region is {}?
P137: Who operates {}? | Which company runs {}?
P140: What religion did {} follow? | What is the religion of {}?
P159: Where are the headquarters of {}? | Where is {} based?
P161: Who starred in {}? | Who acted in {}?
P162: Who produced {}? | Who was the producer of {}?
P166: What award did {} receive? | Which prize did {} win?
P170: Who created {}? | Who made {}?
P175: Who performed {}? | Which artist recorded {}?
P176: Who manufactured {}? | Which company built {}?
P178: Who developed {}? | Which studio developed {}?
P206: On what body of water does {} lie? | Next to which water is {}?
P241: In which branch of the military did {} serve? | What force was {} part of?
P264: Which label released {}? | What is the record label of {}?
P272: Which company produced {}? | What studio made {}?
P276: Where did {} take place? | Where was {} held?
P279: What is {} a kind of? | What type of thing is {}?
P30: On which continent is {}? | What continent does {} belong to?
P35: Who is the head of state of {}? | Who was the president or monarch of {}?
P355: What is a subsidiary of {}? | Which company belongs to {}?
P361: What is {} part of? | To what does {} belong?
P364: In what language is {}? | What was the original language of {}?
P400: On which platform was {} released? | What platform does {} run on?
P403: Into what does {} flow? | Where does {} end?
P449: Which network aired {}? | On what channel was {} shown?
P463: What group was {} a member of? | Which band or body did {} belong to?
P488: Who chaired {}? | Who was the chairman of {}?
P495: What country does {} come from? | In which country was {} made?
P551: Where did {} live? | Where was {}'s home?
P569: When was {} born? | What is {}'s date of birth?
P570: When did {} die? | In what year did {} die?
P571: When was {} founded? | In what year was {} established?
P576: When was {} dissolved? | When did {} cease to exist?
P577: When was {} released? | When did {} come out?
P580: When did {} begin? | When did {} start?
P582: When did {} end? | In what year did {} finish?
P585: When did {} happen? | In what year was {}?
P607: In which war did {} fight? | What conflict was {} involved in?
P676: Who wrote the lyrics of {}? | Who wrote the words of {}?
P706: On what island, mountain or plain is {}? | On which landform does {} lie?
P710: Who took part in {}? | Who participated in {}?
P740: Where was {} formed? | In which place did {} form?
P749: What is the parent company of {}? | Which company owns {}?
P800: What is {} known for? | What is a famous work of {}?
P840: Where is {} set? | In which place does {} play?
P937: Where did {} work? | In which place was {} active?
P155: What came before {}? | What did {} follow?
P156: What came after {}? | What followed {}?
P179: Which series does {} belong to? | What series is {} part of?
P1344: What did {} take part in? | In which event did {} participate?
P1366: What replaced {}? | Who succeeded {}?
P1376: What is {} the capital of? | Of which country or region is {} the capital?
P1412: What language did {} speak? | In which language did {} write?
P3373: Who was the brother or sister of {}? | What is the name of {}'s sibling?
""")

READERS: dict[str, Callable[[Path], tuple[list[Question], list[Question]]]] = {
    "qamr": read_qamr,
    "fairytaleqa": read_fairytaleqa,
    "qed": read_qed,
    "multispanqa": read_multispanqa,
    "covid-qa": read_covid_qa,
    "policyqa": read_policyqa,
    "cuad": read_cuad,
    "redocred": read_redocred,
}


def read_haystacks(folder: Path) -> list[Document]:
    paths = sorted((folder / "litbank/original").glob("*.txt"), key=lambda p: p.name)
    paths = paths[: max(0, len(paths) - LITBANK_TEST)]
    return [Document("litbank", p.stem, " ".join(p.read_text(encoding="utf-8").split())[:400_000]) for p in paths]


# ------------------------------------------------------------------------------------------------ cutting


def crop(document: Document, start: int, end: int, *, room: int, rng: random.Random) -> tuple[int, int]:
    """A stretch of sentences, of about `room` tokens, with [start, end) in it at a place left to chance."""
    breaks = document.breaks
    first = bisect.bisect_right(breaks, start) - 1
    last = bisect.bisect_left(breaks, end)  # the sentence after the answer
    stops = [*breaks, len(document.text)]

    def size(i: int) -> int:
        return n_tokens(document.text[stops[i] : stops[i + 1]])

    own = sum(size(i) for i in range(first, last))
    left_of_room = room - own
    if own > max(room, LONG_SENTENCE):
        return _crop_words(document.text, stops[first], stops[last], start, end, room=room, rng=rng)
    leaning = rng.random()  # how much of the rest stands before the answer
    for side, share in ((-1, leaning), (1, 1 - leaning), (-1, 1.0)):
        room_here = share * left_of_room if share < 1 and side < 0 else left_of_room
        while room_here > 0:
            if (side < 0 and first == 0) or (side > 0 and last == len(breaks)):
                break
            more = size(first - 1 if side < 0 else last)
            if more > room_here:
                break
            first, last = (first - 1, last) if side < 0 else (first, last + 1)
            room_here -= more
            left_of_room -= more
    return trim_white(document.text, stops[first], stops[last])


def _crop_words(
    text: str, low: int, high: int, start: int, end: int, *, room: int, rng: random.Random
) -> tuple[int, int]:
    """The same when one sentence alone is too long: cut between words."""
    before = [m.start() for m in re.finditer(r"\S+", text[low:start])]
    after = [m.end() for m in re.finditer(r"\S+", text[end:high])]
    words = max(0, int((room - n_tokens(text[start:end])) / 1.35))
    n_before = min(len(before), int(words * rng.random()))
    n_after = min(len(after), words - n_before)
    a = low + before[-n_before] if n_before else start
    b = end + after[n_after - 1] if n_after else end
    return trim_white(text, a, b)


def trim_white(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def short_room(question: Question, rng: random.Random) -> int:
    """How many tokens of context a short question gets: cheap for many, up to a paragraph for the rest."""
    low, high = SHORT_TOKENS
    source = question.document.source
    if question.narrow:
        return 1
    if source == "qamr":  # many questions a sentence: most see a few sentences, some only their own
        return rng.choice((low, 80, 110, 140, 170))
    if source == "cuad":
        return rng.randint(120, 240)
    return rng.randint(90, high)


def with_crop(question: Question, *, room: int, rng: random.Random) -> Entry:
    document = question.document
    start, end = question.spans[0]
    low, high = crop(document, start, end, room=room, rng=rng)
    answers = tuple((a - low, document.text[a:b]) for a, b in question.spans if low <= a and b <= high)
    return Entry(document.source, document.subject, document.text[low:high], question.text, answers)


def answer_texts(question: Question) -> list[str]:
    return [question.document.text[a:b] for a, b in question.spans]


def without_answer(question: Question, pool: "Pool", *, room: int, rng: random.Random, near: bool) -> Entry | None:
    """The question with a passage that does not hold its answer: of the same subject, or of another."""
    document = question.document
    taboo = [t.lower() for t in answer_texts(question)]
    for _ in range(12):
        other = document if near and len(document.text) > 1500 else pool.neighbour(question, rng=rng)
        if other is not document and question.whole:
            # "What is the governing law?" is answered by any contract that has one
            return _elsewhere(question, document, taboo, room=room, rng=rng)
        entry = _elsewhere(question, other, taboo, room=room, rng=rng)
        if entry is not None:
            return entry
    return None


def _elsewhere(
    question: Question, document: Document, taboo: Sequence[str], *, room: int, rng: random.Random
) -> Entry | None:
    place = rng.choice(document.breaks)
    low, high = crop(document, place, min(place + 1, len(document.text)), room=room, rng=rng)
    text = document.text[low:high]
    if n_tokens(text) < min(room, 40) * 0.6 or any(t in text.lower() for t in taboo):
        return None
    if document is question.document and any(a < high and b > low for a, b in question.spans):
        return None
    return Entry(document.source, document.subject, text, question.text, ())


class Pool:
    """All documents of a source, to draw others of a like subject from."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = list(documents)
        self.words = {id(d): content_words(d.text[:3000]) for d in self.documents}
        counts = Counter(w for words in self.words.values() for w in words)
        self.weight = {w: math.log(len(self.documents) / n) for w, n in counts.items()}

    def like(self, words: set[str], *, besides: Document, n: int, rng: random.Random) -> list[Document]:
        """The `n` documents that share most with some words, out of a sample."""
        sample = rng.sample(self.documents, min(120, len(self.documents)))
        sample = [d for d in sample if d is not besides and d.text != besides.text]
        sample.sort(key=lambda d: -math.fsum(self.weight[w] for w in words & self.words[id(d)]))
        return sample[:n]

    def neighbour(self, question: Question, *, rng: random.Random) -> Document:
        near = self.like(content_words(question.text), besides=question.document, n=4, rng=rng)
        return rng.choice(near) if near else question.document


def long_entry(
    question: Question, pool: Pool, *, room: int, rng: random.Random, answerable: bool = True, near: bool = False
) -> Entry | None:
    """A question over a long text: its own document, and others like it around when that is too short."""
    document = question.document
    taboo = [t.lower() for t in answer_texts(question) if len(t) > 2]
    if answerable:
        entry = with_crop(question, room=room, rng=rng)
        if not entry.answers:
            return None
    else:
        found = without_answer(question, pool, room=room, rng=rng, near=near)
        if found is None:
            return None
        entry = found
    missing = room - n_tokens(entry.context)
    before: list[str] = []
    after: list[str] = []
    if missing > 100 and not (question.whole and answerable):
        for other in pool.like(pool.words[id(document)], besides=document, n=40, rng=rng):
            if missing < 60:
                break
            place = rng.choice(other.breaks)
            low, high = crop(
                other, place, min(place + 1, len(other.text)), room=min(missing, rng.randint(100, 900)), rng=rng
            )
            text = other.text[low:high]
            if any(t in text.lower() for t in taboo) or text in entry.context or text in before or text in after:
                continue
            (before if rng.random() < 0.5 else after).append(text)
            missing -= n_tokens(text)
    head = "".join(text + "\n\n" for text in before)
    context = head + entry.context + "".join("\n\n" + text for text in after)
    answers = tuple((start + len(head), text) for start, text in entry.answers)
    return Entry(entry.source, entry.subject, context, question.text, answers)


def haystack_entry(question: Question, novel: Document, *, room: int, rng: random.Random) -> Entry | None:
    """A short passage somewhere inside a stretch of a novel."""
    needle = with_crop(question, room=rng.randint(20, 160), rng=rng)
    if not needle.answers:
        return None
    place = rng.choice(novel.breaks)
    low, high = crop(novel, place, min(place + 1, len(novel.text)), room=room, rng=rng)
    cuts = [b for b in novel.breaks if low < b < high]
    if not cuts or any(t.lower() in novel.text[low:high].lower() for _, t in needle.answers):
        return None
    at = rng.choice(cuts)
    head = novel.text[low:at]
    answers = tuple((start + len(head), text) for start, text in needle.answers)
    context = head + needle.context + " " + novel.text[at:high]
    return Entry("litbank+" + needle.source, needle.subject, context, question.text, answers)


# ------------------------------------------------------------------------------------------------ choosing


def chosen(questions: Sequence[Question], n: int | None, *, rng: random.Random) -> list[Question]:
    """At most `n` of them, spread over documents and with no question asked too often in the same words."""
    order = list(questions)
    rng.shuffle(order)
    rank: dict[tuple, int] = Counter()
    keyed: list[tuple[float, int, Question]] = []
    for question in order:
        words = question.text.lower()
        yes_no = words.split()[0] in ("do", "does", "did", "is", "are", "will", "can", "may", "has", "have")
        key = (question.document.subject, id(question.document))
        keyed.append((rank[key] + 3 * rank["words", words] / 10 + (4 if yes_no else 0), len(keyed), question))
        rank[key] += 1
        rank["words", words] += 1
    if n is not None and len(keyed) > n:
        keyed.sort(key=lambda item: item[:2])
        keyed = keyed[:n]
        keyed.sort(key=lambda item: item[1])
    return [question for *_, question in keyed]


def fitting(question: Question) -> bool:
    """Whether to learn from it: the answer has something in it and is no whole paragraph, the article is no test."""
    start, end = question.spans[0]
    answer = question.document.text[start:end]
    if question.document.subject in TESTED_ELSEWHERE:
        return False
    return any(c.isalnum() for c in answer) and n_tokens(answer) <= 60 and n_tokens(question.text) <= 60


def entries_short(questions: Sequence[Question], pool: Pool, *, n: int | None, rng: random.Random) -> list[Entry]:
    entries = []
    for question in chosen(questions, n, rng=rng):
        room = short_room(question, rng)
        entry = with_crop(question, room=room, rng=rng)
        if not entry.answers:
            continue
        if not question.narrow and rng.random() < UNANSWERABLE:
            other = without_answer(question, pool, room=room, rng=rng, near=rng.random() < 0.6)
            if other is not None:
                entries.append(other)
                if rng.random() < 0.5:  # half of them stand beside the same question with its answer
                    entries.append(entry)
                continue
        entries.append(entry)
    return entries


def entries_long(questions: Sequence[Question], pool: Pool, *, n: int, rng: random.Random) -> list[Entry]:
    entries = []
    for question in chosen([q for q in questions if not q.narrow], n, rng=rng):
        room = _between(LONG_TOKENS, rng)
        entry = long_entry(question, pool, room=room, rng=rng, answerable=rng.random() >= UNANSWERABLE)
        if entry is not None:
            entries.append(entry)
    return entries


def _between(tokens: tuple[int, int], rng: random.Random) -> int:
    """A number of tokens, small ones as likely as large ones by their order of magnitude."""
    return round(math.exp(rng.uniform(math.log(tokens[0]), math.log(tokens[1]))))


def entries_late(
    questions: Sequence[Question], pool: Pool, novels: Sequence[Document], *, n: int, rng: random.Random
) -> list[Entry]:
    """For the last stage: middling and long texts, and novels with the passage in them and without it."""
    wide = [q for q in questions if not q.narrow]
    found: list[Entry | None] = []
    for tokens, count in ((LONG_TOKENS, n), (MIDDLE_TOKENS, round(LATE_MIDDLE_SHARE * n))):
        for question in chosen(wide, count, rng=rng):
            answerable, near = rng.random() >= LATE_UNANSWERABLE, rng.random() < 0.5
            room = _between(tokens, rng)
            found.append(long_entry(question, pool, room=room, rng=rng, answerable=answerable, near=near))
    if novels and questions and questions[0].document.source in HAYSTACKS:
        for i, question in enumerate(chosen(wide, 2 * HAYSTACK_SHARE, rng=rng)):
            novel = rng.choice(novels)
            if i % 2:
                found.append(haystack_entry(question, novel, room=_between(LONG_TOKENS, rng), rng=rng))
            else:
                taboo = [text.lower() for text in answer_texts(question)]
                room = _between((MIDDLE_TOKENS[0], LONG_TOKENS[1]), rng)
                found.append(_elsewhere(question, novel, taboo, room=room, rng=rng))
    return [entry for entry in found if entry is not None]


def squad(entries: Sequence[Entry], *, prefix: str) -> dict:
    """SQuAD v2 JSON. Entries with the same text share a paragraph; every answer is checked where it stands."""
    articles: dict[tuple[str, str], dict[str, list]] = {}
    ids: Counter[str] = Counter()
    for entry in entries:
        for start, text in entry.answers:
            if entry.context[start : start + len(text)] != text or not text:
                raise AssertionError(f"{entry.source}, {entry.question}: {text!r} is not at {start}")
        ids[entry.source] += 1
        qa = {
            "id": f"{prefix}-{entry.source}-{ids[entry.source]:05d}",
            "question": entry.question,
            "answers": [{"text": text, "answer_start": start} for start, text in entry.answers],
            "is_impossible": not entry.answers,
        }
        article = articles.setdefault((entry.source, entry.subject), {})
        article.setdefault(entry.context, []).append(qa)
    data = [
        {
            "title": f"{source}: {subject}",
            "paragraphs": [{"context": context, "qas": qas} for context, qas in article.items()],
        }
        for (source, subject), article in articles.items()
    ]
    return {"version": "v2.0", "data": data}


def make(folder: Path, *, seed: int = 0) -> dict[str, list[Entry]]:
    """All entries, by file: train-short, train-long, train-late, dev."""
    files: dict[str, list[Entry]] = {"train-short": [], "train-long": [], "train-late": [], "dev": []}
    novels = read_haystacks(folder)
    for source, read in READERS.items():
        rng = random.Random(f"{seed} {source}")
        train, dev = ([q for q in part if fitting(q)] for part in read(folder))
        pools = [Pool(list({id(q.document): q.document for q in part}.values())) for part in (train, dev)]
        files["train-short"] += entries_short(train, pools[0], n=SHORT_SHARE[source], rng=rng)
        files["train-long"] += entries_long(train, pools[0], n=LONG_SHARE[source], rng=rng)
        if novels and source in HAYSTACKS:
            for question in chosen([q for q in train if not q.narrow], HAYSTACK_SHARE, rng=rng):
                found = haystack_entry(question, rng.choice(novels), room=rng.randint(*LONG_TOKENS), rng=rng)
                files["train-long"] += [found] if found else []
        if source in DEV_SHARE:
            files["dev"] += entries_short(dev, pools[1], n=DEV_SHARE[source], rng=rng)
        if source in DEV_LONG_SHARE:
            files["dev"] += entries_long(dev, pools[1], n=DEV_LONG_SHARE[source], rng=rng)
        late = random.Random(f"{seed} {source} late")
        files["train-late"] += entries_late(train, pools[0], novels, n=LONG_SHARE[source], rng=late)
    for name, entries in files.items():
        random.Random(f"{seed} {name}").shuffle(entries)
    return files


def table(files: dict[str, list[Entry]]) -> str:
    """Counts and estimated tokens (context + question + 3), by file and source, as markdown."""
    lines = ["| file | source | questions | unanswerable | tokens | a question |", "|---|---|---:|---:|---:|---:|"]
    for name, entries in files.items():
        by_source: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_source[entry.source].append(entry)
        for source, some in [*sorted(by_source.items()), ("all", entries)]:
            tokens = sum(n_tokens(e.context) + n_tokens(e.question) + 3 for e in some)
            empty = sum(not e.answers for e in some)
            lines.append(
                f"| {name} | {source} | {len(some):,} | {empty:,} | {tokens:,} | {tokens / max(1, len(some)):.0f} |"
            )
    words = Counter(e.question.split()[0].lower() for e in files["train-short"])
    total = sum(words.values()) or 1
    lines += ["", "First words: " + ", ".join(f"{w} {100 * n / total:.1f} %" for w, n in words.most_common(14))]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the questions that qa-mini is trained on.")
    parser.add_argument("folder", type=Path, help="folder with the sets unpacked side by side")
    parser.add_argument("--out", type=Path, default=Path("data/qa-mini"), help="folder to write (data/qa-mini)")
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args(argv)
    missing = [name for name in READERS if not (settings.folder / name).is_dir()]
    if missing:
        parser.exit(3, f"{settings.folder}: no folder {', '.join(missing)}; unpack these sets there\n")
    files = make(settings.folder, seed=settings.seed)
    settings.out.mkdir(parents=True, exist_ok=True)
    for name, entries in (*files.items(), ("train", files["train-short"] + files["train-long"])):
        prefix = "dev" if name == "dev" else "train"
        text = json.dumps(squad(entries, prefix=prefix), ensure_ascii=False)
        (settings.out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(table(files) + "\n")


if __name__ == "__main__":
    main()
