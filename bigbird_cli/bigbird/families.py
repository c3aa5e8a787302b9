"""Kinds of encoders that a BigBird can be made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Family:
    """Encoders that share a layout.

    Attributes:
        title: what a reader knows them by.
        prefix: what stands before the encoder's names in the folder of a model with a head.
        defaults: settings that its config.json may leave out, where they differ from BigBird's.
        is_roberta: its vocabulary has RoBERTa's special tokens, and its first token has the position after the padding
            token's id: the rows up to there are no positions.
    """

    title: str
    prefix: str
    defaults: Mapping[str, Any]
    is_roberta: bool = False


_BERT_DEFAULTS: Final = {"vocab_size": 30522, "hidden_act": "gelu", "max_position_embeddings": 512}
_ROBERTA_DEFAULTS: Final = {**_BERT_DEFAULTS, "pad_token_id": 1}
_ELECTRA_DEFAULTS: Final = {
    **_BERT_DEFAULTS,
    "hidden_size": 256,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "embedding_size": 128,
}

FAMILIES: Final = {
    "bert": Family("BERT", "bert.", _BERT_DEFAULTS),
    "electra": Family("ELECTRA", "electra.", _ELECTRA_DEFAULTS),
    "roberta": Family("RoBERTa", "roberta.", {**_ROBERTA_DEFAULTS, "vocab_size": 50265}, True),
    "camembert": Family("CamemBERT", "roberta.", _ROBERTA_DEFAULTS, True),
    "xlm-roberta": Family("XLM-RoBERTa", "roberta.", _ROBERTA_DEFAULTS, True),
}
"""By the model_type of config.json. Defaults are those of transformers 5.23."""
