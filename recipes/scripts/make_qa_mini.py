"""Make the training and development questions of qa-mini from public question-answering sets.

    python recipes/scripts/make_qa_mini.py FOLDER --out data/qa-mini

FOLDER holds the sets unpacked side by side: qamr, fairytaleqa, cuad, covid-qa, policyqa, qed, multispanqa, redocred and
litbank (as text around passages), and, if it is there, asked (`make_questions.py`). Each is read in its own format
(qa_sets/), and all become documents with questions whose answers are character spans. What is written is SQuAD v2 JSON:

    train.json         short texts of 40 to 400 tokens, and long ones of 700 to 3,900 with several questions each
    train-short.json   its short texts, and one in thirty of the long ones: what the last steps learn from
    dev.json           a small balanced sample of what no training question touches, to choose a model by
    dev-near.json      questions on passages, each also changed so that the passage does not answer it
    dev-long.json      whole stories, contracts, papers and policies, and passages put together
    dev-absent.json    contracts, asked for clauses that they have and for clauses that they lack

Three questions in ten on short texts and four in ten on long ones have no answer. Most of these are near misses:
questions changed by rule, the passage most like the question besides its own, relations and clauses that a document is
known to lack. Only the standard library is used, and the same folder and seed give the same files. Never read: SQuAD,
and what the sets keep for testing (the stories of fairytaleqa's val part, the last 40 contracts, the last 18 covid-qa
papers, the last 100 redocred documents, the last 10 novels).
"""

import argparse
import itertools
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from qa_sets import asked, covid_qa, cuad, fairytaleqa, multispanqa, novels, policyqa, qamr, qed, redocred
from qa_sets.books import Book, Part, gathered, planted, stretches
from qa_sets.crops import Places, Pool, crop, nearest_without_answer, with_crop, without_answer
from qa_sets.items import Document, Entry, Question
from qa_sets.near_misses import Names, changed
from qa_sets.text import n_tokens
from qa_sets.tight import tightened
from qa_sets.writing import squad, table

READERS = {
    "qamr": qamr.read,
    "fairytaleqa": fairytaleqa.read,
    "qed": qed.read,
    "multispanqa": multispanqa.read,
    "covid-qa": covid_qa.read,
    "policyqa": policyqa.read,
    "cuad": cuad.read,
    "redocred": redocred.read,
    "asked": asked.read,
}
OPTIONAL = frozenset({"asked"})
TIGHT = frozenset({"qamr", "fairytaleqa", "qed", "multispanqa", "covid-qa", "redocred"})
"""Sets whose answers are cut down to what people would mark; clauses stay whole."""

# Articles that share whole passages with SQuAD articles that we test on.
TESTED_ELSEWHERE = frozenset({"Wiki1k:wikipedia:7567080", "Super Bowl 50 halftime show", "Super Bowl LII"})

SHORT_TOKENS = (40, 400)
LONG_TOKENS = (1500, 3800)
FULL_ATTENTION = 640
LONG_ONE_IN = 30
"""Of the texts longer than that, which are read in block-sparse attention, so many are left for the last steps."""

CHANGED, NEAREST, ELSEWHERE = 0.16, 0.12, 0.04
"""Of the questions on short texts: how many are changed, asked of the passage most like them, and of any other."""
ABSENT = 0.4  # for each of the answered, how many of those that the document is known to lack, at most
BESIDE = 0.6  # of these, how many stand beside the same question with its answer
WIDENED = 0.4  # of the other short texts, how many have passages about like things around them

