"""COVID-QA: questions on whole papers."""

import json
import re
from itertools import chain
from pathlib import Path

from .items import Document, Question
from .text import tidy_question, trim

TEST, DEV = 18, 6  # papers, in file order, counted from the end


def papers_of(folder: Path) -> list[list[Question]]:
    """The questions of each paper, by biomedical experts; offsets that are off are found again."""
    data = json.loads((folder / "covid-qa/200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    papers = []
    for article in data:
        questions: list[Question] = []
        papers.append(questions)
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            document = Document("covid-qa", str(paragraph["document_id"]), text)
            for qa in paragraph["qas"]:
                spans = []
                for answer in qa["answers"]:
                    start, wanted = answer["answer_start"], answer["text"]
                    if text[start : start + len(wanted)] != wanted:
                        found = [m.start() for m in re.finditer(re.escape(wanted), text)]
                        if not found:
                            continue
                        start = min(found, key=lambda place: abs(place - answer["answer_start"]))
                    span = trim(text, start, start + len(wanted))
                    if span[0] < span[1]:
                        spans.append(span)
                if spans:
                    questions.append(Question(document, tidy_question(qa["question"]), tuple(spans)))
    return papers


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on whole papers: the last ones test, those before them choose models."""
    papers = papers_of(folder)
    cut, end = max(0, len(papers) - TEST - DEV), max(0, len(papers) - TEST)
    return [*chain.from_iterable(papers[:cut])], [*chain.from_iterable(papers[cut:end])]
