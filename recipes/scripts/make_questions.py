"""Ask questions about texts by rule, from a parser's reading of each sentence.

    python recipes/scripts/make_questions.py TEXTS --out SETS/asked/questions.jsonl

TEXTS is a folder of JSON lines files with "source", "subject" and "text" in each row. What is written is the same rows
with "questions", each {"question", "start", "end"}: `make_qa_mini.py` takes them from SETS/asked as one more set.

A clause of subject, verb and complements becomes a question about one of them: "In 1977 Carter created the department"
gives "When did Carter create the department?", "Who created the department in 1977?" and "What did Carter create in
1977?". A clause whose words need the sentence before it (he, it, this) is passed over. Needs spaCy 3.8 with
en_core_web_sm (MIT); the trained model needs neither.
"""

import argparse
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Token = Any  # spacy.tokens.Token: spaCy is no dependency of the project

_PRONOUNS = """
he she it they him them this that these those i we you me us one ones here there former latter such who which what
something anything nothing everything someone anyone everyone none some many others another herself himself itself
themselves mine yours
"""
_PERSON_NOUNS = """
man woman boy girl king queen prince princess president minister doctor captain general officer teacher author writer
father mother son daughter brother sister wife husband lady gentleman lord judge professor scientist researcher player
leader soldier student child people men women children critic senator governor mayor
"""
PRONOUNS, PERSON_NOUNS = frozenset(_PRONOUNS.split()), frozenset(_PERSON_NOUNS.split())
OWNERS = frozenset(["his", "her", "its", "their", "my", "our", "your"])
SIDE = frozenset(["prep", "npadvmod", "advmod"])  # may be left out of a question
COMPLEMENTS = frozenset(["dobj", "attr", "oprd", "acomp", "xcomp", "ccomp", "prt", "dative", "agent"]) | SIDE
ROOM_FOR_ANSWER = 12  # words
PLAIN_SHARE = 0.35  # of the questions whose answer holds no name and no number


class Asked(NamedTuple):
    """A question and where its answer stands, in characters."""

    question: str
    start: int
    end: int


def words(tokens: Sequence[Token]) -> str:
    """The tokens as they stand, without line breaks and without a capital that only begins a sentence."""
    if not tokens:
        return ""
    first = tokens[0]
    text = "".join(token.text_with_ws if b is None or b.i == token.i + 1 else token.text + " "
                   for token, b in zip(tokens, [*tokens[1:], None], strict=True))  # fmt: skip
    text = " ".join(text.split())
    if first.is_sent_start and first.pos_ != "PROPN" and not first.ent_type_ and first.text != "I":
        text = text[:1].lower() + text[1:]
    return text


def subtree(token: Token) -> list[Token]:
    return sorted(token.subtree, key=lambda t: t.i)


def noun_phrase(token: Token) -> list[Token]:
    """A noun with what belongs to it, relative clauses and appositions left out."""
    out: set[int] = set()
    for child in token.children:
        if child.dep_ in ("relcl", "appos", "acl", "advcl", "parataxis") or (
            child.dep_ == "punct" and child.i > token.i
        ):
            out.update(t.i for t in child.subtree)
    kept = [t for t in subtree(token) if t.i not in out]
    while kept and (kept[-1].is_punct or kept[-1].dep_ == "cc"):
        kept.pop()
    while kept and kept[0].is_punct:
        kept.pop(0)
    return kept


def vague(tokens: Sequence[Token]) -> bool:
    """Whether the words need another sentence to be understood."""
    return (
        any(t.lower_ in PRONOUNS and t.dep_ not in ("mark", "det", "expl") for t in tokens)
        or (bool(tokens) and tokens[0].lower_ in OWNERS)
        or any(t.lower_ in ("this", "that", "these", "those", "such") and t.dep_ == "det" for t in tokens)
    )


def contiguous(tokens: Sequence[Token]) -> bool:
    return tokens[-1].i - tokens[0].i + 1 == len(tokens)


def label(tokens: Sequence[Token]) -> str:
    """The entity type of a phrase, if one entity is nearly all of it."""
    named = [t for t in tokens if t.ent_type_]
    content = [t for t in tokens if not t.is_stop and not t.is_punct]
    if not named or len(named) < 0.6 * len(content):
        return ""
    return str(named[-1].ent_type_)


