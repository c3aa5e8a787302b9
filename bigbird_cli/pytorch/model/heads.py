"""Heads: what turns the encoder's states into a task's scores, and scores into a loss.

A loss is a mean over what is labelled, in float32 at least; where nothing is labelled it is 0, and so are its
gradients.

Shape letters: B documents, S sequence, D width, F feed-forward width, V vocabulary, L labels, C choices.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.pytorch.model.activations import Activation
from bigbird_cli.pytorch.model.dropout import Dropout
from bigbird_cli.pytorch.model.feed_forward import FeedForwardUp
from bigbird_cli.pytorch.model.layers import Linear, OutputProjection
from bigbird_cli.pytorch.model.linear import linear
from bigbird_cli.pytorch.model.tracing import is_transformed

MASKED_SCORE = -1e6
"""Added to the score of what cannot be an answer, as Hugging Face does."""


class LMTransform(nn.Module):
    """Linear, activation, LayerNorm: what a language-model head does before it meets the vocabulary."""

    def __init__(self, *, width: int, act: Activation, norm_eps: float) -> None:
        super().__init__()
        self.dense = Linear(width, width)
        self.act = act
        self.LayerNorm = nn.LayerNorm(width, eps=norm_eps)

    def forward(self, x_BSD: Tensor) -> Tensor:
        transformed_BSD: Tensor = self.LayerNorm(self.dense(x_BSD, act=self.act))
        return transformed_BSD


class LMPredictionHead(nn.Module):
    """Transform, then a score for every vocabulary entry, through the word embeddings or a matrix of its own."""

    def __init__(self, *, width: int, vocab_size: int, act: Activation, norm_eps: float, tied: bool) -> None:
        super().__init__()
        self.transform = LMTransform(width=width, act=act, norm_eps=norm_eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.decoder = None if tied else Linear(width, vocab_size, bias=False)

    def forward(self, x_BSD: Tensor, words_VD: Tensor) -> Tensor:
        """Score, (B, S, V); the word embeddings `words_VD` count only where they are tied to the output."""
        weight_VD = words_VD if self.decoder is None else self.decoder.weight
        return linear(self.transform(x_BSD), weight_VD, self.bias)


class LanguageModelHead(nn.Module):
    """A score for every vocabulary entry at every position: of the token that stands there, or of the next."""

    def __init__(self, *, predictions: LMPredictionHead) -> None:
        super().__init__()
        self.predictions = predictions

    def forward(self, x_BSD: Tensor, words_VD: Tensor) -> Tensor:
        logits_BSV: Tensor = self.predictions(x_BSD, words_VD)
        return logits_BSV

    @staticmethod
    def loss(logits_BSV: Tensor, labels_BS: Tensor, is_token_BS: Tensor | None) -> Tensor:
        """Mean cross-entropy over the labelled tokens: each position tells its own."""
        return label_loss(logits_BSV, labels_BS, is_token=is_token_BS)

    @staticmethod
    def next_token_loss(logits_BSV: Tensor, labels_BS: Tensor, is_token_BS: Tensor | None) -> Tensor:
        """Mean cross-entropy over the labelled tokens but the first: each position tells the one after it."""
        labels_BS = class_numbers(
            labels_BS, shape=logits_BSV.shape[:2], n_classes=logits_BSV.shape[2], is_token=is_token_BS
        )
        # shifting the labels, and not the logits, copies no vocabulary of scores
        return mean_cross_entropy(logits_BSV, F.pad(labels_BS[:, 1:], (0, 1), value=IGNORED))


class PretrainingHead(nn.Module):
    """The language-model head, and from the pooled first token whether the second part follows the first."""

    def __init__(self, *, predictions: LMPredictionHead, width: int) -> None:
        super().__init__()
        self.predictions = predictions
        self.seq_relationship = Linear(width, 2)

    def forward(self, x_BSD: Tensor, pooled_BD: Tensor, words_VD: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, S, V) and (B, 2)."""
        return self.predictions(x_BSD, words_VD), self.seq_relationship(pooled_BD)

    @staticmethod
    def loss(
        logits_BSV: Tensor,
        relation_B2: Tensor,
        labels_BS: Tensor | None,
        next_sentence_label_B: Tensor | None,
        is_token_BS: Tensor | None,
    ) -> Tensor | None:
        """Sum of the two cross-entropies as far as their labels are given; None where neither is."""
        losses = []
        if labels_BS is not None:
            losses.append(LanguageModelHead.loss(logits_BSV, labels_BS, is_token_BS))
        if next_sentence_label_B is not None:
            name = "next_sentence_label"
            losses.append(label_loss(relation_B2, one_each(next_sentence_label_B, len(relation_B2), name), name=name))
        return torch.stack(losses).sum() if losses else None


