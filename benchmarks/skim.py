"""What skimming finds of what reading whole finds, and what it costs.

    BIGBIRD_DATA=FOLDER python benchmarks/skim.py --questions 40
    BIGBIRD_DATA=FOLDER python benchmarks/skim.py --seconds

FOLDER holds squad-dev, covid-qa and cuad unpacked side by side. The first table is of answerable questions on whole
SQuAD articles, covid-qa's papers and CUAD's contracts, as `qa_quality.py` chooses them. Each document is read whole
once a question, and what the model says of every window is kept; any choice of windows is then decoded from that, as
`--skim` would. "found" is the share of the right answers of whole reading (half of F1 or more) that reading N windows
gives as well; F1 is SQuAD's, of all questions; "holds" is the share of questions of which one of the N windows holds an
answer.

--seconds prints processor seconds of `bigbird_cli.answer` for 1, 5 and 20 questions on the first 20,000 words of SQuAD,
read whole and skimmed, each with nothing open but the model, in one thread.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import qa_quality

import bigbird_cli as bb
from bigbird_cli.api.reading.reader import Reader, open_reader
from bigbird_cli.api.reading.sentences import SentenceEncoder
from bigbird_cli.api.reading.skimming import sentence_scores, word_scores
from bigbird_cli.choices import SkimBy
from bigbird_cli.search.ranking import best, fused
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.qa.scores import token_f1
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.documents import EncodedDocument, encode_document
from bigbird_cli.text.windows import Window, owned_sums

AT_MOST = (4, 8, 16, 32, 64)
PARTS = ("articles", "covid-qa", "cuad")
N_WORDS = 20_000
RIGHT = 0.5
"""From this F1 on an answer counts as right: those of papers and contracts are long, and hardly ever match exactly."""

Outputs = list[dict[str, np.ndarray]]


@dataclass(frozen=True)
class Read:
    """A question, the windows of its document, and what the model says of each."""

    case: qa_quality.Case
    document: EncodedDocument
    question: np.ndarray
    plan: list[Window]
    outputs: Outputs


def sample(data: Path, part: str, n: int) -> list[qa_quality.Case]:
    """Answerable questions of a part, those on one document together."""
    cases = [case for case in qa_quality.PARTS[part](data) if case.answers]
    chosen = random.Random(1).sample(range(len(cases)), min(n, len(cases)))
    return [cases[i] for i in sorted(chosen)]


def features_of(reader: Reader[QuestionAnswering], read: Read, plan: Sequence[Window]) -> Iterator[Feature]:
    for window, owned in zip(plan, owned_sums(plan), strict=True):
        yield reader.task.window_feature(
            read.document, window, owned, reader.tokenizer, example=0, second=read.question
        )


def read_whole(reader: Reader[QuestionAnswering], cases: Sequence[qa_quality.Case]) -> Iterator[Read]:
    """Read every window for every question."""
    document = encode_document("", reader.tokenizer)
    for case in cases:
        if document.text != case.context:
            document = encode_document(case.context, reader.tokenizer)
        question = reader.task.encode_question(case.question, reader.tokenizer)
        read = Read(case, document, question, reader.task.plan(document, len(question)), [])
        predicted = reader.predictor.predict(features_of(reader, read, read.plan), batch_size=8)
        read.outputs.extend(outputs for _, outputs in predicted)
        yield read


def answer_from(reader: Reader[QuestionAnswering], read: Read, chosen: Sequence[int]) -> str:
    """The best span, were only the chosen windows read."""
    decoder = reader.task.decoder_for(["question"])
    features = features_of(reader, read, [read.plan[i] for i in chosen])
    for i, feature in zip(chosen, features, strict=True):
        decoder.add(feature, read.outputs[i])
    spans = decoder.prediction(0).spans
    return spans[0].text if spans else ""


def holds(read: Read, chosen: Sequence[int]) -> bool:
    """Whether an answer's text stands in a chosen window."""
    texts = [
        read.document.text[slice(*read.document.span(w.start, w.stop - 1))] for w in (read.plan[i] for i in chosen)
    ]
    return any(answer in text for answer in read.case.answers for text in texts)