def tight(tokens: Sequence[Token]) -> list[Token]:
    """The phrase without a determiner before it."""
    return list(tokens[1:] if len(tokens) > 1 and tokens[0].lower_ in ("a", "an", "the") else tokens)


def who_or_what(head: Token, phrase: Sequence[Token], rng: random.Random) -> str:
    kind = label(phrase)
    if kind == "PERSON" or (not kind and head.lemma_.lower() in PERSON_NOUNS):
        return "who"
    if kind == "ORG":
        return rng.choice(["what", "what", "which organization", "what group"])
    if kind == "GPE":
        return rng.choice(["what place", "which place", "what"])
    if kind == "NORP":
        return rng.choice(["who", "which people"])
    return "what"


class Clause:
    """A verb with its subject and complements."""

    def __init__(self, verb: Token, subject: Token, rng: random.Random) -> None:
        self.verb, self.rng = verb, rng
        self.subject = noun_phrase(subject)
        self.subject_head = subject
        self.passive = subject.dep_ == "nsubjpass"
        self.auxiliaries = [c for c in verb.children if c.dep_ in ("aux", "auxpass") and c.i < verb.i]
        self.negation = [c for c in verb.children if c.dep_ == "neg"]
        self.rest = [c for c in verb.children if c.dep_ in COMPLEMENTS and c.i != subject.i]

    def usable(self) -> bool:
        if self.verb.tag_ not in ("VBD", "VBZ", "VBP") and not self.auxiliaries:
            return False
        if any(a.tag_ == "TO" for a in self.auxiliaries) or not self.subject:
            return False
        if self.verb.lemma_ == "be":
            named = any(t.ent_type_ for t in self.subject)
            if not named or not any(c.dep_ in ("attr", "acomp") for c in self.rest):
                return False
        if any(c.dep_ in ("ccomp", "parataxis", "csubj", "csubjpass") for c in self.verb.children):
            return False
        return all(c.dep_ != "expl" for c in self.verb.children) and self.verb.text.isalpha()

    def tail(self, left_out: Token | None) -> list[list[Token]]:
        """The complements besides one, in their order, those before the verb last; sides may be dropped."""
        kept: list[list[Token]] = []
        early: list[list[Token]] = []
        for child in self.rest:
            if child is left_out:
                continue
            if child.dep_ in SIDE and (
                child.lower_ in ("however", "also", "then", "so", "thus", "now", "even", "when", "where", "why", "how")
                or self.rng.random() < (0.8 if child.dep_ == "advmod" else 0.4)
            ):
                continue
            phrase = (
                noun_phrase(child)
                if child.dep_ in ("dobj", "attr", "npadvmod")
                else [t for t in subtree(child) if not (t.is_punct and t.text in '"“”')]
            )
            while phrase and phrase[-1].is_punct:
                phrase = phrase[:-1]
            if not phrase:
                continue
            (early if child.i < self.verb.i and child.dep_ in SIDE and child.dep_ != "advmod" else kept).append(phrase)
        return kept + early

    def ask_subject(self, wh: str) -> str:
        head = [*self.auxiliaries, *self.negation, self.verb]
        head.sort(key=lambda t: t.i)
        body = [words(part) for part in self.tail(None) if not head[0].i < part[0].i < self.verb.i]
        return " ".join([wh, " ".join(_full(t) for t in head), *body])

    def ask(self, wh: str, left_out: Token | None, after: str = "") -> str:
        subject = words(self.subject)
        if self.auxiliaries:
            first, *others = self.auxiliaries
            middle = sorted([*others, *self.negation, self.verb], key=lambda t: t.i)
            verb = " ".join(_full(t) for t in middle)
            front = _full(first)
        elif self.verb.lemma_ == "be":
            front, verb = self.verb.lower_, " ".join(_full(t) for t in self.negation)
        else:
            front = {"VBD": "did", "VBZ": "does"}.get(self.verb.tag_, "do")
            verb = " ".join([*(_full(t) for t in self.negation), self.verb.lemma_])
        parts = [wh, front, subject, verb, *(words(part) for part in self.tail(left_out)), after]
        return " ".join(part for part in parts if part)

    def all_words(self, left_out: Token | None) -> list[Token]:
        return [t for child in self.rest if child is not left_out for t in child.subtree]


