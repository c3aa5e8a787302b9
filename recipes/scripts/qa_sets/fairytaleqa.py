"""FairytaleQA: questions on whole stories."""

import csv
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from .items import Document, Question
from .text import content_words, tidy_question

DEV = 20  # stories, from the end of the train part; the val part tests


def stories_of(folder: Path, part: str) -> list[list[Question]]:
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


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on stories; the last stories choose models."""
    stories = stories_of(folder, "train")
    cut = max(0, len(stories) - DEV)
    return [*chain.from_iterable(stories[:cut])], [*chain.from_iterable(stories[cut:])]


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
