"""How well a question-answering model answers, on texts from a paragraph to a contract of 50,000 words.

    BIGBIRD_DATA=FOLDER python benchmarks/qa_quality.py --model qa-mini --json qa-mini.json

FOLDER holds squad-dev, fairytaleqa, covid-qa and cuad unpacked side by side. Each set is read twice: as the model
reads by itself, and through windows of 384 tokens, which are short enough for full attention. The parts:

    passages         SQuAD paragraphs, each alone, all questions
    articles         each whole SQuAD article as one document, 20 questions an article
    moved-passages   those questions, asked of a paragraph of another article: the right answer is none
    moved-articles   5 of them an article, asked of another whole article
    fairytaleqa      stories of the val part          \\
    covid-qa         the last 18 papers                } at most 200 questions each
    cuad             the last 40 contracts            /

--files adds SQuAD JSON files, each a part under its own name: near misses, contracts that lack a clause, and what else
`recipes/scripts/make_qa_mini.py` keeps for choosing (dev-near.json, dev-absent.json, ...).

EM and F1 are SQuAD's: of the best span, whether the model is sure of it or not. "as answered" is F1 when the model
may also give no answer, as the command does; "no answer" is the share of unanswerable questions left unanswered. The
± is half a 95 % interval from the spread over questions. "ECE" is the expected calibration error of the best span's
score (ten bins of equal width; a span is right if it matches exactly), "ECE none" that of no_answer_score where some
questions have an answer and some have none.
"""

import argparse
import json
import math
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.append(str(ROOT / "recipes/scripts"))

QUESTIONS_AN_ARTICLE = 20
MOVED_TO_ARTICLES = 5
QUESTIONS_A_LONG_TEST = 200
SHORT_WINDOW = 384


@dataclass(frozen=True)
class Case:
    """A question on a text, and the answers that count as right; none when the text does not answer it."""

    context: str
    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What a model scored on a part, in percent; None where the part has no such questions."""

    part: str
    window: int | None
    n: int
    words: float
    exact_match: float | None
    f1: float | None
    f1_margin: float | None
    f1_as_answered: float | None
    no_answer_accuracy: float | None
    calibration_error: float
    no_answer_calibration_error: float | None
    tokens: int
    windows: int
    seconds: float


# ------------------------------------------------------------------------------------------------ the parts


def squad_articles(data: Path) -> list[tuple[list[str], list[tuple[int, Case]]]]:
    """Each article's paragraphs, and its questions with the index of their paragraph."""
    path = data / "squad-dev/squad-v1.1-dev-13-articles.json"
    articles = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        paragraphs = [paragraph["context"] for paragraph in article["paragraphs"]]
        questions = [
            (p, Case(paragraph["context"], qa["question"], tuple(answer["text"] for answer in qa["answers"])))
            for p, paragraph in enumerate(article["paragraphs"])
            for qa in paragraph["qas"]
        ]
        articles.append((paragraphs, questions))
    return articles


def passages(data: Path) -> list[Case]:
    return [case for _, questions in squad_articles(data) for _, case in questions]


def articles(data: Path) -> list[Case]:
    rng = random.Random(0)
    return [
        replace(case, context=_joined(paragraphs))
        for paragraphs, questions in squad_articles(data)
        for _, case in _some(questions, QUESTIONS_AN_ARTICLE, rng)
    ]


def moved_passages(data: Path) -> list[Case]:
    return [
        Case(random.Random(f"{case.question} {n}").choice(others), case.question, ())
        for n, (case, others) in enumerate(_moved(data, QUESTIONS_AN_ARTICLE))
    ]


def moved_articles(data: Path) -> list[Case]:
    return [Case(_joined(others), case.question, ()) for case, others in _moved(data, MOVED_TO_ARTICLES)]


def _moved(data: Path, n: int) -> Iterator[tuple[Case, list[str]]]:
    """Questions with the paragraphs of the next article."""
    everything = squad_articles(data)
    rng = random.Random(0)
    for number, (_, questions) in enumerate(everything):
        others, _ = everything[(number + 1) % len(everything)]
        for _, case in _some(questions, n, rng):
            yield case, others


def _joined(paragraphs: Sequence[str]) -> str:
    return "\n\n".join(paragraphs)


def _some(items: Sequence[Any], n: int, rng: random.Random) -> list[Any]:
    """At most n of them at random, in their order."""
    return [items[i] for i in sorted(rng.sample(range(len(items)), min(n, len(items))))]


def fairytaleqa(data: Path) -> list[Case]:
    from qa_sets import fairytaleqa as tales

    stories = tales.stories_of(data, "val")
    return _long_test([question for questions in stories for question in questions])


def covid_qa(data: Path) -> list[Case]:
    from qa_sets import covid_qa as covid

    papers = covid.papers_of(data)[-covid.TEST :]
    return _long_test([question for questions in papers for question in questions])