def _full(token: Token) -> str:
    return {
        "n't": "not",
        "'s": "is",
        "'re": "are",
        "'ve": "have",
        "'ll": "will",
        "'d": "would",
        "ca": "can",
        "wo": "will",
        "’s": "is",
        "n’t": "not",
    }.get(token.lower_, token.lower_)


def clauses(sentence: Any, rng: random.Random) -> Iterator[Clause]:
    for verb in sentence:
        if verb.pos_ not in ("VERB", "AUX") or verb.dep_ not in ("ROOT", "ccomp", "conj", "advcl"):
            continue
        subjects = [c for c in verb.children if c.dep_ in ("nsubj", "nsubjpass") and c.i < verb.i]
        if len(subjects) != 1:
            continue
        clause = Clause(verb, subjects[0], rng)
        if clause.usable():
            yield clause


def about_subject(clause: Clause) -> Iterator[tuple[str, list[Token]]]:
    if clause.subject_head.pos_ == "PRON" or vague(clause.all_words(None)):
        return
    number = [c for c in clause.subject_head.children if c.dep_ == "nummod" and c.like_num]
    if number and clause.subject_head.tag_ == "NNS":
        rest = [t for t in clause.subject if t.i > number[0].i]
        yield clause.ask_subject(f"how many {words(rest)}"), number[:1]
        return
    yield clause.ask_subject(who_or_what(clause.subject_head, clause.subject, clause.rng)), clause.subject


def about_complement(clause: Clause, child: Token) -> Iterator[tuple[str, list[Token]]]:
    if vague(clause.subject) or vague(clause.all_words(child)) or clause.negation:
        return
    rng = clause.rng
    if child.dep_ in ("dobj", "attr") and child.pos_ in ("NOUN", "PROPN", "NUM", "SYM"):
        phrase = noun_phrase(child)
        kind = label(phrase)
        number = [c for c in child.children if c.dep_ == "nummod" and c.like_num]
        if kind == "MONEY":
            yield clause.ask("how much", child), phrase
        elif number and child.tag_ == "NNS":
            yield clause.ask(f"how many {words([t for t in phrase if t.i > number[0].i])}", child), number[:1]
        elif kind not in ("DATE", "TIME"):
            yield clause.ask(who_or_what(child, phrase, rng), child), phrase
    elif child.dep_ in ("prep", "agent"):
        objects = [c for c in child.children if c.dep_ == "pobj"]
        if len(objects) != 1 or objects[0].pos_ == "PRON":
            return
        phrase = noun_phrase(objects[0])
        kind = label(phrase)
        preposition = child.lower_
        if kind in ("DATE", "TIME") and preposition in ("in", "on", "at", "during", "since", "until", "by", "from"):
            is_year = len(phrase) == 1 and re.fullmatch(r"1[0-9]{3}|20[0-9]{2}", phrase[0].text)
            wh = (
                "when"
                if not is_year or rng.random() < 0.5
                else rng.choice(["in what year", "in which year", "what year"])
            )
            if preposition in ("since", "until"):
                wh = f"{preposition} when"
            yield clause.ask(wh, child), phrase
        elif kind in ("GPE", "LOC", "FAC") and preposition in ("in", "at", "near", "on", "to", "from"):
            after = preposition if preposition in ("from", "to") else ""
            yield clause.ask("where", child, after), phrase
        elif preposition == "for" and kind in ("DATE", "TIME"):
            yield clause.ask("how long", child), phrase
        elif child.dep_ == "agent":
            who = who_or_what(objects[0], phrase, rng)
            wh = "by whom" if who == "who" and rng.random() < 0.5 else who
            yield clause.ask(wh, child, "" if wh == "by whom" else "by"), phrase
        elif kind not in ("DATE", "TIME", "CARDINAL") and preposition in (
            "with",
            "to",
            "for",
            "from",
            "of",
            "into",
            "about",
            "against",
            "on",
            "through",
            "under",
        ):
            yield clause.ask(who_or_what(objects[0], phrase, rng), child, preposition), phrase
    elif child.dep_ == "npadvmod" and label(noun_phrase(child)) == "DATE":
        yield clause.ask("when", child), noun_phrase(child)


