"""Models: what a document's result may depend on, and folders they come from and go to."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

import bigbird_cli as bb
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.pytorch.model.base import BigBirdModel
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

VOCABULARY, SEP = 100, 3
HEADS: list[type[PretrainedModel]] = [
    BigBirdForPreTraining,
    BigBirdForMaskedLM,
    BigBirdForCausalLM,
    BigBirdForSequenceClassification,
    BigBirdForMultipleChoice,
    BigBirdForTokenClassification,
    BigBirdForQuestionAnswering,
]
EVERY: list[type[PretrainedModel]] = [BigBirdModel, *HEADS]
LANGUAGE_MODELS: list[type[PretrainedModel]] = [BigBirdForPreTraining, BigBirdForMaskedLM, BigBirdForCausalLM]
ENCODERS_ONLY = [kind for kind in HEADS if kind not in (BigBirdForCausalLM, BigBirdForMaskedLM)]


def tiny_config(**changes: object) -> BigBirdConfig:
    settings: dict = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 256,
        "block_size": 4,
        "num_random_blocks": 1,
        "sep_token_id": SEP,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.3,
    }
    return BigBirdConfig(**{**settings, **changes})


def tiny_model(kind: type[PretrainedModel] = BigBirdModel, **changes: object) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(tiny_config(**changes)).eval()


def document(n_tokens: int, seed: int) -> Tensor:
    return torch.randint(5, VOCABULARY, (n_tokens,), generator=torch.Generator().manual_seed(seed))


def batch(documents: list[Tensor], width: int) -> tuple[Tensor, Tensor]:
    ids = torch.zeros(len(documents), width, dtype=torch.long)
    mask = torch.zeros(len(documents), width, dtype=torch.long)
    for row, tokens in enumerate(documents):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return ids, mask


def example(kind: type[PretrainedModel], n_tokens: int = 60) -> dict[str, Tensor]:
    """Make inputs of two documents, the second of them half as long, or of two questions with three choices each."""
    ids, mask = batch([document(n_tokens, seed=0), document(n_tokens // 2, seed=1)], n_tokens)
    if kind is BigBirdForMultipleChoice:
        ids, mask = (torch.stack([x, x.flip(0), x], dim=1) for x in (ids, mask))
    return {"input_ids": ids, "attention_mask": mask}


def losses(kind: type[PretrainedModel]) -> list[tuple[dict, dict[str, Tensor]]]:
    """List the losses of a class: settings, and labels for `example`."""
    ids, _ = batch([document(60, seed=0), document(30, seed=1)], 60)
    each, follows = torch.tensor([1, 0]), {"next_sentence_label": torch.tensor([1, 0])}
    found: dict[type[PretrainedModel], list[tuple[dict, dict[str, Tensor]]]] = {
        BigBirdForPreTraining: [({}, {"labels": ids}), ({}, follows), ({}, {"labels": ids, **follows})],
        BigBirdForMaskedLM: [({}, {"labels": ids})],
        BigBirdForCausalLM: [({}, {"labels": ids})],
        BigBirdForSequenceClassification: [
            ({"num_labels": 3}, {"labels": each}),
            ({"num_labels": 3}, {"labels": torch.ones(2, 3)}),
            ({"num_labels": 1}, {"labels": torch.tensor([0.5, -1.5])}),
        ],
        BigBirdForMultipleChoice: [({}, {"labels": each})],
        BigBirdForTokenClassification: [({"num_labels": 3}, {"labels": ids % 3})],
        BigBirdForQuestionAnswering: [({}, {"start_positions": each + 5, "end_positions": each + 7})],
    }
    return found[kind]


EVERY_LOSS = [
    pytest.param(kind, settings | tied, labels, id="-".join([kind.__name__, *labels, *map(str, (settings | tied))]))
    for kind in HEADS
    for settings, labels in losses(kind)
    for tied in ([{}, {"tie_word_embeddings": False}] if kind in LANGUAGE_MODELS else [{}])
]


@torch.no_grad()
def states(model: torch.nn.Module, documents: list[Tensor], width: int) -> list[Tensor]:
    ids, mask = batch(documents, width)
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return [hidden[row, : len(tokens)] for row, tokens in enumerate(documents)]


@pytest.mark.parametrize("attention_type", ["block_sparse", "original_full"])
def test_a_documents_states_do_not_depend_on_batch_mates_padding_or_order(attention_type: str) -> None:
    model = tiny_model(attention_type=attention_type)
    documents = [document(n, seed=n) for n in (1, 9, 28, 29, 32, 33, 61, 100, 101)]  # full up to 28 tokens
    alone = [states(model, [tokens], len(tokens))[0] for tokens in documents]
    for order in (list(range(9)), list(range(8, -1, -1)), [3, 7, 1]):
        for width in (101, 102, 128, 200):
            together = states(model, [documents[i] for i in order], width)
            for i, got in zip(order, together, strict=True):
                torch.testing.assert_close(got, alone[i], rtol=0, atol=1e-5)


def test_a_short_document_switches_nothing() -> None:
    model = tiny_model()
    long = document(100, seed=0)
    before = states(model, [long], 100)[0]
    states(model, [document(10, seed=1)], 10)
    torch.testing.assert_close(states(model, [long], 100)[0], before, rtol=0, atol=0)


def test_sparse_and_full_attention_differ_on_long_documents_only() -> None:
    sparse, full = tiny_model(), tiny_model(attention_type="original_full")
    for n_tokens, same in ((28, True), (29, False)):
        a, b = (states(model, [document(n_tokens, seed=0)], n_tokens)[0] for model in (sparse, full))
        assert torch.allclose(a, b, atol=1e-6) is same


def test_masked_positions_anywhere_are_never_read() -> None:
    model = tiny_model()
    ids = torch.stack([document(100, seed=0)] * 2)
    mask = torch.ones(2, 100)
    mask[:, 40:47] = 0
    ids[1, 40:47] = 99
    with torch.no_grad():
        hidden = model(ids, mask).last_hidden_state
    real = mask[0].bool()
    torch.testing.assert_close(hidden[0, real], hidden[1, real], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.int64, torch.float32, torch.bool])
def test_attention_mask_may_be_of_any_type(kind: torch.dtype) -> None:
    model = tiny_model()
    ids, mask = batch([document(50, seed=0), document(20, seed=1)], 50)
    with torch.no_grad():
        got, want = (model(ids, m).last_hidden_state for m in (mask.to(kind), mask))
    torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_gradient_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for checkpointing in (False, True):
        model = tiny_model(BigBirdForQuestionAnswering)
        if checkpointing:
            model.gradient_checkpointing_enable()
        ids, mask = batch([document(60, seed=0), document(20, seed=1)], 60)
        at = torch.tensor([7, 5])
        model(input_ids=ids, attention_mask=mask, start_positions=at, end_positions=at).loss.backward()
        gradients.append([weight.grad for weight in model.parameters()])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("kind", "settings", "labels"), EVERY_LOSS)
def test_every_parameter_gets_a_gradient_from_every_loss(
    kind: type[PretrainedModel], settings: dict, labels: dict
) -> None:
    model = tiny_model(kind, **settings).train()
    model(**example(kind), **labels).loss.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_a_pooler_that_no_score_needs_gets_a_gradient_too() -> None:
    model = BigBirdForQuestionAnswering(tiny_config(), add_pooling_layer=True)
    at = torch.tensor([6, 5])
    out = model(**example(BigBirdForQuestionAnswering), start_positions=at, end_positions=at)
    out.loss.backward()
    assert out.pooler_output.shape == (2, 16)
    pooler = model.bert.pooler
    assert pooler is not None
    assert pooler.bias.grad is not None
    assert torch.equal(pooler.bias.grad, torch.zeros(16))


@pytest.fixture(scope="module")
def process_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A group of this process alone."""
    meeting = tmp_path_factory.mktemp("group") / "meeting"
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize(("kind", "settings", "labels"), EVERY_LOSS)
@pytest.mark.usefixtures("process_group")
def test_every_class_trains_in_distributed_data_parallel(
    kind: type[PretrainedModel], settings: dict, labels: dict
) -> None:
    model = tiny_model(kind, **settings, hidden_dropout_prob=0.1).train()
    parallel = DistributedDataParallel(model)  # it does not look for unused parameters
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [weight.detach().clone() for weight in model.parameters()]
    for _ in range(2):  # a parameter without a gradient stops the second step
        optimiser.zero_grad()
        parallel(**example(kind), **labels).loss.backward()
        optimiser.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_building_and_running_leave_the_global_generators_alone() -> None:
    model = tiny_model()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    states(model, [document(100, seed=0)], 100)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == numpy_state