# How many questions of each set on short texts, at most (none = all), and how often, each time in another crop.
SHORT: dict[str, tuple[int | None, int]] = {
    "qamr": (None, 1),
    "fairytaleqa": (None, 2),
    "qed": (None, 3),
    "multispanqa": (None, 3),
    "covid-qa": (None, 2),
    "policyqa": (2600, 1),
    "cuad": (None, 1),
    "redocred": (None, 1),
    "asked": (30000, 1),
}
# How many long texts of each set, and how many questions with and without an answer each of them gets at most.
LONG: dict[str, tuple[int, int, int]] = {
    "qamr": (260, 5, 3),
    "redocred": (110, 4, 4),
    "qed": (170, 4, 2),
    "multispanqa": (80, 4, 2),
    "fairytaleqa": (330, 6, 3),
    "covid-qa": (220, 6, 3),
    "policyqa": (60, 3, 2),
    "cuad": (650, 2, 2),
    "asked": (240, 4, 2),
}
GATHERED = frozenset({"qamr", "redocred", "qed", "multispanqa"})
"""Sets of passages: their long texts are many of them together."""
PLANTED = 300  # passages of these within novels
DEV: dict[str, int] = {"qed": 150, "policyqa": 60, "fairytaleqa": 120, "cuad": 50, "qamr": 120, "covid-qa": 20}
DEV_NEAR: dict[str, int] = {"qamr": 80, "qed": 60, "fairytaleqa": 60}
DEV_LONG: dict[str, tuple[int, int]] = {
    "fairytaleqa": (20, 5), "covid-qa": (6, 6), "cuad": (12, 4), "policyqa": (1, 12), "qed": (10, 5), "qamr": (2, 10),
}  # fmt: skip
DEV_ABSENT = (25, 3, 4)  # contracts, and questions with and without an answer each


# ------------------------------------------------------------------------------------------------ choosing


def chosen(questions: Sequence[Question], n: int | None, *, rng: random.Random) -> list[Question]:
    """At most `n` of them, spread over documents and with no question asked too often in the same words."""
    order = list(questions)
    rng.shuffle(order)
    rank: dict[tuple, int] = Counter()
    keyed = []
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
    """Whether to learn from it: the answer has something in it and is no page, the article is no test."""
    document = question.document
    if document.subject in TESTED_ELSEWHERE or n_tokens(question.text) > 60:
        return False
    if not question.spans:
        return True
    answer = document.text[slice(*question.spans[0])]
    return any(c.isalnum() for c in answer) and n_tokens(answer) <= (400 if document.source == "cuad" else 40)


def between(tokens: tuple[int, int], rng: random.Random) -> int:
    """A number of tokens, small ones as likely as large ones by their order of magnitude."""
    return round(math.exp(rng.uniform(math.log(tokens[0]), math.log(tokens[1]))))


class Set:
    """A set's questions with what is needed to make other texts of them."""

    def __init__(self, questions: Iterable[Question], names: Names) -> None:
        self.all = [q for q in questions if fitting(q)]
        self.answered = [q for q in self.all if q.spans]
        self.absent = [q for q in self.all if not q.spans]
        self.names = names
        self.by_document: dict[int, list[Question]] = defaultdict(list)
        for question in self.all:
            self.by_document[id(question.document)].append(question)
        self.documents = list({id(q.document): q.document for q in self.all}.values())
        self.pool = Pool(self.documents)
        self.places = Places(self.documents)


# ------------------------------------------------------------------------------------------------ short texts


def short_entries(some: Set, *, n: int | None, rng: random.Random) -> list[Entry]:
    """Questions on passages, and near misses among them."""
    entries: list[Entry] = []
    answered = chosen(some.answered, n, rng=rng)
    for question in answered + chosen(some.absent, round(ABSENT * len(answered)), rng=rng):
        room = 1 if question.narrow else between(SHORT_TOKENS, rng)
        if not question.spans:
            entries.append(_anywhere(question, room=max(80, room), rng=rng))
            continue
        if n_tokens(question.document.text[slice(*question.spans[0])]) > room // 2 and not question.narrow:
            room = 400
        entry = with_crop(question, room=room, rng=rng)
        if not entry.answers:
            continue
        miss = _miss(question, entry, some, room=room, rng=rng)
        if miss is not None:
            entries.append(miss)
        if miss is None or rng.random() < BESIDE:
            wide = miss is None and not question.whole and rng.random() < WIDENED
            entries.append(
                widened(entry, question, some.pool, room=between((150, 400), rng), rng=rng) if wide else entry
            )
    return entries


