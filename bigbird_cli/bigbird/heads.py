"""The heads of a BigBird: one table for conversion, training, prediction and the formats of weights.

A head is named by what it predicts, not by a task: several tasks may use the same head.

Shape letters: V vocabulary, D width, F feed-forward width, L labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

IGNORED: Final = -100
"""The label of a token or an input that counts in no loss."""


@dataclass(frozen=True)
class HeadSpec:
    """What stands on an encoder, whatever the framework.

    Attributes:
        class_name: the class of the model, as config.json's `architectures` names it.
        parameters: name -> shape of each of the head's own parameters, tied ones too, in Hugging Face's order.
        token_outputs: what prediction gives with one row a token.
        outputs: what prediction gives once an input.
        has_token_labels: an array among its labels has one value a token.
        predicts_from_labels: prediction takes labels too: its outputs say how well they were met.
        has_pooler: Hugging Face's class has a pooler, which its files hold.
        uses_pooler: the head takes what the pooler gives, and cannot do without.
        reads_choices: an input has several rows, the choices of one question.
    """

    class_name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    token_outputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    has_token_labels: bool = False
    predicts_from_labels: bool = False
    has_pooler: bool = True
    uses_pooler: bool = False
    reads_choices: bool = False

    @property
    def label_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that have a row a label."""
        return tuple(name for name, shape in self.parameters.items() if shape.startswith("L"))


_SPAN: Final = {
    "qa_classifier.intermediate.dense.weight": "FD",
    "qa_classifier.intermediate.dense.bias": "F",
    "qa_classifier.output.dense.weight": "DF",
    "qa_classifier.output.dense.bias": "D",
    "qa_classifier.output.LayerNorm.weight": "D",
    "qa_classifier.output.LayerNorm.bias": "D",
    "qa_classifier.qa_outputs.weight": "2D",
    "qa_classifier.qa_outputs.bias": "2",
}
_LANGUAGE_MODEL: Final = {
    "cls.predictions.bias": "V",
    "cls.predictions.transform.dense.weight": "DD",
    "cls.predictions.transform.dense.bias": "D",
    "cls.predictions.transform.LayerNorm.weight": "D",
    "cls.predictions.transform.LayerNorm.bias": "D",
    "cls.predictions.decoder.weight": "VD",
    "cls.predictions.decoder.bias": "V",
}
NEXT_SENTENCE: Final = {"cls.seq_relationship.weight": "2D", "cls.seq_relationship.bias": "2"}
"""What a pretraining head has and a masked-LM head has not."""

_DOCUMENT_LABELS: Final = {
    "classifier.dense.weight": "DD",
    "classifier.dense.bias": "D",
    "classifier.out_proj.weight": "LD",
    "classifier.out_proj.bias": "L",
}

HEADS: Final[Mapping[str, HeadSpec]] = {
    "none": HeadSpec("BigBirdModel", uses_pooler=True),
    "pretraining": HeadSpec(
        "BigBirdForPreTraining",
        _LANGUAGE_MODEL | NEXT_SENTENCE,
        token_outputs=("nll", "correct"),
        outputs=("relation_logits",),
        has_token_labels=True,
        predicts_from_labels=True,
        uses_pooler=True,
    ),
    "causal_lm": HeadSpec(
        "BigBirdForCausalLM",
        _LANGUAGE_MODEL,
        token_outputs=("nll", "correct"),
        has_token_labels=True,
        predicts_from_labels=True,
    ),
    "masked_lm": HeadSpec(
        "BigBirdForMaskedLM",
        _LANGUAGE_MODEL,
        token_outputs=("nll", "correct"),
        has_token_labels=True,
        predicts_from_labels=True,
    ),
    "document_labels": HeadSpec("BigBirdForSequenceClassification", _DOCUMENT_LABELS, outputs=("logits",)),
    "choices": HeadSpec(
        "BigBirdForMultipleChoice",
        {"classifier.weight": "1D", "classifier.bias": "1"},
        outputs=("logits",),
        uses_pooler=True,
        reads_choices=True,
    ),
    "token_labels": HeadSpec(
        "BigBirdForTokenClassification",
        {"classifier.weight": "LD", "classifier.bias": "L"},
        token_outputs=("logits",),
        has_token_labels=True,
    ),
    "span": HeadSpec(
        "BigBirdForQuestionAnswering",
        _SPAN,
        token_outputs=("start_logits", "end_logits"),
        has_token_labels=True,
        has_pooler=False,
    ),
    "embedding": HeadSpec("SentenceEncoder", outputs=("embedding",), has_token_labels=True),
    "embedding_labels": HeadSpec(
        "SentenceClassifier", {"linear.weight": "LD", "linear.bias": "L"}, outputs=("logits",)
    ),
}
"""`none` is the bare encoder, as BigBirdModel; the classes of `embedding` and `embedding_labels` are ours alone.
Hugging Face gives a pooler to heads that do not use it; our models with those heads have none."""


def head_of_class(class_name: str | None) -> str | None:
    """The name of the head that a class has; None for a class that is not ours."""
    return next((name for name, spec in HEADS.items() if spec.class_name == class_name), None)