def test_padding_counts_in_no_loss() -> None:
    model = tiny_model(BigBirdForQuestionAnswering)
    tokens = document(40, seed=0)
    at = torch.tensor([11])
    losses = []
    for width in (40, 41, 64):
        ids, mask = batch([tokens], width)
        with torch.no_grad():
            losses.append(float(model(ids, mask, start_positions=at, end_positions=at).loss))
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-6)


def test_a_position_beyond_the_input_counts_in_no_loss_and_arguments_stay_as_they_were() -> None:
    model = tiny_model(BigBirdForQuestionAnswering)
    ids, mask = batch([document(20, seed=0), document(20, seed=1)], 20)
    start, end = torch.tensor([4, 999]), torch.tensor([5, 999])
    with torch.no_grad():
        both = model(ids, mask, start_positions=start, end_positions=end).loss
        first = model(ids[:1], mask[:1], start_positions=start[:1], end_positions=end[:1]).loss
    torch.testing.assert_close(both, first)
    assert start.tolist() == [4, 999]


def test_an_answer_stands_neither_in_the_question_nor_in_padding() -> None:
    model = tiny_model(BigBirdForQuestionAnswering)
    ids, mask = batch([document(30, seed=0)], 36)
    ids[0, 6] = SEP
    with torch.no_grad():
        out = model(ids, mask)
    for logits in (out.start_logits, out.end_logits):
        closed = logits[0] < -1e5
        assert closed.nonzero().flatten().tolist() == [*range(1, 7), *range(30, 36)]


