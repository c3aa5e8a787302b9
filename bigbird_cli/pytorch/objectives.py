"""The loss that a model with a head is trained on, and the outputs that it predicts.

An objective gives a micro-batch's share of the loss of a whole optimiser batch: the sum of its losses over the number
of targets in the batch. However a batch is split into micro-batches, the shares add up to the same loss.

A language model's scores are computed only where a token is to be predicted: for BERT's 15 % of masked tokens that
saves most of the largest matrix product of a small model, and never are V scores a token kept.

Shape letters: B documents, C choices, S sequence, D width, V vocabulary, T targets.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from bigbird_cli.bigbird.heads import HEADS as SPECS
from bigbird_cli.bigbird.heads import IGNORED, HeadSpec
from bigbird_cli.errors import UsageError
from bigbird_cli.pytorch.model.heads import Classifier, zero_of
from bigbird_cli.pytorch.model.models import (
    BigBirdForCausalLM,
    BigBirdForMaskedLM,
    BigBirdForMultipleChoice,
    BigBirdForPreTraining,
    BigBirdForQuestionAnswering,
    BigBirdForSequenceClassification,
    BigBirdForTokenClassification,
)
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.model.sentences import SentenceClassifier, SentenceEncoder

SCORES_AT_ONCE = 1 << 26
"""Vocabulary scores of a language model that are held at a time: 256 MiB of float32."""

COSINE_SCALE = 20.0
"""What cosines are multiplied with to be logits: all-MiniLM's embeddings were trained with it."""

LABEL_GROUPS = 4
"""Forward passes in which the labels of a batch are embedded, each padded to its own longest."""


