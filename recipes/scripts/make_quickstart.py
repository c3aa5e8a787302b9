"""Write the small data of the quickstart recipes: notes from an invented harbour town, drawn with a fixed seed.

    python recipes/scripts/make_quickstart.py recipes/examples/quickstart

The texts are this project's own. People of the dev files stand in none of the training files.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

Row = dict[str, Any]
T = TypeVar("T")

FIRST = {
    "train": (
        *("Ada", "Bo", "Cora", "Dag", "Elin", "Frode", "Gry", "Hedda", "Ivar", "Jorun"),
        *("Knut", "Liv", "Magnus", "Nora", "Odd", "Petra", "Ragnar", "Sigrid", "Tor", "Unni"),
    ),
    "dev": ("Alma", "Birk", "Dagny", "Einar", "Frida", "Geir", "Ingrid", "Jens", "Kari", "Leif"),
}
LAST = {
    "train": (
        *("Aas", "Berg", "Dahl", "Eide", "Foss", "Grande", "Hovland", "Iversen"),
        *("Juul", "Krog", "Lund", "Moe", "Nygaard", "Olsen", "Pettersen", "Rud"),
    ),
    "dev": ("Strand", "Tveit", "Vik", "Wold", "Ytterdal", "Aune"),
}
PLACES = (
    *("Skarvholm", "Nordvik", "Langøy", "Breiness", "Hestvik", "Tangen"),
    *("Marfjord", "Kolsund", "Espevær", "Rognes", "Solvika", "Ternholmen"),
)
FIRMS = (
    *("the Harbour Board", "Krog & Sons", "the Skarvholm Gazette", "Nordvik Ropeworks", "the Coastal Bank"),
    *("Hestvik Shipyard", "the Lifeboat Society", "Marfjord Salt Works", "the School Council", "Langøy Ferries"),
)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
THINGS = ("lease", "net", "engine", "lamp", "ferry", "ledger", "wagon", "bell", "lens", "anchor")
WEATHER = (
    *("It blew hard from the north that week.", "Fog lay over the sound until noon.", "Nobody slept much."),
    *("The roads were dry for once.", "Snow came early that year.", "The quay was full of herring barrels."),
    *("Most of the town had gone to the fair.", "Two boats did not put out that day."),
)


class Town:
    """Draws who and what a note is about.

    Args:
        part: whose names it draws, train or dev.
        seed: of the draws.
    """

    def __init__(self, part: str, seed: int) -> None:
        self.part = part
        self.rng = random.Random(f"{part} {seed}")

    def one(self, values: Sequence[T]) -> T:
        return self.rng.choice(values)

    def person(self) -> str:
        return f"{self.one(FIRST[self.part])} {self.one(LAST[self.part])}"

    def thing(self) -> str:
        return f"the {self.one(THINGS)}"

    def date(self) -> str:
        return f"{self.rng.randint(1, 28)} {self.one(MONTHS)} {self.rng.randint(1820, 1930)}"


Event = tuple[str, dict[str, str]]
EVENTS: tuple[Event, ...] = (
    (
        "{who} sold {thing} to {firm} on {when}.",
        {"Who sold {thing}?": "who", "When was {thing} sold?": "when", "Who bought {thing}?": "firm"},
    ),
    (
        "On {when} {who} carried {thing} from {place} to the quay.",
        {"Who carried {thing} to the quay?": "who", "Where was {thing} carried from?": "place"},
    ),
    (
        "{firm} hired {who} in {place} to look after {thing}.",
        {"Who was hired to look after {thing}?": "who", "Where was {thing} looked after?": "place"},
    ),
    (
        "A letter of {when} says that {who} had repaired {thing} at {place}.",
        {"Who repaired {thing}?": "who", "Where was {thing} repaired?": "place"},
    ),
    (
        "{who} of {firm} weighed {thing} twice on {when}.",
        {"Who weighed {thing}?": "who", "When was {thing} weighed?": "when"},
    ),
    (
        "In {place} {who} lost {thing} to {firm} in a wager.",
        {"Who lost {thing} in a wager?": "who", "Where was {thing} lost?": "place"},
    ),
)
"""What happened, and what may be asked about it."""

TYPES = {"who": "PERSON", "firm": "ORG", "place": "PLACE", "when": "DATE"}


def _event(town: Town, thing: str) -> tuple[str, dict[str, str], dict[str, str]]:
    template, asked = town.one(EVENTS)
    values = {
        "who": town.person(),
        "thing": thing,
        "firm": town.one(FIRMS),
        "place": town.one(PLACES),
        "when": town.date(),
    }
    return template, asked, values


def _written(template: str, values: dict[str, str], at: int) -> tuple[str, list[tuple[str, int, int]]]:
    """A sentence that begins at a character, and where its names stand."""
    text, spans = "", []
    for piece in template.replace("{", "\0{").replace("}", "}\0").split("\0"):
        name = piece[1:-1] if piece.startswith("{") else ""
        value = values.get(name, piece)
        if not text:
            value = value[:1].upper() + value[1:]
        if name in TYPES:
            skipped = len("the ") if value.lower().startswith("the ") else 0
            spans.append((TYPES[name], at + len(text) + skipped, at + len(text) + len(value)))
        text += value
    return text, spans


def notes(town: Town, *, n_events: int) -> tuple[str, list[tuple[str, int, int]], list[tuple[str, str]]]:
    """A note of some events and some weather: its text, its names, and questions with their answers."""
    things = town.rng.sample([f"the {thing}" for thing in THINGS], n_events)
    parts: list[str] = []
    spans: list[tuple[str, int, int]] = []
    asked: list[tuple[str, str]] = []
    for thing in things:
        if town.rng.random() < 0.6:
            parts.append(town.one(WEATHER))
        template, questions, values = _event(town, thing)
        text, found = _written(template, values, sum(len(part) + 1 for part in parts))
        parts.append(text)
        spans += found
        question, answer = town.one(sorted(questions.items()))
        asked.append((question.format(**values), values[answer].removeprefix("the ")))
    return " ".join(parts), spans, asked


def qa(town: Town, number: int) -> list[Row]:
    """Questions on a note."""
    text, _, asked = notes(town, n_events=4)
    rows = []
    clear = [(question, answer) for question, answer in asked if text.count(answer) == 1]
    for k, (question, answer) in enumerate(clear[:2]):
        answers = {"text": [answer], "answer_start": [text.index(answer)]}
        rows.append({"id": f"{town.part}-{number}-{k}", "context": text, "question": question, "answers": answers})
    return rows


def ner(town: Town, number: int) -> list[Row]:
    """A note with its names."""
    text, spans, _ = notes(town, n_events=3)
    entities = [{"start": start, "end": end, "type": type_} for type_, start, end in spans]
    return [{"id": f"{town.part}-{number}", "text": text, "entities": entities}]


LETTERS = {
    "complaint": (
        *("I waited on the quay for {n} hours and no ferry came.", "The barrels you sent to {place} were half empty."),
        *("This is the {n}th time that I write about the noise of your engine.", "My nets were torn by your crane."),
        *(
            "I want my money back.",
            "Your clerk in {place} was rude to me.",
            "The lamp that I bought went out after {n} days.",
        ),
    ),
    "order": (
        *("Please send {n} barrels of salt to {place}.", "We shall need {n} fathoms of rope before {month}."),
        *("Put {n} planks of pine on the next boat.", "Kindly deliver the goods to {who} in {place}."),
        *("Send the bill to the Harbour Board.", "Add {n} sacks of flour to our usual list."),
    ),
    "question": (
        *("Could you tell me when the ferry to {place} leaves in {month}?", "Is the house at {place} still to let?"),
        *("How many people may sail on one ticket?", "Do you know whether {who} still works in {place}?"),
        *("What does it cost to store {n} barrels over the winter?", "Which papers must I bring with me?"),
    ),
    "thanks": (
        *("We shall not forget how you helped us in {month}.", "The new rope holds better than any before."),
        *("Please tell {who} how grateful we are.", "The children of {place} send you their drawings."),
        *("It was kind of you to wait for us.", "Your men carried my mother from the boat as if she were their own."),
    ),
}
"""What letters of each kind say."""


def classify(town: Town, number: int) -> list[Row]:
    """A letter and its kind, with a sentence or two that any letter may have."""
    label = sorted(LETTERS)[number % len(LETTERS)]
    said = town.rng.sample(LETTERS[label], 3)
    around = [f"{town.person()} gave me your address.", town.one(WEATHER), f"I write from {town.one(PLACES)}."]
    lines = town.rng.sample([*said, *town.rng.sample(around, 2)], 5)
    values = {"n": town.rng.randint(4, 60), "place": town.one(PLACES), "month": town.one(MONTHS), "who": town.person()}
    return [{"id": f"{town.part}-{number}", "text": " ".join(lines).format(**values), "label": label}]


SETS: dict[str, tuple[Callable[[Town, int], list[Row]], int, int]] = {
    "qa": (qa, 120, 30),
    "ner": (ner, 160, 40),
    "classify": (classify, 240, 60),
}
"""Name -> what makes a document's rows, documents to learn from, documents to evaluate on."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (make, n_train, n_dev) in SETS.items():
        for part, count in (("train", n_train), ("dev", n_dev)):
            rows = [row for number in range(count) for row in make(Town(part, number), number)]
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (options.out / f"{name}-{part}.jsonl").write_text("".join(lines), encoding="utf-8", newline="")
            print(f"{name}-{part}: {len(rows):,} rows", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
