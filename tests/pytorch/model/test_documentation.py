"""Every argument and every output field that Hugging Face's BigBird documentation (v4.44) names is there.

The table is the documentation's; an argument counts as there when a model takes it, a field when a model fills it.
"""

import contextlib
import inspect
import types
from dataclasses import fields
from typing import Any

import pytest
import torch
import transformers

import bigbird_cli as bb
from bigbird_cli.pytorch.model import outputs

FIRST = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "head_mask", "inputs_embeds")
LAST = ("output_attentions", "output_hidden_states", "return_dict")
ENCODER_STATES = ("encoder_hidden_states", "encoder_attention_mask")
CACHE = ("past_key_values", "use_cache")
STATES = ("hidden_states", "attentions")

ARGUMENTS = {
    "BigBirdModel": (*FIRST, *ENCODER_STATES, *CACHE, *LAST),
    "BigBirdForPreTraining": (*FIRST, "labels", "next_sentence_label", *LAST),
    "BigBirdForCausalLM": (*FIRST, *ENCODER_STATES, "past_key_values", "labels", "use_cache", *LAST),
    "BigBirdForMaskedLM": (*FIRST, *ENCODER_STATES, "labels", *LAST),
    "BigBirdForSequenceClassification": (*FIRST, "labels", *LAST),
    "BigBirdForMultipleChoice": (*FIRST, "labels", *LAST),
    "BigBirdForTokenClassification": (*FIRST, "labels", *LAST),
    "BigBirdForQuestionAnswering": (
        *FIRST[:2],
        "question_lengths",
        *FIRST[2:],
        "start_positions",
        "end_positions",
        *LAST,
    ),
}
INPUTS = {*FIRST[2:], *ENCODER_STATES, *CACHE, *LAST[:2], "global_attention_mask"}
OUTPUTS = {
    "BigBirdModel": (
        "BaseModelOutputWithPoolingAndCrossAttentions",
        ("last_hidden_state", "pooler_output", *STATES, "cross_attentions", "past_key_values"),
    ),
    "BigBirdForPreTraining": (
        "BigBirdForPreTrainingOutput",
        ("loss", "prediction_logits", "seq_relationship_logits", *STATES),
    ),
    "BigBirdForCausalLM": (
        "CausalLMOutputWithCrossAttentions",
        ("loss", "logits", *STATES, "cross_attentions", "past_key_values"),
    ),
    "BigBirdForMaskedLM": ("MaskedLMOutput", ("loss", "logits", *STATES)),
    "BigBirdForSequenceClassification": ("SequenceClassifierOutput", ("loss", "logits", *STATES)),
    "BigBirdForMultipleChoice": ("MultipleChoiceModelOutput", ("loss", "logits", *STATES)),
    "BigBirdForTokenClassification": ("TokenClassifierOutput", ("loss", "logits", *STATES)),
    "BigBirdForQuestionAnswering": (
        "BigBirdForQuestionAnsweringModelOutput",
        ("loss", "start_logits", "end_logits", "pooler_output", *STATES),
    ),
}
WITH_CHOSEN_POOLER = ("BigBirdModel", "BigBirdForQuestionAnswering")
B, S, PAST, ENCODED, WIDTH, HEADS, LAYERS, VOCABULARY = 2, 12, 5, 7, 16, 2, 2, 80


def build(kind: str, **changes: Any) -> torch.nn.Module:
    """A tiny model; a decoder that reads an encoder's states, where the documentation gives it such."""
    is_decoder = "encoder_hidden_states" in ARGUMENTS[kind]
    config = bb.BigBirdConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=32,
        max_position_embeddings=64,
        **{"is_decoder": is_decoder, "add_cross_attention": is_decoder, **changes},
    )
    pooler = {"add_pooling_layer": True} if kind in WITH_CHOSEN_POOLER else {}
    expected: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if kind == "BigBirdForMaskedLM" and config.is_decoder:
        expected = pytest.warns(bb.BigBirdWarning, match="is_decoder")
    with expected:
        return getattr(bb, kind)(config, **pooler).eval()


