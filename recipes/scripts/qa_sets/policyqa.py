"""PolicyQA: questions on privacy policies."""

import json
from pathlib import Path

from .items import Document, Question
from .text import sentence_starts, tidy_question, trim

DEV = 300  # questions, from the end


def read(folder: Path) -> tuple[list[Question], list[Question]]:
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
        if len(dev) < DEV:
            dev = questions[-(DEV - len(dev)) :] + dev
        else:
            train = questions + train
    return train, dev
