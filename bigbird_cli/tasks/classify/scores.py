"""How predictions of labels and numbers are measured, by scikit-learn and SciPy; shares in percent."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bigbird_cli.errors import needs_extra


def one_label_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Compare one label a document.

    Returns:
        accuracy, f1_macro, mcc (Matthews's coefficient times 100), and majority: the accuracy of always giving the
        label that is commonest here.
    """
    with needs_extra("train"):
        from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef  # takes a second to import

    vary = len(set(gold)) > 1 and len(set(predicted)) > 1  # else the coefficient is 0, and scikit-learn warns
    return {
        "accuracy": 100 * float(accuracy_score(gold, predicted)),
        "f1_macro": 100 * float(f1_score(gold, predicted, average="macro", zero_division=0)),
        "mcc": 100 * float(matthews_corrcoef(gold, predicted)) if vary else 0.0,
        "majority": 100 * max(Counter(gold).values()) / len(gold),
    }


def several_labels_scores(gold_NL: np.ndarray, predicted_NL: np.ndarray, probs_NL: np.ndarray) -> dict[str, float]:
    """Compare any number of labels a document.

    Args:
        gold_NL: bool, the labels that are right for each of N documents.
        predicted_NL: bool, those that are given.
        probs_NL: their probabilities.

    Returns:
        f1_micro, f1_macro, exact (all labels right); majority: the f1_micro of always giving the commonest label alone;
        best_f1_micro and best_threshold: how high f1_micro would be, and at which task.threshold.
    """
    with needs_extra("train"):
        from sklearn.metrics import f1_score

    commonest_NL = np.zeros_like(gold_NL)
    commonest_NL[:, int(gold_NL.sum(axis=0).argmax())] = True
    best_f1, threshold = best_label_threshold(probs_NL, gold_NL)
    return {
        "f1_micro": 100 * float(f1_score(gold_NL, predicted_NL, average="micro", zero_division=0)),
        "f1_macro": 100 * float(f1_score(gold_NL, predicted_NL, average="macro", zero_division=0)),
        "exact": 100 * float((gold_NL == predicted_NL).all(axis=1).mean()),
        "majority": 100 * float(f1_score(gold_NL, commonest_NL, average="micro", zero_division=0)),
        "best_f1_micro": best_f1,
        "best_threshold": threshold,
    }


def number_scores(gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Compare a number (N,) a document.

    Returns:
        pearson and spearman times 100 (0 where all of either are alike), mse, mean_absolute_error, and majority: the
        mse of always giving the mean.
    """
    with needs_extra("train"):
        from scipy.stats import pearsonr, spearmanr

    vary = len(gold) > 1 and np.ptp(gold) > 0 and np.ptp(predicted) > 0
    return {
        "pearson": 100 * float(pearsonr(gold, predicted).statistic) if vary else 0.0,
        "spearman": 100 * float(spearmanr(gold, predicted).statistic) if vary else 0.0,
        "mse": float(((gold - predicted) ** 2).mean()),
        "mean_absolute_error": float(np.abs(gold - predicted).mean()),
        "majority": float(gold.var()),
    }


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
