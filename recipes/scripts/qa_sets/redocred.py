"""Re-DocRED: Wikipedia abstracts with relations between entities, which become questions."""

import json
import random
from collections import defaultdict
from pathlib import Path

from .items import Document, Question
from .text import detokenise, phrasings

TEST = 100  # documents, from the end


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Wikipedia abstracts with relations between entities: a relation becomes a question about its tail."""
    data = json.loads((folder / "redocred/dev_revised.json").read_text(encoding="utf-8"))
    train = []
    for row in data[: max(0, len(data) - TEST)]:
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
            if label["evidence"] and label["r"] in QUESTIONS:
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
            asked = rng.choice(QUESTIONS[relation]).format(written)
            train.append(Question(document, asked, tuple(dict.fromkeys(spans))))
        train += _lacking(row, document, rng)
    return train, []


def _lacking(row: dict, document: Document, rng: random.Random) -> list[Question]:
    """Questions without an answer: about an entity's relation that the document lacks, though others may have it."""
    has = {(label["h"], label["r"]) for label in row["labels"]}
    present = {relation for _, relation in has}
    found = []
    for head, mentions in enumerate(row["vertexSet"]):
        kind = mentions[0]["type"]
        lacked = [r for r in LACKABLE.get(kind, ()) if (head, r) not in has]
        # of what the document says about another, most of all: there the question's words meet an answer of its kind
        near = [r for r in lacked if r in present]
        if not lacked or rng.random() < 0.5:
            continue
        name, _ = detokenise(max((m["name"] for m in mentions), key=len).split())
        relation = rng.choice(near if near and rng.random() < 0.8 else lacked)
        found.append(Question(document, rng.choice(QUESTIONS[relation]).format(name), ()))
    return rng.sample(found, min(LACKING, len(found)))


LACKING = 5  # such questions a document
LACKABLE = phrasings("""
PER: P19 | P20 | P22 | P25 | P26 | P40 | P69 | P140 | P166 | P569 | P570 | P3373
ORG: P112 | P127 | P159 | P488 | P571 | P576 | P740 | P749
MISC: P50 | P57 | P58 | P86 | P123 | P162 | P170 | P175 | P178 | P264 | P272 | P400 | P449 | P577 | P676
LOC: P6 | P36 | P35
""")
"""Relations that an entity of a type may have and of which the documents' annotation is nearly complete."""


QUESTIONS = phrasings("""
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