def arguments_of(kind: str) -> dict[str, Any]:
    """A value for every documented argument."""
    draws = torch.Generator().manual_seed(0)
    n_past = PAST if "past_key_values" in ARGUMENTS[kind] else 0
    shape = (B, 3, S) if kind == "BigBirdForMultipleChoice" else (B, S)
    ids = torch.randint(5, 60, shape, generator=draws)
    mask = torch.ones(*shape[:-1], n_past + S)
    mask[-1, ..., -3:] = 0
    kept = torch.randn(2, B, HEADS, PAST, WIDTH // HEADS, generator=draws)
    crossed = torch.randn(2, B, HEADS, ENCODED, WIDTH // HEADS, generator=draws)
    per_token = kind in ("BigBirdForPreTraining", "BigBirdForCausalLM", "BigBirdForMaskedLM")
    values = {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": ids % 2,
        "position_ids": (torch.arange(S) + 20).expand(shape),
        "head_mask": torch.tensor([[1.0, 0.0], [0.5, 1.0]]),
        "inputs_embeds": torch.randn(*shape, WIDTH, generator=draws),
        "output_attentions": True,
        "output_hidden_states": True,
        "return_dict": True,
        "encoder_hidden_states": torch.randn(B, ENCODED, WIDTH, generator=draws),
        "encoder_attention_mask": torch.ones(B, ENCODED),
        "past_key_values": ((*kept, *crossed),) * LAYERS,
        "use_cache": True,
        "labels": ids if per_token else ids % 2 if kind == "BigBirdForTokenClassification" else torch.tensor([1, 0]),
        "next_sentence_label": torch.tensor([1, 0]),
        "question_lengths": torch.tensor([[3], [4]]),
        "start_positions": torch.tensor([5, 0]),
        "end_positions": torch.tensor([6, 0]),
    }
    return {name: values[name] for name in ARGUMENTS[kind]}


@pytest.mark.parametrize("words", ["input_ids", "inputs_embeds"])
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_documented_argument_is_taken_and_every_documented_field_filled(kind: str, words: str) -> None:
    given = arguments_of(kind)
    del given["inputs_embeds" if words == "input_ids" else "input_ids"]
    with torch.no_grad():
        output = build(kind)(**given)
    name, documented = OUTPUTS[kind]
    assert type(output) is getattr(outputs, name)
    assert {field.name for field in fields(output)} == set(documented)
    assert [field for field in documented if getattr(output, field) is None] == []


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_documented_argument_changes_what_is_returned(kind: str) -> None:
    model, given = build(kind), arguments_of(kind)
    del given["inputs_embeds"]
    # an encoder's states give way to those that a cache holds already; a cache changes no output but itself
    without_effect = {"input_ids", "return_dict", "use_cache", *ENCODER_STATES}
    if "past_key_values" in given:
        without_effect.add("attention_mask")  # it has columns for the cache

    def numbers(**arguments: Any) -> list[torch.Tensor]:
        with torch.no_grad():
            output = model(**arguments)
        flat: list[torch.Tensor] = []
        for part in output.to_tuple():
            flat += [part] if isinstance(part, torch.Tensor) else [tensor for layer in part for tensor in layer]
        return flat

    whole = numbers(**given)
    for name in given.keys() - without_effect:
        rest = {key: value for key, value in given.items() if key != name}
        if name == "past_key_values":
            rest["attention_mask"] = given["attention_mask"][:, PAST:]
        fewer = numbers(**rest)
        same = len(fewer) == len(whole) and all(map(torch.equal, fewer, whole))
        assert not same, name


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_signature_shows_the_documented_arguments_in_their_order(kind: str) -> None:
    parameters = inspect.signature(getattr(bb, kind).forward).parameters.values()
    assert tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD) == ("self", *ARGUMENTS[kind])
    assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} == INPUTS - set(ARGUMENTS[kind])
    assert {p.default for p in parameters} == {None, inspect.Parameter.empty}  # of self alone


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_signature_says_what_is_returned(kind: str) -> None:
    model, ids = build(kind), arguments_of(kind)["input_ids"]
    with torch.no_grad():
        assert type(model(ids)) is inspect.signature(model.forward).return_annotation
        assert type(model(ids, return_dict=False)) is tuple


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_mean_the_same_by_position_and_by_name(kind: str) -> None:
    model, given = build(kind), {**arguments_of(kind), "inputs_embeds": None}
    with torch.no_grad():
        by_name, by_position = model(**given), model(*given.values())
    assert list(by_position) == list(by_name)
    assert torch.equal(by_position[0], by_name[0])


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_an_argument_that_is_unknown_or_given_twice_is_an_error(kind: str) -> None:
    model, ids = build(kind), arguments_of(kind)["input_ids"]
    with pytest.raises(TypeError, match=r"no argument 'atention_mask'; did you mean 'attention_mask'\?"):
        model(ids, atention_mask=None)
    with pytest.raises(TypeError, match="'input_ids' twice"):
        model(ids, input_ids=ids)
    with pytest.raises(TypeError, match=f"takes {len(ARGUMENTS[kind])} arguments"):
        model(ids, *[None] * len(ARGUMENTS[kind]))


def test_the_trainer_of_transformers_keeps_every_documented_column() -> None:
    model = build("BigBirdForQuestionAnswering")
    trainer: Any = types.SimpleNamespace(model=model, _signature_columns=None, label_names=["start_positions"])
    transformers.Trainer._set_signature_columns_if_needed(trainer)
    assert {"token_type_ids", "question_lengths", "end_positions"} <= set(trainer._signature_columns)
    assert "inputs" not in trainer._signature_columns


@pytest.mark.parametrize("kind", WITH_CHOSEN_POOLER)
def test_the_pooler_can_be_left_out(kind: str) -> None:
    config = bb.BigBirdConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, num_attention_heads=HEADS, num_hidden_layers=1)
    model = getattr(bb, kind)(config, add_pooling_layer=False)
    assert not [name for name in model.state_dict() if "pooler" in name]


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_what_is_returned_follows_the_config_where_a_call_does_not_say(kind: str) -> None:
    given = arguments_of(kind)
    for name in ("inputs_embeds", "output_attentions", "output_hidden_states", "return_dict"):
        del given[name]
    model = build(kind, extra={"output_attentions": True, "output_hidden_states": True})
    with torch.no_grad():
        output = model(**given)
    assert output.attentions is not None
    assert output.hidden_states is not None