def cuad(data: Path) -> list[Case]:
    from qa_sets import cuad as clauses

    contracts = clauses.contracts_of(data)[-clauses.TEST :]
    everything = [question for _, questions in contracts for question in questions]
    # Most clauses are missing from most contracts: a third of the questions ask for one, the others can be answered.
    n_without = QUESTIONS_A_LONG_TEST // 3
    without = _some([q for q in everything if not q.spans], n_without, random.Random(0))
    with_answer = _some([q for q in everything if q.spans], QUESTIONS_A_LONG_TEST - n_without, random.Random(0))
    chosen = {id(question) for question in without + with_answer}
    return _long_test([question for question in everything if id(question) in chosen])


def _long_test(questions: Sequence[Any]) -> list[Case]:
    """At most 200 of a set's questions, document by document."""
    return [
        Case(q.document.text, q.text, tuple(q.document.text[a:b] for a, b in q.spans))
        for q in _some(questions, QUESTIONS_A_LONG_TEST, random.Random(0))
    ]


def from_file(path: Path) -> list[Case]:
    """The questions of a SQuAD JSON file."""
    from bigbird_cli.tasks.qa.squad import read_examples

    examples, _ = read_examples(path)
    return [Case(e.context, e.question, tuple(answer.text for answer in e.answers)) for e in examples]


PARTS: dict[str, Callable[[Path], list[Case]]] = {
    "passages": passages,
    "articles": articles,
    "moved-passages": moved_passages,
    "moved-articles": moved_articles,
    "fairytaleqa": fairytaleqa,
    "covid-qa": covid_qa,
    "cuad": cuad,
}


# ------------------------------------------------------------------------------------------------ measuring


