"""Scores of answers that agree with the official scripts of SQuAD v1.1 and v2.0, digit by digit."""

import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bigbird_cli.tasks.base import check_same_ids
from bigbird_cli.tasks.metrics import length_groups, stands_at_seam
from bigbird_cli.tasks.qa.mentions import ARTICLES
from bigbird_cli.tasks.qa.spans import QAPrediction
from bigbird_cli.tasks.qa.squad import QAExample

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def score(predictions: Sequence[QAPrediction], examples: Sequence[QAExample]) -> dict[str, float]:
    """Measure predictions on the untouched gold texts, as SQuAD's scripts do; in percent.

    Returns:
        exact_match, f1; counts: total, and seam_errors (answers that are not exact, where they or
        the gold touch where one window takes over from another). If some questions have no answer:
        has_answer_exact_match, has_answer_f1, has_answer_total, no_answer_accuracy, no_answer_total, and best_f1
        with best_f1_threshold, the most that another no-answer threshold would give. If documents differ in length:
        f1 and total by their length, as in f1_to_512_tokens and f1_over_4096_tokens.
    """
    check_same_ids(predictions, examples, "questions")
    golds = [[answer.text for answer in example.answers] for example in examples]
    texts = [p.answer.text if p.answer else "" for p in predictions]
    exact = np.array([exact_match(text, gold) for text, gold in zip(texts, golds, strict=True)], dtype=np.float64)
    f1 = np.array([token_f1(text, gold) for text, gold in zip(texts, golds, strict=True)], dtype=np.float64)
    has_answer = np.array([example.has_answer for example in examples])
    scores = {
        "exact_match": _percent(exact),
        "f1": _percent(f1),
        "total": float(len(examples)),
        "seam_errors": float(
            sum(
                _touches_seam(prediction, example)
                for prediction, example, is_right in zip(predictions, examples, exact, strict=True)
                if not is_right
            )
        ),
    }
    if not has_answer.all():
        if has_answer.any():
            scores["has_answer_exact_match"] = _percent(exact[has_answer])
            scores["has_answer_f1"] = _percent(f1[has_answer])
        scores["has_answer_total"] = float(has_answer.sum())
        scores["no_answer_accuracy"] = _percent(exact[~has_answer])
        scores["no_answer_total"] = float((~has_answer).sum())
        best = [p.spans[0].text if p.spans else "" for p in predictions]
        scores["best_f1"], scores["best_f1_threshold"] = best_threshold(
            [token_f1(text, gold) for text, gold in zip(best, golds, strict=True)],
            [p.no_answer_score for p in predictions],
            has_answer.tolist(),
        )
    for name, members in length_groups([prediction.coverage.n_tokens for prediction in predictions]):
        scores[f"f1_{name}"] = _percent(f1[members])
        scores[f"total_{name}"] = float(len(members))
    return scores


def normalise_answer(text: str) -> str:
    """Lower-case, drop ASCII punctuation and English articles, and set single spaces, as SQuAD's scripts do."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def gold_answers(answers: Sequence[str]) -> list[str]:
    """Give the answers that SQuAD v2.0's script compares with: [""] stands for "no answer".

    Answers of which nothing is left after normalising ("The") are dropped; v1.1's script keeps them, and differs there
    only.
    """
    return [answer for answer in answers if normalise_answer(answer)] or [""]


def exact_match(prediction: str, answers: Sequence[str]) -> int:
    """Tell whether a prediction equals one of the gold answers after normalising: 1 or 0.

    Args:
        prediction: the predicted text, "" for "no answer".
        answers: gold answers; none when the question has no answer.
    """
    return int(normalise_answer(prediction) in {normalise_answer(answer) for answer in gold_answers(answers)})


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """Measure the words that a prediction shares with the gold answer nearest to it, in [0, 1].

    Args:
        prediction: the predicted text, "" for "no answer".
        answers: gold answers; none when the question has no answer, and then only "" is right.
    """
    return max(_token_f1(prediction, answer) for answer in gold_answers(answers))


def _token_f1(prediction: str, answer: str) -> float:
    predicted, gold = normalise_answer(prediction).split(), normalise_answer(answer).split()
    if not predicted or not gold:
        return float(predicted == gold)
    shared = sum((Counter(predicted) & Counter(gold)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def best_threshold(
    scores: Sequence[float], no_answer_scores: Sequence[float], has_answer: Sequence[bool]
) -> tuple[float, float]:
    """Find the no-answer threshold that makes a mean score highest, as SQuAD v2.0's script searches it.

    A question is answered when its no-answer score is not above the threshold.

    Args:
        scores: each question's score in [0, 1] if it is answered with its best span.
        no_answer_scores: each question's no-answer score in [0, 1].
        has_answer: whether the question has an answer; leaving one without it unanswered scores 1.

    Returns:
        The best mean, in percent, and the threshold; 0 means "answer nothing".
    """
    current = best = float(sum(not has for has in has_answer))
    threshold = 0.0
    order = sorted(range(len(scores)), key=lambda i: no_answer_scores[i])
    for i in order:
        current += scores[i] if has_answer[i] else -1
        if current > best:
            best, threshold = current, no_answer_scores[i]
    return 100.0 * best / len(scores), threshold


def _touches_seam(prediction: QAPrediction, example: QAExample) -> bool:
    spans = [(answer.start, answer.start + len(answer.text)) for answer in example.answers]
    if prediction.answer is not None:
        spans.append((prediction.answer.start, prediction.answer.end))
    return any(stands_at_seam(start, end, prediction.seams) for start, end in spans)


def _percent(values: np.ndarray) -> float:
    return 100.0 * float(sum(values.tolist())) / len(values)  # Python's sum, term by term: the scripts' digits
