"""The table of parameter names is the one of transformers, and reaches every tensor of a BERT."""

import logging
from typing import Any

import pytest
import torch
import transformers

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import BERT_TO_BIGBIRD, TIED, expand, expected_names

TINY: dict[str, Any] = {
    "vocab_size": 90,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "type_vocab_size": 3,
}
CLASSES = {
    "none": transformers.BigBirdModel,
    "pretraining": transformers.BigBirdForPreTraining,
    "causal_lm": transformers.BigBirdForCausalLM,
    "masked_lm": transformers.BigBirdForMaskedLM,
    "document_labels": transformers.BigBirdForSequenceClassification,
    "choices": transformers.BigBirdForMultipleChoice,
    "token_labels": transformers.BigBirdForTokenClassification,
    "span": transformers.BigBirdForQuestionAnswering,
}


@pytest.fixture(autouse=True)
def _quiet_transformers() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)


def state_shapes(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    "changes",
    [{}, {"use_bias": False}, {"is_decoder": True, "add_cross_attention": True, "use_bias": False}, {"num_labels": 5}],
    ids=str,
)
@pytest.mark.parametrize("head", CLASSES)
def test_names_shapes_and_their_order_are_those_of_transformers(head: str, changes: dict) -> None:
    theirs = CLASSES[head](transformers.BigBirdConfig(**TINY, **changes, attention_type="original_full"))
    ours = expected_names(BigBirdConfig(**TINY, **changes), head)
    assert list(ours.items()) == list(state_shapes(theirs).items())


def test_tied_names_share_their_storage_in_transformers() -> None:
    model = transformers.BigBirdForMaskedLM(transformers.BigBirdConfig(**TINY, attention_type="original_full"))
    state = model.state_dict()
    assert TIED.keys() | TIED.values() <= state.keys()
    for name, twin in TIED.items():
        assert state[name].data_ptr() == state[twin].data_ptr()


def test_unknown_head_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown head 'tail'; there are none, pretraining"):
        expected_names(BigBirdConfig(**TINY), "tail")


def test_bert_table_names_every_tensor_of_a_bert_and_every_one_of_a_bigbird() -> None:
    bert = transformers.BertModel(transformers.BertConfig(**TINY))
    table = expand(BERT_TO_BIGBIRD, TINY["num_hidden_layers"])
    wanted = expected_names(BigBirdConfig(**TINY), "none")
    assert {table[name]: shape for name, shape in state_shapes(bert).items()} == wanted


def test_bert_table_knows_the_older_spelling_of_layer_norms() -> None:
    table = expand(BERT_TO_BIGBIRD, 2)
    assert table["encoder.layer.1.output.LayerNorm.gamma"] == "encoder.layer.1.output.LayerNorm.weight"
    assert table["embeddings.LayerNorm.beta"] == "embeddings.LayerNorm.bias"
    assert not [name for name in table if "gamma" in name and "LayerNorm" not in name]