def _miss(question: Question, entry: Entry, some: Set, *, room: int, rng: random.Random) -> Entry | None:
    draw = rng.random()
    if draw < CHANGED:
        found = changed(question.text, entry.context, _first(entry.answers), some.names, rng)
        return Entry(entry.source, entry.subject, entry.context, found[0], ()) if found else None
    if question.narrow:
        return None
    if draw < CHANGED + NEAREST:
        if question.whole:  # only its own document can be asked
            return without_answer(question, some.pool, room=max(60, room), rng=rng, near=True)
        return nearest_without_answer(question, some.places, room=max(60, room), rng=rng)
    if draw < CHANGED + NEAREST + ELSEWHERE:
        return without_answer(question, some.pool, room=max(60, room), rng=rng, near=rng.random() < 0.5)
    return None


def _first(answers: Sequence[tuple[int, str]]) -> tuple[int, int]:
    start, text = answers[0]
    return start, start + len(text)


def _anywhere(question: Question, *, room: int, rng: random.Random) -> Entry:
    """A question that its whole document does not answer, with any passage of it."""
    document = question.document
    place = rng.choice(document.breaks)
    low, high = crop(document, place, min(place + 1, len(document.text)), room=room, rng=rng)
    return Entry(document.source, document.subject, document.text[low:high], question.text, ())


def widened(entry: Entry, question: Question, pool: Pool, *, room: int, rng: random.Random) -> Entry:
    """The passage among passages of other documents about like things, none with the answer's words."""
    taboo = [text.lower() for _, text in entry.answers]
    missing = room - n_tokens(entry.context)
    before: list[str] = []
    after: list[str] = []
    for other in pool.like(pool.words[id(question.document)], besides=question.document, n=8, rng=rng):
        if missing < 40:
            break
        place = rng.choice(other.breaks)
        size = min(missing, rng.randint(40, 160))
        low, high = crop(other, place, min(place + 1, len(other.text)), room=size, rng=rng)
        text = other.text[low:high]
        if any(t in text.lower() for t in taboo):
            continue
        (before if rng.random() < 0.5 else after).append(text)
        missing -= n_tokens(text)
    joint = rng.choice(("\n\n", "\n", " "))
    head = "".join(text + joint for text in before)
    context = head + entry.context + "".join(joint + text for text in after)
    answers = tuple((start + len(head), text) for start, text in entry.answers)
    return Entry(entry.source, entry.subject, context, entry.question, answers)


# ------------------------------------------------------------------------------------------------ long texts


def ask(
    book: Book,
    own: Sequence[Question],
    others: Sequence[Question],
    some: Set,
    *,
    n: tuple[int, int],
    rng: random.Random,
) -> list[Entry]:
    """Ask a long text up to n[0] questions that it answers and n[1] that it does not.

    Args:
        book: the text.
        own: questions on its documents, those without an answer among them.
        others: questions on other documents, none of which it should answer.
        some: where the questions come from.
        n: numbers of questions.
        rng: draws them.
    """
    wide = [q for q in own if not q.narrow]
    rng.shuffle(wide)
    entries: list[Entry] = []
    misses: list[Entry] = [book.entry(q) for q in wide if not q.spans]
    for question in wide:
        if not question.spans:
            continue
        answers = book.answers(question)
        if answers and len(entries) < n[0]:
            entries.append(book.entry(question, answers))
        elif answers and len(misses) < 3 * n[1]:
            if found := changed(question.text, book.text, _first(answers), some.names, rng):
                misses.append(book.entry(question, asked=found[0]))
        elif not answers and not book.holds_part_of(question):
            misses.append(book.entry(question))
    misses += [book.entry(q) for q in others[: 2 * n[1]] if not book.holds_part_of(q)]
    return entries + rng.sample(misses, min(n[1], len(misses)))