class SequenceClassificationHead(nn.Module):
    """Two layers over the first token's state, which did not pass the pooler."""

    def __init__(self, *, width: int, n_labels: int, act: Activation, dropout: float) -> None:
        super().__init__()
        self.dense = Linear(width, width)
        self.out_proj = Linear(width, n_labels)
        self.act = act
        self.dropout = Dropout(dropout)

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Score every label, (B, L)."""
        x_BD = self.dense(self.dropout(x_BSD[:, 0]), act=self.act)
        logits_BL: Tensor = self.out_proj(self.dropout(x_BD))
        return logits_BL

    @staticmethod
    def loss(logits_BL: Tensor, labels: Tensor, problem_type: str | None) -> Tensor:
        """Loss of a problem type, which labels tell where it is None; see `infer_problem_type`.

        Args:
            logits_BL: from `forward`.
            labels: `single_label_classification` (cross-entropy): (B,) class numbers, IGNORED for a document without.
                `multi_label_classification` (binary cross-entropy): (B, L) from 0 to 1.
                `regression` (mean squared error): (B, L) numbers. Where L is 1, (B,) will do.
            problem_type: one of bigbird.config.PROBLEM_TYPES.

        Raises:
            ValueError: labels of another shape or type, or out of range.
        """
        n_documents, n_labels = logits_BL.shape
        problem_type = problem_type or infer_problem_type(labels, n_labels)
        if problem_type == "single_label_classification":
            return label_loss(logits_BL, one_each(labels, n_documents, "labels", problem_type))
        if n_labels == 1:
            labels = one_each(labels, n_documents, "labels", problem_type)[:, None]
        _need_shape(labels, (n_documents, n_labels), "labels", problem_type)
        logits_BL = _at_least_float32(logits_BL)
        if problem_type == "regression":
            return F.mse_loss(logits_BL, labels.to(logits_BL.dtype))
        _need_range(labels, 0, 1, "labels")
        return F.binary_cross_entropy_with_logits(logits_BL, labels.to(logits_BL.dtype))


def infer_problem_type(labels: Tensor, n_labels: int) -> str:
    """Tell what kind of labels these are: numbers where there is one label, classes where they are whole numbers."""
    if n_labels == 1:
        return "regression"
    return "single_label_classification" if _is_integer(labels) else "multi_label_classification"


class Classifier(Linear):
    """Dropout and one linear layer: a score for every label at every token, or for every choice."""

    def __init__(self, *, width: int, n_labels: int, dropout: float) -> None:
        super().__init__(width, n_labels)
        self.dropout = Dropout(dropout)

    def forward(self, input: Tensor, *, act: Activation | None = None, plus: Tensor | None = None) -> Tensor:
        return super().forward(self.dropout(input), act=act, plus=plus)

    @staticmethod
    def token_loss(logits_BSL: Tensor, labels_BS: Tensor, is_token_BS: Tensor | None) -> Tensor:
        """Mean cross-entropy over the labelled tokens."""
        return label_loss(logits_BSL, labels_BS, is_token=is_token_BS)

    @staticmethod
    def allowed_loss(logits_BSL: Tensor, allowed_BS: Tensor) -> Tensor:
        """Sum over the tokens of -log of the probability that a token has one of the labels allowed to it.

        Args:
            logits_BSL: from `forward`.
            allowed_BS: int64, label i as bit i; -1 allows every label, and teaches nothing.
        """
        logits_BSL = _at_least_float32(logits_BSL)
        labels_L = torch.arange(logits_BSL.shape[-1], device=logits_BSL.device)
        is_masked_BSL = (allowed_BS[..., None] >> labels_L) & 1 == 0
        return (logits_BSL.logsumexp(-1) - logits_BSL.masked_fill(is_masked_BSL, -torch.inf).logsumexp(-1)).sum()

    @staticmethod
    def choice_loss(logits_BC: Tensor, labels_B: Tensor) -> Tensor:
        """Mean cross-entropy over the questions; a label is the number of the right choice."""
        return label_loss(logits_BC, one_each(labels_B, len(logits_BC), "labels"))


class QuestionAnsweringHead(nn.Module):
    """Two layers and a residual over every token, then a start and an end score (BigBird, appendix E.2)."""

    def __init__(self, *, width: int, inner_width: int, act: Activation, dropout: float, norm_eps: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.intermediate = FeedForwardUp(width=width, inner_width=inner_width, act=act)
        self.output = OutputProjection(in_width=inner_width, width=width, dropout=dropout, norm_eps=norm_eps)
        self.qa_outputs = Linear(width, 2)

    def forward(self, x_BSD: Tensor, is_masked_BS: Tensor | None) -> tuple[Tensor, Tensor]:
        """Score every token as start and as end, two (B, S), with MASKED_SCORE added where `is_masked_BS`."""
        logits_BS2 = self.qa_outputs(self.output(self.intermediate(self.dropout(x_BSD)), x_BSD))
        if is_masked_BS is not None:
            logits_BS2 = logits_BS2 + is_masked_BS[..., None] * MASKED_SCORE
        start_BS, end_BS = logits_BS2.unbind(-1)
        return start_BS, end_BS

    @staticmethod
    def loss(start_BS: Tensor, end_BS: Tensor, start_positions_B: Tensor, end_positions_B: Tensor) -> Tensor:
        """Mean cross-entropy of start and end; a position beyond the input is left out."""
        n_documents, n_tokens = start_BS.shape
        losses = []
        for logits_BS, positions, name in (
            (start_BS, start_positions_B, "start_positions"),
            (end_BS, end_positions_B, "end_positions"),
        ):
            positions_B = _whole_numbers(one_each(positions, n_documents, name), name).clamp(0, n_tokens)
            losses.append(mean_cross_entropy(logits_BS, positions_B, ignored=n_tokens))
        return (losses[0] + losses[1]) / 2


def question_mask(
    ids_BS: Tensor | None, question_lengths_B1: Tensor | None, *, n_tokens: int, sep_id: int | None
) -> Tensor | None:
    """Tell which positions belong to the question, (B, S) bool; None where nothing is known of it.

    The question reaches over `question_lengths`, or from the first token to the first [SEP], both included. Without a
    [SEP] only the first token counts.
    """
    if question_lengths_B1 is None:
        if ids_BS is None or sep_id is None:
            return None
        question_lengths_B1 = ids_BS.eq(sep_id).int().argmax(dim=-1) + 1
    positions_S = torch.arange(n_tokens, device=question_lengths_B1.device)
    return positions_S < question_lengths_B1.view(-1, 1)


def masked_from_answers(is_question_BS: Tensor | None, is_token_BS: Tensor | None) -> Tensor | None:
    """Tell which positions cannot be an answer, (B, S) bool: the question and padding.

    The first token, [CLS], stays open: it stands for "no answer".
    """
    is_masked_BS = None if is_token_BS is None else ~is_token_BS
    if is_question_BS is not None:
        is_masked_BS = is_question_BS.clone() if is_masked_BS is None else is_masked_BS | is_question_BS
    if is_masked_BS is not None:
        is_masked_BS[:, 0] = False
    return is_masked_BS


def zero_of(*modules: nn.Module) -> Tensor:
    """A zero that gives every parameter of the modules a gradient of zeros.

    Added to a loss that leaves them out: DistributedDataParallel waits for the gradient of every parameter.
    """
    return torch.stack([parameter.sum() for module in modules for parameter in module.parameters()]).sum() * 0.0


# labels and losses


def label_loss(logits: Tensor, labels: Tensor, *, name: str = "labels", is_token: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of class numbers (...) under logits (..., L); see `class_numbers` for what counts."""
    n_classes = logits.shape[-1]
    return mean_cross_entropy(
        logits, class_numbers(labels, shape=logits.shape[:-1], n_classes=n_classes, name=name, is_token=is_token)
    )