def test_word_vectors_may_stand_in_for_ids() -> None:
    model = tiny_model(rescale_embeddings=True)
    ids, mask = batch([document(50, seed=0)], 50)
    with torch.no_grad():
        words = model.embeddings.word_embeddings(ids)
        got = model(inputs_embeds=words, attention_mask=mask).last_hidden_state
        want = model(ids, mask).last_hidden_state
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("inputs", [{}, {"input_ids": torch.ones(1, 4).long(), "inputs_embeds": torch.ones(1, 4, 16)}])
def test_ids_or_vectors_must_be_given_but_not_both(inputs: dict) -> None:
    for kind in (kind for kind in EVERY if kind is not BigBirdForMultipleChoice):
        with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
            tiny_model(kind)(**inputs)


def test_a_mask_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\[1, 3\], the input \[1, 4\]"):
        tiny_model()(torch.ones(1, 4).long(), torch.ones(1, 3))


def test_an_input_without_tokens_is_an_error() -> None:
    with pytest.raises(ValueError, match="the input has no tokens"):
        tiny_model()(torch.ones(2, 0).long())


def test_a_document_beyond_the_positions_is_an_error_that_gives_both_numbers() -> None:
    with pytest.raises(ModelError, match=r"257 tokens.* 256 positions"):
        tiny_model()(torch.ones(1, 257).long())