def table(part: str, reader: Reader[QuestionAnswering], reads: Sequence[Read], encoder: SentenceEncoder) -> str:
    """Rows of one part: a first stage each."""
    rankings: dict[SkimBy, list[np.ndarray]] = {by: [] for by in get_args(SkimBy)}
    for read in reads:
        words = word_scores(read.document, read.plan, read.question)
        meaning = sentence_scores(read.document, read.plan, read.case.question, encoder)
        for by, scores in zip(rankings, (words, meaning, fused([words, meaning])), strict=True):
            rankings[by].append(scores)
    whole = [answer_from(reader, read, range(len(read.plan))) for read in reads]
    right = [token_f1(answer, read.case.answers) >= RIGHT for answer, read in zip(whole, reads, strict=True)]
    f1 = statistics.fmean(100 * token_f1(answer, read.case.answers) for answer, read in zip(whole, reads, strict=True))
    n_windows = statistics.fmean(len(read.plan) for read in reads)
    lines = [
        f"{part}: {len(reads)} questions, {n_windows:.0f} windows, whole: {sum(right)} right, F1 {f1:.1f}",
        "| ranked by | " + " | ".join(f"N = {n}" for n in AT_MOST) + " |",
        "|---" * (len(AT_MOST) + 1) + "|",
    ]
    for by, scored in rankings.items():
        cells = []
        for n in AT_MOST:
            chosen = [best(scores, n) for scores in scored]
            answers = [answer_from(reader, read, windows) for read, windows in zip(reads, chosen, strict=True)]
            pairs = list(zip(answers, reads, right, strict=True))
            found = sum(token_f1(answer, read.case.answers) >= RIGHT for answer, read, was in pairs if was) / sum(right)
            score = statistics.fmean(token_f1(answer, read.case.answers) for answer, read, _ in pairs)
            held = statistics.fmean(holds(read, windows) for read, windows in zip(reads, chosen, strict=True))
            cells.append(f"found {100 * found:.0f}, F1 {100 * score:.1f}, holds {100 * held:.0f}")
        lines.append(f"| {by} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def seconds(data: Path, model: str) -> str:
    """Processor seconds of 1, 5 and 20 questions on one text."""
    articles = qa_quality.squad_articles(data)
    text = " ".join(" ".join(paragraph for paragraphs, _ in articles for paragraph in paragraphs).split()[:N_WORDS])
    asked = [case.question for _, questions in articles[:4] for _, case in questions[::40]][:20]
    ways: dict[str, dict[str, Any]] = {"whole": {}}
    ways |= {f"--skim 8 --skim-by {by}": {"skim": 8, "skim_by": by} for by in get_args(SkimBy)}
    bb.answer("Ada lit it.", "Who?", model=model, threads=1)  # opens the model
    lines = ["| | 1 question | 5 | 20 |", "|---|---:|---:|---:|"]
    for way, options in ways.items():
        for again in (False, True) if options.get("skim_by", "bm25") != "bm25" else (False,):
            cells = []
            for n in (1, 5, 20):
                with tempfile.TemporaryDirectory() as folder:
                    os.environ["BIGBIRD_CACHE"] = folder
                    if again:
                        bb.answer(text, asked[-1], model=model, threads=1, **options)
                    start = time.process_time()
                    bb.answer(text, asked[:n], model=model, threads=1, **options)
                    cells.append(f"{time.process_time() - start:.1f}")
            lines.append(f"| {way}{', the next call' if again else ''} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qa-mini")
    parser.add_argument("--questions", type=int, default=40, help="of each part at most")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", action="store_true", help="the times alone")
    options = parser.parse_args()
    data = Path(os.environ["BIGBIRD_DATA"])
    if options.seconds:
        print(seconds(data, options.model))
        return
    reader = open_reader(QuestionAnswering, options.model, what="question answering", options={"threads": 1})
    for part in options.parts:
        reads = list(read_whole(reader, sample(data, part, options.questions)))
        print(table(part, reader, reads, SentenceEncoder({"threads": 1})), "\n", flush=True)


if __name__ == "__main__":
    main()