def measure(
    part: str,
    cases: Sequence[Case],
    *,
    model: str,
    window: int | None = None,
    batch_size: int = 16,
    device: str = "auto",
    threads: int | None = None,
    quantize: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[Result, list[dict[str, Any]]]:
    """Ask every question and score the answers.

    Args:
        part: its name, for the result.
        cases: questions; those on one text stand together, so that it is tokenised once.
        model: a model folder or name.
        window: tokens of a model input at most; None for the model's own setting.
        batch_size: windows read together.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads.
        quantize: int8, or None.
        progress: called every so often with how far it is.

    Returns:
        The scores, and for each question what was asked, wanted and answered.
    """
    from bigbird_cli import api
    from bigbird_cli.tasks.qa.scores import exact_match, token_f1
    from bigbird_cli.tasks.qa.task import QuestionAnswering
    from bigbird_cli.text.documents import Document
    from bigbird_cli.weights.store import open_folder

    threshold = (open_folder(model).task or {}).get("no_answer_threshold", QuestionAnswering().no_answer_threshold)
    start = time.perf_counter()
    results = api.answer_all(
        (api.Request(Document("text", case.context), case.question) for case in cases),
        model=model,
        window=window,
        overlap=None if window is None else window // 3,
        no_answer_threshold=1.0,  # the best span of each, so that both ways of scoring can be had
        batch_size=batch_size,
        device=device,
        threads=threads,
        quantize=quantize,
    )
    rows: list[dict[str, Any]] = []
    reported = start
    for case, result in zip(cases, results, strict=True):
        if result.error is not None:
            raise SystemExit(f"{part}, {case.question!r}: {result.error.problem}")
        record = result.record()
        best = record["answer"] or ""
        given = best if record["no_answer_score"] <= threshold else ""
        rows.append(
            {
                "question": case.question,
                "wanted": case.answers,
                "best": best,
                "score": record["score"],
                "no_answer_score": record["no_answer_score"],
                "exact_match": exact_match(best, case.answers),
                "f1": token_f1(best, case.answers),
                "f1_as_answered": token_f1(given, case.answers),
                "answered": bool(given),
                "tokens": record["receipt"]["tokens"],
                "windows": record["receipt"]["windows"],
                "read_whole": record["receipt"]["read"] == record["receipt"]["tokens"],
            }
        )
        if progress is not None and time.perf_counter() - reported > 15:
            reported = time.perf_counter()
            progress(f"{part}: {len(rows)} of {len(cases)} questions, {reported - start:.0f} s")
    if not all(row["read_whole"] for row in rows):
        raise SystemExit(f"{part}: a document was not read whole")
    return _result(part, window, cases, rows, time.perf_counter() - start), rows


def _result(
    part: str, window: int | None, cases: Sequence[Case], rows: Sequence[dict[str, Any]], seconds: float
) -> Result:
    answerable = [row for row in rows if row["wanted"]]
    unanswerable = [row for row in rows if not row["wanted"]]
    f1 = [100 * row["f1"] for row in answerable]
    return Result(
        part=part,
        window=window,
        n=len(rows),
        words=statistics.fmean(len(case.context.split()) for case in cases) if cases else 0.0,
        exact_match=_mean([100 * row["exact_match"] for row in answerable]),
        f1=_mean(f1),
        f1_margin=1.96 * statistics.stdev(f1) / math.sqrt(len(f1)) if len(f1) > 1 else None,
        f1_as_answered=_mean([100 * row["f1_as_answered"] for row in answerable]),
        no_answer_accuracy=_mean([100.0 * (not row["answered"]) for row in unanswerable]),
        calibration_error=100
        * calibration_error(
            [row["score"] for row in rows], [bool(row["wanted"] and row["exact_match"]) for row in rows]
        ),
        no_answer_calibration_error=100
        * calibration_error([row["no_answer_score"] for row in rows], [not row["wanted"] for row in rows])
        if answerable and unanswerable
        else None,
        tokens=sum(row["tokens"] for row in rows),
        windows=sum(row["windows"] for row in rows),
        seconds=seconds,
    )


def calibration_error(scores: Sequence[float], happened: Sequence[bool], *, n_bins: int = 10) -> float:
    """Expected calibration error: how far bins of equal width are off, weighted by how much is in them."""
    sums = [[0.0, 0.0] for _ in range(n_bins)]
    for score, event in zip(scores, happened, strict=True):
        bin_ = sums[min(int(score * n_bins), n_bins - 1)]
        bin_[0] += score
        bin_[1] += event
    return sum(abs(said - was) for said, was in sums) / len(scores)


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def table(results: Sequence[Result]) -> str:
    """The results as a markdown table."""
    lines = [
        "| part | window | questions | words | EM | F1 | ± | as answered | no answer | ECE | ECE none | windows each"
        " | seconds each |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for r in results:
        scores = (r.exact_match, r.f1, r.f1_margin, r.f1_as_answered, r.no_answer_accuracy)
        scores += (r.calibration_error, r.no_answer_calibration_error, r.windows / r.n)
        cells = ["" if score is None else f"{score:.1f}" for score in scores]
        own = "own" if r.window is None else str(r.window)
        lines.append(f"| {r.part} | {own} | {r.n:,} | {r.words:,.0f} | {' | '.join(cells)} | {r.seconds / r.n:.2f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog=f"Parts: {', '.join(PARTS)}. Without --window, both windows."
    )
    parser.add_argument("--model", default="qa-mini", help="model folder or name (qa-mini)")
    parser.add_argument("--data", type=Path, default=None, help="folder with the sets (the variable BIGBIRD_DATA)")
    parser.add_argument("--parts", default=",".join(PARTS), help='comma-separated (all; "" for none)')
    parser.add_argument("--files", type=Path, nargs="+", default=[], help="SQuAD JSON files, each one more part")
    parser.add_argument("--window", action="append", default=None, help="tokens, or own; may be given several times")
    parser.add_argument("--max-questions", type=int, default=None, help="of each part, chosen with seed 0")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--quantize", choices=["int8"], default=None)
    parser.add_argument("--json", type=Path, default=None, help="write the results here")
    parser.add_argument("--answers", type=Path, default=None, help="write every answer here, a JSON object a line")
    settings = parser.parse_args(argv)

    parts = dict(PARTS) | {path.stem: lambda _, path=path: from_file(path) for path in settings.files}
    names = settings.parts.split(",") if settings.parts else []
    names += [path.stem for path in settings.files]
    if unknown := [name for name in names if name not in parts]:
        parser.exit(2, f"there is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}\n")
    data = settings.data or (Path(os.environ["BIGBIRD_DATA"]) if os.environ.get("BIGBIRD_DATA") else None)
    if data is None and any(name in PARTS for name in names):
        parser.exit(2, "set BIGBIRD_DATA, or give --data: the folder with the sets unpacked side by side\n")
    windows = [None if w == "own" else int(w) for w in settings.window or ["own", str(SHORT_WINDOW)]]

    results: list[Result] = []
    answers: list[dict[str, Any]] = []
    for name in names:
        cases = parts[name](data)
        if settings.max_questions is not None:
            cases = _some(cases, settings.max_questions, random.Random(0))
        for window in windows:
            result, rows = measure(
                name,
                cases,
                model=settings.model,
                window=window,
                batch_size=settings.batch_size,
                device=settings.device,
                threads=settings.threads,
                quantize=settings.quantize,
                progress=lambda line: print(line, file=sys.stderr, flush=True),
            )
            print(table([result]).splitlines()[-1], file=sys.stderr, flush=True)
            results.append(result)
            answers += [{"part": name, "window": window, **row} for row in rows]
            if settings.json:  # after each part: a run that is stopped keeps what it has
                settings.json.write_text(json.dumps(_report(settings.model, results), indent=1) + "\n")
    if settings.answers:
        with settings.answers.open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in answers)
    print(table(results))


def _report(model: str, results: Sequence[Result]) -> dict[str, Any]:
    import torch

    return {
        "model": model,
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "results": [asdict(result) for result in results],
    }


if __name__ == "__main__":
    main()
