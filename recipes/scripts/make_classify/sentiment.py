"""Film reviews, for or against: movie_reviews of NLTK (Pang and Lee, 2004)."""

import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rows import Row, choice, pieces

DEV = 100
"""Reviews of each kind, by name, from the end."""

PAIRS = (
    ("negative", "positive"),
    ("negative review", "positive review"),
    ("negative sentiment", "positive sentiment"),
    ("negative: a bad review", "positive: a good review"),
    ("negative: the critic did not like the film", "positive: the critic liked the film"),
    ("bad", "good"),
    ("a bad film", "a good film"),
    ("bad review", "good review"),
    ("this movie is bad", "this movie is great"),
    ("thumbs down", "thumbs up"),
    ("not recommended", "recommended"),
    ("not recommended: a waste of time", "recommended: well worth the time"),
    ("disappointed", "satisfied"),
    ("unfavourable", "favourable"),
    ("against: the writer disliked it", "for: the writer enjoyed it"),
    ("dislike", "like"),
    ("hated it", "loved it"),
    ("criticism", "praise"),
    ("terrible", "excellent"),
    ("boring and badly made", "enjoyable and well made"),
    ("one star", "five stars"),
    ("The sentiment of this text is negative.", "The sentiment of this text is positive."),
    ("This is a negative review.", "This is a positive review."),
    ("The reviewer is unhappy.", "The reviewer is happy."),
    ("an unhappy customer: complaints and disappointment", "a happy customer: praise and satisfaction"),
)
"""Wordings of "against" and "for"."""

ASIDE = ("neutral", "neutral: neither good nor bad", "mixed feelings", "no opinion", "a question", "news")
"""Labels that may stand beside the two, and are never right: these reviews take a side."""


def reviews(folder: Path) -> list[tuple[str, int, bool]]:
    """Every review, 1 if it is for the film, and whether it is kept for dev."""
    found = []
    with zipfile.ZipFile(folder / "nltk/movie_reviews.zip") as archive:
        for side, kind in enumerate(("neg", "pos")):
            names = sorted(n for n in archive.namelist() if f"/{kind}/" in n and n.endswith(".txt"))
            found += [(archive.read(n).decode("latin-1"), side, i >= len(names) - DEV) for i, n in enumerate(names)]
    return found


def whole(folder: Path, *, rng: random.Random) -> Iterator[Row]:
    """Every second review that is kept for dev, whole."""
    for text, side, _ in [each for each in reviews(folder) if each[2]][::2]:
        pair = rng.choice(PAIRS)
        yield choice(text, pair[side], [pair[1 - side]], source="whole review", rng=rng, none=0)


def rows(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Every review cut twice, each piece in some wording."""
    for text, side, is_dev in reviews(folder):
        if is_dev == dev:
            for _ in range(1 if dev else 2):
                for piece in pieces(text, rng, least=60):
                    pair = rng.choice(PAIRS)
                    beside = [rng.choice(ASIDE)] if rng.random() < 0.15 else []
                    yield choice(piece, pair[side], [pair[1 - side], *beside], source="sentiment", rng=rng, none=0)