def test_outputs_by_name_position_and_tuple() -> None:
    model = tiny_model()
    ids, mask = batch([document(30, seed=0)], 30)
    with torch.no_grad():
        out = model(ids, mask, output_hidden_states=True)
        plain = model(ids, mask, return_dict=False)
    assert out["last_hidden_state"] is out.last_hidden_state is out[0]
    assert len(out.hidden_states) == 3
    assert {state.shape for state in out.hidden_states} == {(1, 30, 16)}
    torch.testing.assert_close(plain[1], out.pooler_output)
    assert len(plain) == 2
    assert "attentions" not in out


OUTPUTS = {
    BigBirdModel: "BaseModelOutputWithPoolingAndCrossAttentions",
    BigBirdForPreTraining: "BigBirdForPreTrainingOutput",
    BigBirdForMaskedLM: "MaskedLMOutput",
    BigBirdForCausalLM: "CausalLMOutputWithCrossAttentions",
    BigBirdForSequenceClassification: "SequenceClassifierOutput",
    BigBirdForMultipleChoice: "MultipleChoiceModelOutput",
    BigBirdForTokenClassification: "TokenClassifierOutput",
    BigBirdForQuestionAnswering: "BigBirdForQuestionAnsweringModelOutput",
}


@pytest.mark.parametrize("kind", list(OUTPUTS))
def test_each_class_returns_its_documented_output_with_states_and_weights(kind: type[PretrainedModel]) -> None:
    with torch.no_grad():
        out = tiny_model(kind)(**example(kind), output_hidden_states=True, output_attentions=True)
    assert type(out) is getattr(bb, OUTPUTS[kind])
    rows = 6 if kind is BigBirdForMultipleChoice else 2
    assert [state.shape for state in out.hidden_states] == [(rows, 60, 16)] * 3
    assert [weights.shape for weights in out.attentions] == [(rows, 2, 60, 60)] * 2


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("kind", EVERY)
def test_a_saved_model_opens_with_the_same_weights(kind: type[PretrainedModel], tied: bool, tmp_path: Path) -> None:
    model = tiny_model(kind, tie_word_embeddings=tied, num_labels=3)
    model.save_pretrained(tmp_path / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = kind.from_pretrained(tmp_path / "model")
    assert not again.training
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_a_base_folder_opens_in_a_head_class_and_the_reverse(tmp_path: Path) -> None:
    base, head = tiny_model(), tiny_model(BigBirdForQuestionAnswering)
    base.save_pretrained(tmp_path / "base")
    head.save_pretrained(tmp_path / "head")
    with pytest.warns(BigBirdWarning, match=r"new: qa_classifier.*; in the checkpoint and not used: .*pooler.weight"):
        opened: Any = BigBirdForQuestionAnswering.from_pretrained(tmp_path / "base")
    assert torch.equal(opened.bert.encoder.layer[1].output.dense.weight, base.encoder.layer[1].output.dense.weight)
    assert all(weight.isfinite().all() and not weight.is_meta for weight in opened.parameters())
    with pytest.warns(BigBirdWarning, match=r"new: pooler.weight, pooler.bias; in the checkpoint and not used: qa_cl"):
        opened = BigBirdModel.from_pretrained(tmp_path / "head")
    assert torch.equal(opened.embeddings.LayerNorm.weight, head.bert.embeddings.LayerNorm.weight)


def test_a_head_that_was_never_trained_can_be_refused(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "base")
    with pytest.raises(ModelError, match=r"lacks qa_classifier\..*never trained.*bigbird finetune"):
        BigBirdForQuestionAnswering.from_pretrained(tmp_path / "base", trained=True)


def test_a_missing_encoder_tensor_is_an_error_that_names_it(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "m")
    weights = load_file(tmp_path / "m/model.safetensors")
    del weights["encoder.layer.1.attention.self.key.weight"]
    save_file(weights, tmp_path / "m/model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"encoder\.layer\.1\.attention\.self\.key\.weight \(16, 16\) is missing"):
        BigBirdModel.from_pretrained(tmp_path / "m")


def test_a_tensor_of_another_shape_is_an_error_that_gives_both(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())
    (tmp_path / "m/config.json").write_text(json.dumps({**config, "vocab_size": 101}))
    with pytest.raises(
        ModelError, match=r"word_embeddings.weight has the shape \(100, 16\) where the config asks for \(101, 16"
    ):
        BigBirdModel.from_pretrained(tmp_path / "m")


def test_from_pretrained_changes_config_fields_and_pattern(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "m")
    model = BigBirdModel.from_pretrained(tmp_path / "m", pattern="transformers-eval", num_random_blocks=2)
    assert (model.config.pattern, model.config.num_random_blocks) == ("transformers-eval", 2)
    with pytest.raises(ModelError, match="block_sise"):
        BigBirdModel.from_pretrained(tmp_path / "m", block_sise=8)


def test_public_names_give_these_classes() -> None:
    assert [getattr(bb, kind.__name__) for kind in EVERY] == EVERY
    config = bb.BigBirdConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    out = bb.BigBirdModel(config)(torch.ones(1, 5).long())
    assert out.last_hidden_state.shape == (1, 5, 16)
    assert out.pooler_output.shape == (1, 16)


def test_an_argument_that_is_not_known_is_an_error() -> None:
    for kind in EVERY:
        ids = torch.ones((1, 1, 4) if kind is BigBirdForMultipleChoice else (1, 4)).long()
        with pytest.raises(TypeError, match="atention_mask"):
            tiny_model(kind)(ids, atention_mask=torch.zeros(1, 4))


@pytest.mark.parametrize("kind", ENCODERS_ONLY)
def test_a_head_that_needs_to_read_ahead_takes_no_decoder(kind: type[PretrainedModel]) -> None:
    with pytest.raises(ModelError, match="describes a decoder"):
        tiny_model(kind, is_decoder=True)


def test_a_masked_lm_of_a_decoder_is_built_with_a_warning() -> None:
    with pytest.warns(BigBirdWarning, match="what stands before it alone"):
        tiny_model(BigBirdForMaskedLM, is_decoder=True)


def test_a_causal_lm_reads_nothing_ahead_whatever_its_config_says() -> None:
    config = tiny_config()
    model = BigBirdForCausalLM(config).eval()
    assert (config.is_decoder, model.config.is_decoder) == (False, True)
    ids = document(100, seed=0)[None]
    with torch.no_grad():
        first = model(ids).logits
        ids[0, 70] = (ids[0, 70] + 1) % VOCABULARY
        second = model(ids).logits
    torch.testing.assert_close(second[:, :70], first[:, :70], rtol=0, atol=1e-6)
    assert not torch.allclose(second[:, 70], first[:, 70], atol=1e-3)


def test_a_causal_loss_with_a_cache_is_that_of_the_new_tokens() -> None:
    model = tiny_model(BigBirdForCausalLM)
    ids, mask = document(24, seed=0)[None], torch.ones(1, 24)
    mask[0, 20:] = 0
    with torch.no_grad():
        past = model(ids[:, :16], mask[:, :16]).past_key_values
        got = model(ids[:, 16:], mask, past_key_values=past, labels=ids[:, 16:]).loss
        labels = torch.where(torch.arange(24) > 16, ids, -100)
        want = model(ids, mask, labels=labels).loss
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_output_layers_are_the_word_embeddings_or_are_saved_under_every_name(kind: type[PretrainedModel]) -> None:
    decoder = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    tied, untied = tiny_model(kind), tiny_model(kind, tie_word_embeddings=False)
    assert not decoder & tied.to_tensors().keys()
    assert decoder <= untied.to_tensors().keys()
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters()) == VOCABULARY * 16


def test_an_output_layer_of_its_own_is_not_passed_over() -> None:
    model = tiny_model(BigBirdForMaskedLM)
    tensors = model.to_tensors()
    twin = tensors["bert.embeddings.word_embeddings.weight"].copy()
    model.load_tensors({**tensors, "cls.predictions.decoder.weight": twin}, where="-")
    with pytest.raises(
        ModelError, match=r"decoder\.weight differs from bert\.embeddings.*tie_word_embeddings to false"
    ):
        model.load_tensors({**tensors, "cls.predictions.decoder.weight": twin + 1}, where="-")


@pytest.mark.parametrize("missing", ["cls.predictions.bias", "cls.predictions.decoder.bias"])
def test_the_bias_of_an_output_layer_of_its_own_is_read_under_either_name(missing: str) -> None:
    model = tiny_model(BigBirdForMaskedLM, tie_word_embeddings=False)
    tensors = model.to_tensors()
    del tensors[missing]
    other = next(name for name in ("cls.predictions.bias", "cls.predictions.decoder.bias") if name in tensors)
    tensors[other] = np.arange(VOCABULARY, dtype=np.float32)
    model.load_tensors(tensors, where="-")
    assert model.cls.predictions.bias.tolist() == list(range(VOCABULARY))


def test_more_positions_repeat_those_of_the_checkpoint(tmp_path: Path) -> None:
    for kind in (BigBirdModel, BigBirdForTokenClassification):
        model = tiny_model(kind)
        model.save_pretrained(tmp_path / kind.__name__)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            longer = kind.from_pretrained(tmp_path / kind.__name__, max_position_embeddings=600)
        name = next(name for name in model.state_dict() if name.endswith("position_embeddings.weight"))
        old, new = model.state_dict()[name], longer.state_dict()[name]
        assert torch.equal(new, torch.cat([old, old, old[:88]]))
        assert longer(document(600, seed=0)[None])[0].shape[:2] == (1, 600)


def test_positions_are_extended_only_where_more_were_asked_for(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "m")
    with pytest.raises(
        ModelError, match=r"position_embeddings.weight has the shape \(256, 16\) where the config asks for \(128"
    ):
        BigBirdModel.from_pretrained(tmp_path / "m", max_position_embeddings=128)
    config = json.loads((tmp_path / "m/config.json").read_text())
    (tmp_path / "m/config.json").write_text(json.dumps({**config, "max_position_embeddings": 512}))
    more: list[dict[str, Any]] = [{}, {"max_position_embeddings": 1024}]
    for changes in more:
        with pytest.raises(ModelError, match=r"position_embeddings.weight has the shape \(256, 16\)"):
            BigBirdModel.from_pretrained(tmp_path / "m", **changes)


@pytest.mark.parametrize(
    ("kind", "renewed"),
    [
        (BigBirdForSequenceClassification, "classifier.out_proj"),
        (BigBirdForTokenClassification, "classifier"),
    ],
)
def test_another_number_of_labels_starts_their_layer_anew(
    kind: type[PretrainedModel], renewed: str, tmp_path: Path
) -> None:
    model = tiny_model(kind, num_labels=3)
    model.save_pretrained(tmp_path / "m")
    with pytest.warns(BigBirdWarning, match=rf": of other labels and new: {renewed}.weight, {renewed}.bias$"):
        opened = kind.from_pretrained(tmp_path / "m", num_labels=5)
    for name, value in opened.state_dict().items():
        if name.startswith(f"{renewed}."):
            assert len(value) == 5
        else:
            assert torch.equal(value, model.state_dict()[name])
    with pytest.raises(ModelError, match=r"lacks .*never trained"):
        kind.from_pretrained(tmp_path / "m", num_labels=5, trained=True)
    names = kind.from_pretrained(tmp_path / "m", id2label={0: "a", 1: "b", 2: "c"}).config.id2label
    assert names is not None
    assert names[2] == "c"


def test_a_classifier_that_fits_its_config_no_better_than_the_file_is_an_error(tmp_path: Path) -> None:
    tiny_model(BigBirdForTokenClassification, num_labels=3).save_pretrained(tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())
    del config["id2label"], config["label2id"]
    (tmp_path / "m/config.json").write_text(json.dumps(config))
    with pytest.raises(
        ModelError, match=r"classifier.weight has the shape \(3, 16\) where the config asks for \(2, 16\)"
    ):
        BigBirdForTokenClassification.from_pretrained(tmp_path / "m")


def test_the_loss_of_a_document_follows_its_labels_and_not_the_call_before() -> None:
    model = tiny_model(BigBirdForSequenceClassification, num_labels=3)
    inputs = example(BigBirdForSequenceClassification)
    several, one = torch.ones(2, 3), torch.tensor([2, 0])
    with torch.no_grad():
        first = [model(**inputs, labels=labels).loss.item() for labels in (several, one)]
        second = [model(**inputs, labels=labels).loss.item() for labels in (one, several)]
    assert first == second[::-1]
    assert model.config.problem_type is None


@pytest.mark.parametrize("kind", [*LANGUAGE_MODELS, BigBirdForTokenClassification])
def test_padding_and_its_labels_count_in_no_loss(kind: type[PretrainedModel]) -> None:
    model = tiny_model(kind, num_labels=VOCABULARY)
    tokens, found = document(40, seed=0), []
    for width, junk in ((40, 0), (41, 7), (64, 10**6)):
        ids, mask = batch([tokens], width)
        labels = torch.where(mask == 1, ids, junk)
        with torch.no_grad():
            found.append(float(model(ids, mask, labels=labels).loss))
    assert found == pytest.approx([found[0]] * 3, abs=1e-5)


def test_classifier_dropout_is_the_classifiers_alone() -> None:
    for kind in (BigBirdForSequenceClassification, BigBirdForTokenClassification, BigBirdForMultipleChoice):
        given, default = tiny_model(kind, classifier_dropout=0.4), tiny_model(kind, hidden_dropout_prob=0.3)
        assert given.classifier.dropout.p == 0.4
        assert given.bert.embeddings.dropout.p == 0.0
        assert default.classifier.dropout.p == 0.3


def test_choices_are_scored_each_by_itself() -> None:
    model = tiny_model(BigBirdForMultipleChoice)
    ids, mask = batch([document(n, seed=n) for n in (30, 40, 50, 33, 12, 60)], 60)
    with torch.no_grad():
        together = model(ids.view(2, 3, 60), mask.view(2, 3, 60)).logits
        alone = [model(ids[i].view(1, 1, 60), mask[i].view(1, 1, 60)).logits for i in range(6)]
    torch.testing.assert_close(together, torch.stack(alone).view(2, 3), rtol=0, atol=1e-5)


def test_a_choice_of_padding_alone_is_none() -> None:
    model = tiny_model(BigBirdForMultipleChoice)
    ids, mask = batch([document(30, seed=0), document(20, seed=1), document(9, seed=2), document(0, seed=3)], 30)
    labels = torch.tensor([1, 0])
    with torch.no_grad():
        out = model(ids.view(2, 2, 30), mask.view(2, 2, 30), labels=labels)
        want = model(ids[None, :2], mask[None, :2], labels=labels[:1]).loss / 2  # a sole choice is a sure one
    assert (out.logits < -1e5).tolist() == [[False, False], [False, True]]
    torch.testing.assert_close(out.loss, want)


def test_multiple_choice_without_a_dimension_of_choices_is_an_error() -> None:
    model = tiny_model(BigBirdForMultipleChoice)
    with pytest.raises(ValueError, match=r"input_ids has shape \[2, 9\]; multiple choice takes \(questions, choices"):
        model(torch.ones(2, 9).long())
    with pytest.raises(ValueError, match=r"inputs_embeds has shape \[2, 9, 16\]; multiple choice takes"):
        model(inputs_embeds=torch.ones(2, 9, 16))


def test_a_saved_config_names_the_class_that_opens_it(tmp_path: Path) -> None:
    tiny_model(BigBirdForQuestionAnswering).save_pretrained(tmp_path / "m")
    assert json.loads((tmp_path / "m/config.json").read_text())["architectures"] == ["BigBirdForQuestionAnswering"]


def test_an_unknown_activation_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(ModelError, match=r"gelu_nwe.*gelu_new"):
        tiny_model(hidden_act="gelu_nwe")
