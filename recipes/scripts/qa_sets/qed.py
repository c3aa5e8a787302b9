"""QED: questions that people typed into a search engine, each with a Wikipedia paragraph."""

import bisect
import json
from pathlib import Path

from .items import Document, Question
from .text import detokenise, tidy_question, trim

DEV = 200  # questions, from the end


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions that people typed into a search engine, with a Wikipedia paragraph and a short answer."""
    lines = (folder / "qed/qed-dev.jsonlines").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    dev_titles = {row["title_text"] for row in rows[-DEV:]}
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
        if n >= len(rows) - DEV:
            dev.append(question)
        elif row["title_text"] not in dev_titles:
            train.append(question)
    return train, dev