class Objective(nn.Module):
    """A model whose own loss is a mean over its targets."""

    def __init__(self, model: PretrainedModel, spec: HeadSpec) -> None:
        super().__init__()
        self.model = model
        self.spec = spec

    def forward(self, inputs: Mapping[str, Tensor], counts: Mapping[str, int], totals: Mapping[str, int]) -> Tensor:
        """Return this micro-batch's share of the batch's loss.

        Args:
            inputs: the model's arguments, labels among them.
            counts: targets in this micro-batch, by the name of their labels.
            totals: targets in the whole batch.
        """
        name = next(iter(totals))
        loss: Tensor = self.model(**inputs, return_dict=True).loss
        return loss * (counts[name] / max(1, totals[name]))

    def predict(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs that the task's decoder takes, the first axis of each B."""
        output = self.model(**inputs, return_dict=True)
        return {name: output[name] for name in (*self.spec.token_outputs, *self.spec.outputs)}


class Tagging(Objective):
    """Predict each labelled token's label, or any of those that are allowed where the annotation leaves it open."""

    def forward(self, inputs: Mapping[str, Tensor], counts: Mapping[str, int], totals: Mapping[str, int]) -> Tensor:
        if "allowed" not in inputs:
            return super().forward(inputs, counts, totals)
        model_inputs = {name: value for name, value in inputs.items() if name not in ("labels", "allowed")}
        logits_BSL = self.model(**model_inputs, return_dict=True).logits
        allowed_BS = inputs["allowed"].masked_fill(inputs["labels"] == IGNORED, -1)
        return Classifier.allowed_loss(logits_BSL, allowed_BS) / max(1, totals["labels"])


class LanguageModelling(Objective):
    """Predict masked or following tokens; with next-sentence labels, also whether the second part follows the first."""

    offset: ClassVar[int] = 0
    """How many tokens before a labelled one the state stands that predicts it."""

    def forward(self, inputs: Mapping[str, Tensor], counts: Mapping[str, int], totals: Mapping[str, int]) -> Tensor:
        del counts
        labels_BS, next_B, encoder = _split(inputs)
        position_T = self._positions(labels_BS)
        encoded = self._encoded(encoder)
        rows_TD, labels_T = self._targets(encoded.last_hidden_state, labels_BS, position_T)
        losses = [self._loss(*part) for part in self._parts(rows_TD, labels_T)]
        share = torch.stack(losses).sum() / max(1, totals["labels"])
        if next_B is not None:
            relation_B2 = self.model.get_submodule("cls.seq_relationship")(encoded.pooler_output)
            sum_of_relations = F.cross_entropy(relation_B2.float(), next_B, ignore_index=IGNORED, reduction="sum")
            share = share + sum_of_relations / max(1, totals["next_sentence_label"])
        # where a micro-batch holds no target, every parameter still gets a gradient, of zeros
        return share if len(labels_T) else share + zero_of(self.model.get_submodule("cls"))

    def predict(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return `nll` (B, S), float32: the natural-log loss of each labelled token, and `correct` (B, S), bool.

        Both stand at the token that was to be predicted and are 0 elsewhere. With next-sentence labels also
        `relation_logits` (B, 2).
        """
        labels_BS, next_B, encoder = _split(inputs)
        position_T = self._positions(labels_BS)
        encoded = self._encoded(encoder)
        rows_TD, labels_T = self._targets(encoded.last_hidden_state, labels_BS, position_T)
        nll_BS = torch.zeros(labels_BS.shape, device=labels_BS.device)
        correct_BS = torch.zeros(labels_BS.shape, dtype=torch.bool, device=labels_BS.device)
        nll, correct = [], []
        for part_TD, part_T in self._parts(rows_TD, labels_T):
            scores_TV = self._scores(part_TD)
            nll.append(F.cross_entropy(scores_TV, part_T, reduction="none"))
            correct.append(scores_TV.argmax(-1) == part_T)
        nll_BS.view(-1)[position_T], correct_BS.view(-1)[position_T] = torch.cat(nll), torch.cat(correct)
        outputs = {"nll": nll_BS, "correct": correct_BS}
        if next_B is not None:
            outputs["relation_logits"] = self.model.get_submodule("cls.seq_relationship")(encoded.pooler_output)
        return outputs

    def _encoded(self, inputs: Mapping[str, Tensor]) -> Any:
        return self.model.get_submodule("bert")(**inputs, return_dict=True)

    @staticmethod
    def _positions(labels_BS: Tensor) -> Tensor:
        """Positions of the labelled tokens, (T,), row behind row.

        Computed before the encoder runs: their number is waited for, and on a GPU nothing else should be by then.
        """
        return (labels_BS != IGNORED).flatten().nonzero()[:, 0]

    def _targets(self, states_BSD: Tensor, labels_BS: Tensor, position_T: Tensor) -> tuple[Tensor, Tensor]:
        """States that predict a token (T, D), and the tokens (T,)."""
        states_TD = states_BSD.flatten(0, 1).index_select(0, position_T - self.offset)
        return states_TD, labels_BS.flatten().index_select(0, position_T)

    def _parts(self, rows_TD: Tensor, labels_T: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        n_rows = max(1, SCORES_AT_ONCE // self.model.config.vocab_size)
        yield from zip(torch.split(rows_TD, n_rows), torch.split(labels_T, n_rows), strict=True)

    def _scores(self, rows_TD: Tensor) -> Tensor:
        words_VD = self.model.get_submodule("bert.embeddings.word_embeddings").get_parameter("weight")
        scores_TV: Tensor = self.model.get_submodule("cls.predictions")(rows_TD, words_VD)
        return scores_TV.float()

    def _loss(self, rows_TD: Tensor, labels_T: Tensor) -> Tensor:
        """Sum of cross-entropies; where there is more than one part, its scores are computed again for the gradient."""

        def loss(rows_TD: Tensor) -> Tensor:
            return F.cross_entropy(self._scores(rows_TD), labels_T, reduction="sum")

        if torch.is_grad_enabled() and len(labels_T) * self.model.config.vocab_size > SCORES_AT_ONCE // 2:
            kept: Tensor = checkpoint(loss, rows_TD, use_reentrant=False)
            return kept
        return loss(rows_TD)


class NextToken(LanguageModelling):
    """Predict each labelled token but the first from the state of the token before it."""

    offset = 1

    @staticmethod
    def _positions(labels_BS: Tensor) -> Tensor:
        is_target_BS = labels_BS != IGNORED
        is_target_BS[:, 0] = False
        return is_target_BS.flatten().nonzero()[:, 0]


class LabelMatching(Objective):
    """Put a text nearer to its label than to other labels: cross-entropy over the cosines with each.

    A training input holds a text and its labels one behind the other, each between [CLS] and [SEP] of its own. A
    text is compared with its own labels alone, not with those of other texts of the batch, so that the loss does not
    depend on how a batch is split.
    """

    def forward(self, inputs: Mapping[str, Tensor], counts: Mapping[str, int], totals: Mapping[str, int]) -> Tensor:
        del counts
        ids_BPS, mask_BPS = _parts(inputs["input_ids"], inputs["parts"])
        texts_BD = self.model(ids_BPS[:, 0], mask_BPS[:, 0])
        is_label_BC = mask_BPS[:, 1:, 0] > 0
        labels_LD = self._embedded(ids_BPS[:, 1:][is_label_BC], mask_BPS[:, 1:][is_label_BC])
        text_of_L = is_label_BC.nonzero()[:, 0]
        logits_BC = texts_BD.new_full(is_label_BC.shape, -torch.inf)
        logits_BC[is_label_BC] = COSINE_SCALE * (texts_BD[text_of_L] * labels_LD).sum(dim=-1)
        loss: Tensor = F.cross_entropy(logits_BC, inputs["labels"], reduction="sum")
        return loss / max(1, totals["labels"])

    def _embedded(self, ids_LS: Tensor, mask_LS: Tensor) -> Tensor:
        """Embed labels, those of like length together: most have a word or two, some are sentences."""
        lengths_L = mask_LS.sum(dim=1)
        order_L = lengths_L.argsort()
        groups = [each for each in order_L.tensor_split(LABEL_GROUPS) if len(each)]
        longest = [int(lengths_L[each[-1]]) for each in groups]
        embedded = [self.model(ids_LS[each, :n], mask_LS[each, :n]) for each, n in zip(groups, longest, strict=True)]
        return torch.cat(embedded)[order_L.argsort()]

    def predict(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the `embedding` (B, D) of texts and of labels alike."""
        return {"embedding": cast(Any, self.model).embed(**inputs)}


@dataclass(frozen=True)
class Head:
    """What this framework has for a head: the class of the model, and the objective that trains it."""

    spec: HeadSpec
    model: type[PretrainedModel]
    objective_class: type[Objective] = Objective

    def objective(self, model: PretrainedModel) -> Objective:
        """The loss and the predictions of a model of this head's class."""
        return self.objective_class(model, self.spec)


HEADS = {
    "span": Head(SPECS["span"], BigBirdForQuestionAnswering),
    "token_labels": Head(SPECS["token_labels"], BigBirdForTokenClassification, Tagging),
    "document_labels": Head(SPECS["document_labels"], BigBirdForSequenceClassification),
    "choices": Head(SPECS["choices"], BigBirdForMultipleChoice),
    "masked_lm": Head(SPECS["masked_lm"], BigBirdForMaskedLM, LanguageModelling),
    "pretraining": Head(SPECS["pretraining"], BigBirdForPreTraining, LanguageModelling),
    "causal_lm": Head(SPECS["causal_lm"], BigBirdForCausalLM, NextToken),
    "embedding": Head(SPECS["embedding"], SentenceEncoder, LabelMatching),
    "embedding_labels": Head(SPECS["embedding_labels"], SentenceClassifier),
}
"""By the names of bigbird.heads, those that can be trained."""


def head_named(name: str) -> Head:
    """The head of a task.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in HEADS:
        raise UsageError(f"no head is called {name!r}", fix=f"use one of {', '.join(HEADS)}")
    return HEADS[name]


def _split(inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
    """Labels, next-sentence labels, and the encoder's inputs."""
    encoder = {name: value for name, value in inputs.items() if name not in ("labels", "next_sentence_label")}
    return inputs["labels"], inputs.get("next_sentence_label"), encoder


def _parts(ids_BS: Tensor, parts_BS: Tensor) -> tuple[Tensor, Tensor]:
    """Take inputs apart that hold P parts one behind the other: ids and mask (B, P, S), 0 on padding.

    Args:
        ids_BS: token ids.
        parts_BS: the number of each token's part, counted from 0; below 0 on padding.
    """
    n_parts = int(parts_BS.max()) + 1
    lengths_BP = F.one_hot(parts_BS.clamp(min=-1) + 1, n_parts + 1)[..., 1:].sum(dim=1)
    begins_BP = lengths_BP.cumsum(dim=1) - lengths_BP
    position_S = torch.arange(int(lengths_BP.max()), device=ids_BS.device)
    position_BPS = (begins_BP[..., None] + position_S).clamp(max=ids_BS.shape[1] - 1)
    mask_BPS = (position_S < lengths_BP[..., None]).long()
    ids_BPS = ids_BS[:, None].expand(-1, n_parts, -1).gather(2, position_BPS)
    return ids_BPS * mask_BPS, mask_BPS