def about_reason(clause: Clause) -> Iterator[tuple[str, list[Token]]]:
    if vague(clause.subject) or vague(clause.all_words(None)):
        return
    for child in clause.verb.children:
        if child.dep_ == "advcl" and child.i > clause.verb.i:
            phrase = subtree(child)
            if phrase[0].lower_ == "because":
                yield clause.ask("why", None), phrase[1:]


def questions_of(document: Any, rng: random.Random) -> Iterator[Asked]:
    """The questions of a parsed text, all in the order of its clauses."""
    for sentence in document.sents:
        if not 6 <= len(sentence) <= 60:
            continue
        for clause in clauses(sentence, rng):
            found = [*about_subject(clause), *about_reason(clause)]
            for child in clause.rest:
                found += about_complement(clause, child)
            for question, phrase in found:
                named = any(t.ent_type_ or t.like_num for t in phrase)
                if (named or rng.random() < PLAIN_SHARE) and (asked := _checked(question, phrase)):
                    yield asked


_ODD = re.compile(
    r"[()&\[\]{}<>|=*_/\\;:\"“”‘]|\.\.|--|—| (The|A|An|In|And|But|It|He|She|They) | ['’]|\b(not should|either)\b"
)
_COMMON_WORDS = """
who what when where why how many much which whom long in by the a an of to for from with on at is was are were be been
being did does do has have had will would can could may might should must and or as that than not no its his her their
out up into about after before under against through group organization place people year
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def _checked(question: str, phrase: Sequence[Token]) -> Asked | None:
    answer = tight(phrase)
    n_words = len(question.split())
    if not answer or not contiguous(answer) or len(answer) > ROOM_FOR_ANSWER or not 5 <= n_words <= 24:
        return None
    if answer[0].lower_ in PRONOUNS | OWNERS or not any(t.text[0].isalnum() for t in answer):
        return None
    if not question.isprintable() or _ODD.search(question):
        return None
    if len([word for word in set(re.findall(r"\w+", question.lower())) if word not in _COMMON]) < 3:
        return None  # it says too little to be found among other sentences
    if question.split()[-1].lower() in ("the", "a", "an", "and", "or", "that"):
        return None
    if any(t.lower_ in ("which", "who") for t in answer) or answer[-1].pos_ in ("ADP", "DET", "CCONJ"):
        return None
    start, last = answer[0].idx, answer[-1]
    text = question.strip(" ,.;:-'’")
    return Asked(text[:1].upper() + text[1:] + "?", start, last.idx + len(last.text))


def chosen(asked: Sequence[Asked], rng: random.Random, *, share: float) -> list[Asked]:
    """A share of them, no question twice: one that is asked twice has two answers."""
    counts: dict[str, int] = {}
    for one in asked:
        counts[one.question.lower()] = counts.get(one.question.lower(), 0) + 1
    return [one for one in asked if counts[one.question.lower()] == 1 and rng.random() < share]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", type=Path, help="folder of JSON lines files with source, subject and text")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--share", type=float, default=1.0, help="of the questions that are kept (1.0)")
    settings = parser.parse_args(argv)
    import en_core_web_sm  # type: ignore[import-not-found]

    parse = en_core_web_sm.load()
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    with settings.out.open("w", encoding="utf-8") as out:
        for path in sorted(settings.texts.glob("*.jsonl")):
            with path.open(encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
            flat = (re.sub(r"[\n\t]", " ", row["text"]) for row in rows)  # line ends of books are blanks to the parser
            for row, document in zip(rows, parse.pipe(flat, batch_size=16), strict=True):
                rng = random.Random(f"{row['source']} {row['subject']}")
                row["questions"] = [
                    one._asdict() for one in chosen([*questions_of(document, rng)], rng, share=settings.share)
                ]
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