def of_documents(some: Set, *, count: int, n: tuple[int, int], rng: random.Random) -> list[Entry]:
    """Whole documents, and windows of those that are longer."""
    books: list[Part] = []
    while len(books) < count:
        before = len(books)
        for document in rng.sample(some.documents, len(some.documents)):
            if n_tokens(document.text) > 500:
                books += stretches(document, room=rng.randint(*LONG_TOKENS), rng=rng)
        if len(books) == before:
            break
    rng.shuffle(books)
    entries = []
    for part in books:
        if count <= 0:
            break
        made = ask(Book([part]), some.by_document[id(part.document)], (), some, n=n, rng=rng)
        entries += made
        count -= bool(made)
    return entries


def of_passages(some: Set, *, count: int, n: tuple[int, int], rng: random.Random) -> list[Entry]:
    """Documents put together with those most like them; questions on the next ones like them have no answer."""
    entries = []
    seeds = rng.sample(some.documents, len(some.documents))
    for i in range(count):
        seed = seeds[i % len(seeds)]
        like = some.pool.like(some.pool.words[id(seed)], besides=seed, n=60, rng=rng)
        left_out = like[rng.randrange(3) :: 4]  # among the most alike too
        book = gathered(seed, [d for d in like if d not in left_out], room=between(LONG_TOKENS, rng), rng=rng)
        own = [q for part in book.parts for q in some.by_document[id(part.document)]]
        others = [
            q for d in left_out[:6] for q in some.by_document[id(d)][:3] if q.spans and not q.narrow and not q.whole
        ]
        rng.shuffle(others)
        entries += ask(book, own, others, some, n=n, rng=rng)
    return entries


def of_novels(some: Set, haystacks: Sequence[Document], *, count: int, rng: random.Random) -> list[Entry]:
    """Passages inside novels."""
    entries: list[Entry] = []
    for question in chosen([q for q in some.answered if not q.narrow], count, rng=rng):
        a, b = question.spans[0]
        low, high = crop(question.document, a, b, room=rng.randint(20, 160), rng=rng)
        book = planted(
            rng.choice(haystacks), Part(question.document, low, high), room=between(LONG_TOKENS, rng), rng=rng
        )
        if book is None:
            continue
        answers = book.answers(question)
        if not answers:
            continue
        found = changed(question.text, book.text, _first(answers), some.names, rng) if rng.random() < 0.3 else None
        entries.append(book.entry(question, asked=found[0]) if found else book.entry(question, answers))
    return entries


# ------------------------------------------------------------------------------------------------ files


def near_dev(some: Set, *, count: int, rng: random.Random) -> list[Entry]:
    """Pairs: a question with its passage, and the same passage with the question changed."""
    entries: list[Entry] = []
    for question in chosen([q for q in some.answered if not q.narrow], None, rng=rng):
        entry = with_crop(question, room=between((80, 300), rng), rng=rng)
        if not entry.answers:
            continue
        found = changed(question.text, entry.context, _first(entry.answers), some.names, rng)
        if found:
            entries += [entry, Entry(entry.source, entry.subject, entry.context, found[0], ())]
        if len(entries) == 2 * count:
            break
    return entries


