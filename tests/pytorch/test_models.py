"""Models: what a document's result may depend on, and folders they come from and go to."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

import bigbird_cli as bb
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.pytorch.model import BigBirdModel
from bigbird_cli.pytorch.models import BigBirdForMaskedLM, BigBirdForQuestionAnswering

VOCABULARY, SEP = 100, 3


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


def tiny_model(kind: type = BigBirdModel, **changes: object) -> torch.nn.Module:
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


@pytest.mark.parametrize("kind", [BigBirdForQuestionAnswering, BigBirdForMaskedLM])
def test_every_parameter_gets_a_gradient(kind: type) -> None:
    model = tiny_model(kind)
    ids, mask = batch([document(60, seed=0)], 60)
    at = torch.tensor([3])
    labels = {"labels": ids} if kind is BigBirdForMaskedLM else {"start_positions": at, "end_positions": at}
    model(input_ids=ids, attention_mask=mask, **labels).loss.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_building_and_running_leave_the_global_generators_alone() -> None:
    model = tiny_model()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].tolist()
    states(model, [document(100, seed=0)], 100)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.random.get_state()[1].tolist() == numpy_state


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
    for kind in (BigBirdModel, BigBirdForQuestionAnswering):
        with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
            tiny_model(kind)(**inputs)


def test_a_mask_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\[1, 3\], the input \[1, 4\]"):
        tiny_model()(torch.ones(1, 4).long(), torch.ones(1, 3))


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


@pytest.mark.parametrize("kind", [BigBirdModel, BigBirdForQuestionAnswering, BigBirdForMaskedLM])
def test_a_saved_model_opens_with_the_same_weights(kind: type, tmp_path: Path) -> None:
    model = tiny_model(kind)
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
        opened = BigBirdForQuestionAnswering.from_pretrained(tmp_path / "base")
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
    with pytest.raises(ModelError, match=r"lacks encoder\.layer\.1\.attention\.self\.key\.weight"):
        BigBirdModel.from_pretrained(tmp_path / "m")


def test_a_tensor_of_another_shape_is_an_error_that_gives_both(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())
    (tmp_path / "m/config.json").write_text(json.dumps({**config, "vocab_size": 101}))
    with pytest.raises(
        ModelError, match=r"word_embeddings.weight has shape \[100, 16\], the config asks for \[101, 16"
    ):
        BigBirdModel.from_pretrained(tmp_path / "m")


def test_from_pretrained_changes_config_fields_and_pattern(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "m")
    model = BigBirdModel.from_pretrained(tmp_path / "m", pattern="transformers-eval", num_random_blocks=2)
    assert (model.config.pattern, model.config.num_random_blocks) == ("transformers-eval", 2)
    with pytest.raises(ModelError, match="block_sise"):
        BigBirdModel.from_pretrained(tmp_path / "m", block_sise=8)


def test_public_names_give_these_classes() -> None:
    assert bb.BigBirdModel is BigBirdModel
    config = bb.BigBirdConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    out = bb.BigBirdModel(config)(torch.ones(1, 5).long())
    assert out.last_hidden_state.shape == (1, 5, 16)
    assert out.pooler_output.shape == (1, 16)


def test_an_argument_that_is_not_known_is_an_error() -> None:
    ids = torch.ones(1, 4).long()
    for kind in (BigBirdModel, BigBirdForQuestionAnswering, BigBirdForMaskedLM):
        with pytest.raises(TypeError, match="atention_mask"):
            tiny_model(kind)(ids, atention_mask=torch.zeros(1, 4))


def test_a_decoder_is_not_read_as_an_encoder() -> None:
    with pytest.raises(ModelError, match="describes a decoder"):
        tiny_model(is_decoder=True)


def test_an_output_layer_of_its_own_is_not_passed_over() -> None:
    model = tiny_model(BigBirdForMaskedLM)
    tensors = model.to_tensors()
    twin = tensors["bert.embeddings.word_embeddings.weight"].copy()
    model.load_tensors({**tensors, "cls.predictions.decoder.weight": twin}, where="-")
    with pytest.raises(ModelError, match=r"decoder\.weight differs from bert\.embeddings\.word_embeddings\.weight"):
        model.load_tensors({**tensors, "cls.predictions.decoder.weight": twin + 1}, where="-")


def test_a_saved_config_names_the_class_that_opens_it(tmp_path: Path) -> None:
    tiny_model(BigBirdForQuestionAnswering).save_pretrained(tmp_path / "m")
    assert json.loads((tmp_path / "m/config.json").read_text())["architectures"] == ["BigBirdForQuestionAnswering"]


def test_an_unknown_activation_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(ModelError, match=r"gelu_nwe.*gelu_new"):
        tiny_model(hidden_act="gelu_nwe")
