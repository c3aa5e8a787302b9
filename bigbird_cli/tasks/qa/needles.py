"""Facts planted in a text, and the questions that ask for them: whether a model reads all of a long document."""

import random
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bigbird_cli.tasks.qa.scores import normalise_answer
from bigbird_cli.tasks.qa.squad import GoldAnswer, QAExample

DEPTHS: Final = tuple(range(0, 101, 5))
"""Where facts are planted, in percent of the text."""


class Needle(NamedTuple):
    """A fact, the question that asks for it, and its answer."""

    fact: str
    question: str
    answer: str


NEEDLES: Final = tuple(
    Needle(*row)
    for row in (
        ("The lighthouse at Corran Point was built in 1873.", "When was the lighthouse at Corran Point built?", "1873"),
        ("The vault in Eldham opens with the number 40917.", "What number opens the vault in Eldham?", "40917"),
        ("Professor Ilse Varga discovered the comet Tamsin.", "Who discovered the comet Tamsin?", "Ilse Varga"),
        ("The Kestrel Society meets in the town of Bramley.", "Where does the Kestrel Society meet?", "Bramley"),
        (
            "The violin of Anton Reszke is made of pear wood.",
            "What is the violin of Anton Reszke made of?",
            "pear wood",
        ),
        ("Lake Oswin is 212 metres deep.", "How deep is Lake Oswin?", "212 metres"),
        ("The Dorset Mail was founded by Clara Penrose.", "Who founded the Dorset Mail?", "Clara Penrose"),
        ("The ship Halcyon Star sank near Madeira.", "Where did the ship Halcyon Star sink?", "Madeira"),
        ("The capital of the island of Sarnia is Port Leon.", "What is the capital of Sarnia?", "Port Leon"),
        ("The treaty of Aldmoor was signed on 4 May 1791.", "When was the treaty of Aldmoor signed?", "4 May 1791"),
        ("The Vintry Prize was won by the poet Omar Selim.", "Which poet won the Vintry Prize?", "Omar Selim"),
        ("Mount Karsa was first climbed by Edda Nilsen.", "Who first climbed Mount Karsa?", "Edda Nilsen"),
        ("The Tarn railway carries mostly slate.", "What does the Tarn railway mostly carry?", "slate"),
        ("The bakery in Quill Lane has 36 ovens.", "How many ovens has the bakery in Quill Lane?", "36"),
        ("The robot called Juniper speaks Portuguese.", "Which language does the robot Juniper speak?", "Portuguese"),
        ("The director of the Ferrow Museum is Ruth Okafor.", "Who directs the Ferrow Museum?", "Ruth Okafor"),
        ("The Bellman company has its offices in Trieste.", "Where are the Bellman company's offices?", "Trieste"),
        ("The password of the Heron laboratory is saffron.", "What is the Heron laboratory's password?", "saffron"),
        ("The bridge over the Wend is painted dark green.", "What colour is the bridge over the Wend?", "dark green"),
        ("The Orrin telescope cost nine million dollars.", "How much did the Orrin telescope cost?", "nine million"),
    )
)


def planted(texts: Sequence[str]) -> Iterator[tuple[int, int, QAExample]]:
    """Plant a fact at each depth of each text, another one each time, and ask for it.

    Yields:
        The text's index, the depth in percent, and the question on the text with the fact in it.
    """
    for row, text in enumerate(texts):
        for column, depth in enumerate(DEPTHS):
            needle = NEEDLES[(row + column) % len(NEEDLES)]
            context = plant(text, needle.fact, depth / 100)
            start = context.index(needle.fact) + needle.fact.index(needle.answer)
            gold = (GoldAnswer(needle.answer, start),)
            yield row, depth, QAExample(f"{row}-{depth}", needle.question, context, gold)


def is_found(wanted: str, answer: str | None) -> bool:
    """Whether an answer holds the words that are wanted, as SQuAD's script normalises them."""
    return f" {normalise_answer(wanted)} " in f" {normalise_answer(answer or '')} "


def made_text(n_words: int) -> str:
    """Sentences made by chance, the same ones each time."""
    rng = random.Random(0)
    words: list[str] = []
    while len(words) < n_words:
        words += made_sentence(rng).split()
    return " ".join(words[:n_words])


def made_sentence(rng: random.Random) -> str:
    """A sentence that says nothing, with names in it."""
    name, other = rng.choices(["Ada", "Bruno", "Cecily", "Dunstan", "Edith", "Frank", "Greta", "Hugo"], k=2)
    place = rng.choice(["the garden", "the station", "a narrow street", "the upper field", "the kitchen", "the river"])
    deed = rng.choice(["spoke softly to", "waited for", "wrote again to", "laughed at", "remembered", "walked beside"])
    when = rng.choice(["In the evening", "Before noon", "That winter", "Soon after", "On some days", "As so often"])
    return f"{when} {name} {deed} {other} near {place}, and nothing more was said of it for a while."


def plant(text: str, fact: str, depth: float) -> str:
    """The text with a fact in it, at the first end of a sentence from a depth of 0 to 1 on."""
    wanted = int(depth * len(text))
    match = re.compile(r"[.!?][\"'”’)]*\s").search(text, wanted) if wanted else None
    at = match.end() if match else (len(text) if wanted else 0)
    head = text[:at]
    gap = "" if not head or head[-1].isspace() else " "
    return f"{head}{gap}{fact} {text[at:]}"
