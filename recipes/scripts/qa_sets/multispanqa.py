"""MultiSpanQA: natural questions with several answers."""

import itertools
import json
import re
from pathlib import Path

from .items import Document, Question
from .text import detokenise, tidy_question, trim


def read(folder: Path) -> tuple[list[Question], list[Question]]:
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
