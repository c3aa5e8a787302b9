"""Scores that agree with the official scripts of their data sets, digit by digit."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

LENGTH_BUCKETS = (512, 1024, 2048, 4096)
"""Document lengths, in tokens, up to which scores are given apart."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = re.compile(r"\b(?:a|an|the)\b")


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


def best_label_threshold(scores: np.ndarray, gold: np.ndarray) -> tuple[float, float]:
    """Find the threshold that makes the micro-averaged F1 of several labels highest.

    Args:
        scores: each label's score, of any shape; those at least as high as the threshold are given.
        gold: bool of the same shape: whether the label is right.

    Returns:
        The best F1, in percent, and the highest threshold that reaches it, which is one of the scores.
    """
    order = np.argsort(-scores, axis=None, kind="stable")
    sorted_scores = scores.ravel()[order]
    n_right = np.cumsum(gold.ravel()[order])
    f1 = 2 * n_right / (np.arange(1, len(order) + 1) + n_right[-1])
    ends = np.append(sorted_scores[1:] != sorted_scores[:-1], True)  # equal scores are given together
    best = int(np.argmax(np.where(ends, f1, -1)))
    return 100 * float(f1[best]), float(sorted_scores[best])


def stands_at_seam(start: int, end: int, seams: Sequence[tuple[int, int]]) -> bool:
    """Tell whether characters start..end hold what stands beside a place where one window takes over from another.

    Args:
        start, end: of a span; the end is not in it.
        seams: for each such place, where what was read last before it ends, and where what follows begins.
    """
    return any(start <= after and end >= before for before, after in seams)


def length_groups(n_tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Sort documents by length: the name of each group that is not empty, as "to_512_tokens", and who is in it.

    There are no groups where all documents would be in one.
    """
    bucket = np.searchsorted(LENGTH_BUCKETS, n_tokens, side="left")
    names = [f"to_{limit}_tokens" for limit in LENGTH_BUCKETS] + [f"over_{LENGTH_BUCKETS[-1]}_tokens"]
    groups = [(names[k], np.flatnonzero(bucket == k).tolist()) for k in np.unique(bucket).tolist()]
    return groups if len(groups) > 1 else []
