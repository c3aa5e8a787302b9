"""Heads: what turns the encoder's states into a task's scores, and scores into a loss.

Shape letters: B documents, S sequence, D width, F feed-forward width, V vocabulary.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigbird_cli.pytorch.layers import Activation, AddAndNorm, Linear, Transform, Widen

CLOSED = -1e6
"""Added to the score of a position that cannot be an answer, as Hugging Face does."""


class QuestionAnsweringHead(nn.Module):
    """Two layers and a residual over every token, then a start and an end score (BigBird, appendix E.2)."""

    def __init__(self, *, width: int, inner_width: int, act: Activation, dropout: float, norm_eps: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.intermediate = Widen(width=width, inner_width=inner_width, act=act)
        self.output = AddAndNorm(in_width=inner_width, width=width, dropout=dropout, norm_eps=norm_eps)
        self.qa_outputs = Linear(width, 2)

    def forward(self, x_BSD: Tensor, is_closed_BS: Tensor | None) -> tuple[Tensor, Tensor]:
        """Score every token as start and as end, two (B, S), with CLOSED added where `is_closed_BS`."""
        logits_BS2 = self.qa_outputs(self.output(self.intermediate(self.dropout(x_BSD)), x_BSD))
        if is_closed_BS is not None:
            logits_BS2 = logits_BS2 + is_closed_BS[..., None] * CLOSED
        start_BS, end_BS = logits_BS2.unbind(-1)
        return start_BS, end_BS

    @staticmethod
    def loss(start_BS: Tensor, end_BS: Tensor, start_positions_B: Tensor, end_positions_B: Tensor) -> Tensor:
        """Mean cross-entropy of start and end; a position beyond the input is left out."""
        n_tokens = start_BS.shape[1]
        losses = [
            F.cross_entropy(
                logits_BS.float(), positions.view(-1).to(torch.long).clamp(0, n_tokens), ignore_index=n_tokens
            )
            for logits_BS, positions in ((start_BS, start_positions_B), (end_BS, end_positions_B))
        ]
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


def closed_to_answers(is_question_BS: Tensor | None, is_token_BS: Tensor | None) -> Tensor | None:
    """Tell which positions cannot be an answer, (B, S) bool: the question and padding.

    The first token, [CLS], stays open: it stands for "no answer".
    """
    is_closed_BS = None if is_token_BS is None else ~is_token_BS
    if is_question_BS is not None:
        is_closed_BS = is_question_BS.clone() if is_closed_BS is None else is_closed_BS | is_question_BS
    if is_closed_BS is not None:
        is_closed_BS[:, 0] = False
    return is_closed_BS


class MaskedLMHead(nn.Module):
    """Transform, then a score for every vocabulary entry through the word embeddings themselves."""

    def __init__(self, *, width: int, vocab_size: int, act: Activation, norm_eps: float) -> None:
        super().__init__()
        self.transform = Transform(width=width, act=act, norm_eps=norm_eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x_BSD: Tensor, words_VD: Tensor) -> Tensor:
        return F.linear(self.transform(x_BSD), words_VD, self.bias)

    @staticmethod
    def loss(logits_BSV: Tensor, labels_BS: Tensor) -> Tensor:
        """Mean cross-entropy over the labelled positions; -100 marks one without a label."""
        return F.cross_entropy(logits_BSV.flatten(0, 1).float(), labels_BS.flatten().to(torch.long), ignore_index=-100)