def mean_cross_entropy(logits: Tensor, labels: Tensor, *, ignored: int = IGNORED) -> Tensor:
    """Mean cross-entropy of int64 labels (...) under logits (..., L), over the labels that are not `ignored`."""
    total = F.cross_entropy(
        _at_least_float32(logits).flatten(0, -2), labels.flatten(), ignore_index=ignored, reduction="sum"
    )
    return total / labels.ne(ignored).sum().clamp(min=1)


def class_numbers(
    labels: Tensor,
    *,
    shape: tuple[int, ...],
    n_classes: int,
    name: str = "labels",
    is_token: Tensor | None = None,
) -> Tensor:
    """Read labels as int64, and as IGNORED wherever `is_token` is False, whatever they say there.

    Raises:
        ValueError: another shape, no whole numbers, or (on a processor; elsewhere a look at the values would wait for
            the device) a number that is neither a class nor IGNORED.
    """
    _need_shape(labels, shape, name)
    labels = _whole_numbers(labels, name)
    if is_token is not None:
        labels = labels.masked_fill(~is_token, IGNORED)
    _need_range(labels, 0, n_classes - 1, name, also=IGNORED)
    return labels


def one_each(labels: Tensor, n_documents: int, name: str, problem_type: str | None = None) -> Tensor:
    """Read labels, one a document, as (B,): (B, 1) will do, and a bare number for a single document.

    Raises:
        ValueError: they have another shape.
    """
    if labels.shape != (n_documents, 1) and (labels.ndim or n_documents != 1):
        _need_shape(labels, (n_documents,), name, problem_type)
    return labels.reshape(n_documents)


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _is_integer(labels: Tensor) -> bool:
    return not (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool)


def _whole_numbers(labels: Tensor, name: str) -> Tensor:
    if not _is_integer(labels):
        raise ValueError(f"{name} are {_type_name(labels)}, but must be whole numbers, as of torch.long")
    return labels.to(torch.long)


def _need_shape(labels: Tensor, shape: tuple[int, ...], name: str, problem_type: str | None = None) -> None:
    if labels.shape != shape:
        purpose = f" for {problem_type}" if problem_type else ""
        raise ValueError(f"{name} have shape {list(labels.shape)}, but must have {list(shape)}{purpose}")


def _need_range(labels: Tensor, lowest: int, highest: int, name: str, *, also: int | None = None) -> None:
    if labels.device.type != "cpu" or is_transformed():
        return  # a look at the values would wait for the device, or cannot be written down
    is_wrong = (labels < lowest) | (labels > highest)
    if also is not None:
        is_wrong &= labels != also
    if is_wrong.any():
        allowed = f"{lowest} to {highest}" + ("" if also is None else f", or {also} where none counts")
        raise ValueError(f"{name} hold {labels[is_wrong][0].item()}, but must be {allowed}")


def _type_name(labels: Tensor) -> str:
    return str(labels.dtype).removeprefix("torch.")
