"""Logistic regression on the embeddings of windows of documents."""

import numpy as np

from bigbird_cli.errors import needs_extra

STRENGTHS = np.logspace(-1, 3, 9)
"""Inverse strengths of regularisation to choose among, for embeddings of length 1."""

MOST_PARTS = 5
"""Parts in which documents are left out to choose the strength."""

FEW = 10.0
"""The strength where there is one document of a label, and none to leave out."""

UNSEEN = -20.0
"""The bias of a label without an example."""


def fit_logistic(
    embeddings_ND: np.ndarray, labels_N: np.ndarray, documents_N: np.ndarray, *, n_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit multinomial logistic regression, each document weighing the same however many windows it has.

    How strongly it is held back is chosen by the likelihood of documents left out.

    Args:
        embeddings_ND: of each window.
        labels_N: number of each window's label, below n_labels.
        documents_N: number of each window's document.
        n_labels: of which some may have no example.

    Returns:
        Weights (L, D) and biases (L,).
    """
    _, document_N, n_windows = np.unique(documents_N, return_inverse=True, return_counts=True)
    weight_N = 1.0 / n_windows[document_N]
    part_N, n_parts = _parts(labels_N, document_N)
    strength = FEW
    if n_parts > 1:
        losses = [
            sum(
                _loss_left_out(embeddings_ND, labels_N, weight_N, part_N == part, strength=each)
                for part in range(n_parts)
            )
            for each in STRENGTHS
        ]
        strength = float(STRENGTHS[int(np.argmin(losses))])
    return _fit(embeddings_ND, labels_N, weight_N, strength=strength, n_labels=n_labels)


def _parts(labels_N: np.ndarray, document_N: np.ndarray) -> tuple[np.ndarray, int]:
    """Deal the documents of each label out to parts, which all have every label: each window's, and how many."""
    part_N = np.zeros(len(labels_N), dtype=int)
    members = {label: np.unique(document_N[labels_N == label]) for label in np.unique(labels_N)}
    n_parts = min(MOST_PARTS, *map(len, members.values())) if len(members) > 1 else 1
    for label, documents in members.items():
        inside = labels_N == label
        part_N[inside] = np.searchsorted(documents, document_N[inside]) % n_parts
    return part_N, n_parts


def _loss_left_out(
    embeddings_ND: np.ndarray, labels_N: np.ndarray, weight_N: np.ndarray, is_out_N: np.ndarray, *, strength: float
) -> float:
    """Summed negative log-likelihood of the windows left out, each by its weight."""
    kept = ~is_out_N
    n_labels = int(labels_N.max()) + 1
    weights_LD, bias_L = _fit(embeddings_ND[kept], labels_N[kept], weight_N[kept], strength=strength, n_labels=n_labels)
    logits_NL = embeddings_ND[is_out_N] @ weights_LD.T + bias_L
    nll_N = (
        np.logaddexp.reduce(logits_NL, axis=1) - np.take_along_axis(logits_NL, labels_N[is_out_N, None], axis=1)[:, 0]
    )
    return float(nll_N @ weight_N[is_out_N])


def _fit(
    embeddings_ND: np.ndarray, labels_N: np.ndarray, weight_N: np.ndarray, *, strength: float, n_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    with needs_extra("train"):
        from sklearn.linear_model import LogisticRegression  # takes a second to import

    weights_LD, bias_L = np.zeros((n_labels, embeddings_ND.shape[1])), np.full(n_labels, UNSEEN)
    seen = np.unique(labels_N)
    bias_L[seen] = 0.0
    if len(seen) > 1:
        model = LogisticRegression(C=strength, max_iter=1000).fit(embeddings_ND, labels_N, sample_weight=weight_N)
        # of two labels, scikit-learn gives the second's logit over the first's
        share = np.array([[-0.5], [0.5]]) if len(seen) == 2 else np.ones((1, 1))
        weights_LD[seen], bias_L[seen] = share * model.coef_, share[:, 0] * model.intercept_
    return weights_LD, bias_L