def long_dev(some: Set, *, count: int, n: int, rng: random.Random) -> list[Entry]:
    """Whole documents, however long; passages are put together."""
    if some.documents[0].source in GATHERED:
        return of_passages(some, count=count, n=(n, n // 3), rng=rng)
    entries = []
    for document in rng.sample(some.documents, min(count, len(some.documents))):
        book = Book([Part(document, 0, len(document.text))])
        entries += ask(book, some.by_document[id(document)], (), some, n=(n, n // 3), rng=rng)
    return entries


def absent_dev(some: Set, *, rng: random.Random) -> list[Entry]:
    """Whole contracts with clauses that they have and that they lack."""
    count, n_with, n_without = DEV_ABSENT
    entries = []
    for document in rng.sample(some.documents, min(count, len(some.documents))):
        book = Book([Part(document, 0, len(document.text))])
        own = some.by_document[id(document)]
        has, lacks = [q for q in own if q.spans], [q for q in own if not q.spans]
        for question in rng.sample(has, min(n_with, len(has))):
            entries.append(book.entry(question, book.answers(question)))
        entries += [book.entry(question) for question in rng.sample(lacks, min(n_without, len(lacks)))]
    return entries


def read_sets(folder: Path) -> dict[str, tuple[list[Question], list[Question]]]:
    """Train and dev questions of each set, tight where they are to be."""
    sets = {}
    for source, read in READERS.items():
        if source in OPTIONAL and not (folder / source).is_dir():
            continue
        parts = read(folder)
        sets[source] = parts if source not in TIGHT else tuple([tightened(q) for q in part] for part in parts)
    return sets


def make(folder: Path, *, seed: int = 0) -> dict[str, list[Entry]]:
    """All entries, by file."""
    files: dict[str, list[Entry]] = {name: [] for name in ("train", "dev", "dev-near", "dev-long", "dev-absent")}
    haystacks = novels.read(folder)
    sets = read_sets(folder)
    # Names of one set's questions may stand in for those of another's: both halves, for train and for dev.
    names = [Names(q for part in sets.values() for q in part[half]) for half in (0, 1)]
    for source, (for_train, for_dev) in sets.items():
        train, dev = Set(for_train, names[0]), Set(for_dev, names[1])
        rng = random.Random(f"{seed} {source}")
        n, times = SHORT[source]
        for _ in range(times):
            files["train"] += short_entries(train, n=n, rng=rng)
        count, *numbers = LONG[source]
        long_texts = of_passages if source in GATHERED else of_documents
        files["train"] += long_texts(train, count=count, n=(numbers[0], numbers[1]), rng=rng)
        if source in GATHERED:
            files["train"] += of_novels(train, haystacks, count=PLANTED // len(GATHERED), rng=rng)
        rng = random.Random(f"{seed} {source} dev")
        if source in DEV:
            files["dev"] += short_entries(dev, n=DEV[source], rng=rng)
        if source in DEV_NEAR:
            files["dev-near"] += near_dev(dev, count=DEV_NEAR[source], rng=rng)
        if source in DEV_LONG:
            files["dev-long"] += long_dev(dev, count=DEV_LONG[source][0], n=DEV_LONG[source][1], rng=rng)
        if source == "cuad":
            files["dev-absent"] += absent_dev(dev, rng=rng)
    for name, entries in files.items():
        random.Random(f"{seed} {name}").shuffle(entries)
    is_long = [n_tokens(entry.context) > FULL_ATTENTION for entry in files["train"]]
    kept = {i for n, i in enumerate(itertools.compress(itertools.count(), is_long)) if n % LONG_ONE_IN == 0}
    files["train-short"] = [entry for i, entry in enumerate(files["train"]) if not is_long[i] or i in kept]
    return files


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the questions that qa-mini is trained on.")
    parser.add_argument("folder", type=Path, help="folder with the sets unpacked side by side")
    parser.add_argument("--out", type=Path, default=Path("data/qa-mini"), help="folder to write (data/qa-mini)")
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args(argv)
    missing = [name for name in READERS if name not in OPTIONAL and not (settings.folder / name).is_dir()]
    if missing:
        parser.exit(3, f"{settings.folder}: no folder {', '.join(missing)}; unpack these sets there\n")
    files = make(settings.folder, seed=settings.seed)
    settings.out.mkdir(parents=True, exist_ok=True)
    for name, entries in files.items():
        text = json.dumps(squad(entries, prefix=name), ensure_ascii=False)
        (settings.out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(table(files) + "\n")


if __name__ == "__main__":
    main()
