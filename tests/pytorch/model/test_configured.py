"""What users of every model ask of it: sizes, types, another vocabulary, and a backward pass in less memory."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import bigbird_cli as bb
from bigbird_cli.errors import ModelError

HEADS = (
    "BigBirdModel",
    "BigBirdForPreTraining",
    "BigBirdForCausalLM",
    "BigBirdForMaskedLM",
    "BigBirdForSequenceClassification",
    "BigBirdForMultipleChoice",
    "BigBirdForTokenClassification",
    "BigBirdForQuestionAnswering",
)
LANGUAGE_MODELS = HEADS[1:4]
V, WIDTH = 40, 16


def build(kind: str = "BigBirdModel", **changes: object) -> Any:
    config = bb.BigBirdConfig(
        **{
            "vocab_size": V,
            "hidden_size": WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 128,
            "block_size": 4,
            "num_random_blocks": 1,
            **changes,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return getattr(bb, kind)(config).eval()


def some_ids(*shape: int, below: int = V) -> Tensor:
    return torch.randint(5, below, shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", HEADS)
def test_device_and_dtype_are_the_parameters(kind: str) -> None:
    model = build(kind)
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)
    assert model.to("meta", torch.bfloat16).device == torch.device("meta")
    assert model.dtype == torch.bfloat16


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_once_and_in_parts(tied: bool) -> None:
    model = build("BigBirdForMaskedLM", tie_word_embeddings=tied)
    n_all = sum(parameter.numel() for parameter in model.parameters())
    n_embeddings = (V + 128 + 2) * WIDTH
    assert model.num_parameters() == n_all
    assert model.num_parameters(exclude_embeddings=True) == n_all - n_embeddings
    model.base_model.requires_grad_(False)
    n_head = n_all - sum(parameter.numel() for parameter in model.bert.parameters())
    assert model.num_parameters(only_trainable=True) == n_head
    assert model.half().get_memory_footprint() == 2 * n_all


# another vocabulary


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("tied", [True, False])
def test_a_resized_vocabulary_keeps_what_the_old_tokens_mean(kind: str, tied: bool) -> None:
    model = build(kind, tie_word_embeddings=tied)
    ids = some_ids(2, 3, 9) if kind == "BigBirdForMultipleChoice" else some_ids(2, 9)
    with torch.no_grad():
        before = model(ids)[0]
        table = model.resize_token_embeddings(V + 5)
        after = model(ids)[0]
        model(ids + 5)  # the new tokens
    assert table is model.get_input_embeddings()
    assert (table.num_embeddings, model.config.vocab_size, model.base_model.config.vocab_size) == (V + 5,) * 3
    torch.testing.assert_close(after[..., :V], before)
    assert after.shape[-1] == before.shape[-1] + (5 if kind in LANGUAGE_MODELS else 0)
    assert table.weight.requires_grad


def test_a_vocabulary_can_shrink_and_be_rounded_up() -> None:
    model = build("BigBirdForMaskedLM", tie_word_embeddings=False)
    model.resize_token_embeddings(20)
    assert model(some_ids(1, 6, below=20)).logits.shape == (1, 6, 20)
    assert model.resize_token_embeddings(21, pad_to_multiple_of=16).num_embeddings == 32
    assert model.resize_token_embeddings(pad_to_multiple_of=64).num_embeddings == 64
    assert model.get_output_embeddings().weight.shape == (64, WIDTH)


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_new_rows_start_near_the_mean_or_like_a_new_models(kind: str) -> None:
    mean = build(kind).get_input_embeddings().weight.mean(0)
    near, new = build(kind), build(kind, initializer_range=0.5)
    near.cls.predictions.bias.data += 3
    torch.testing.assert_close(near.resize_token_embeddings(V + 2).weight[V:], mean.expand(2, WIDTH), atol=1e-4, rtol=0)
    assert near.cls.predictions.bias[V:].tolist() == pytest.approx([3, 3])
    rows = new.resize_token_embeddings(V + 500, mean_resizing=False).weight[V:]
    assert rows.std().item() == pytest.approx(0.5, rel=0.1)
    assert new.cls.predictions.bias[V:].abs().sum() == 0


def test_a_vocabulary_without_its_padding_token_is_an_error() -> None:
    model = build(pad_token_id=30)
    with pytest.raises(ModelError, match="pad_token_id is 30"):
        model.resize_token_embeddings(20)
    with pytest.raises(ModelError, match="vocab_size is 0"):
        model.resize_token_embeddings(0)
    assert model.config.vocab_size == V
    assert model.get_input_embeddings().num_embeddings == V


@pytest.mark.parametrize("tied", [True, False])
def test_a_resized_model_trains_and_is_saved(tied: bool, tmp_path: Path) -> None:
    model = build("BigBirdForMaskedLM", tie_word_embeddings=tied).train()
    model.resize_token_embeddings(V + 3)
    ids = torch.arange(V - 6, V + 3)[None]
    model(ids, labels=ids).loss.backward()
    assert model.get_input_embeddings().weight.grad[V:].abs().sum() > 0
    model.save_pretrained(tmp_path)
    again = bb.BigBirdForMaskedLM.from_pretrained(tmp_path)
    assert again.config.vocab_size == V + 3
    torch.testing.assert_close(again(ids).logits, model.eval()(ids).logits)


def test_output_embeddings_are_the_models_own_parameters() -> None:
    tied, own = build("BigBirdForCausalLM"), build("BigBirdForCausalLM", tie_word_embeddings=False)
    assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
    assert own.get_output_embeddings().weight is own.cls.predictions.decoder.weight
    assert own.get_output_embeddings().bias is own.cls.predictions.bias
    assert build("BigBirdModel").get_output_embeddings() is None
    hidden = torch.randn(1, 2, WIDTH)
    scores = tied.get_output_embeddings()(tied.cls.predictions.transform(hidden))
    torch.testing.assert_close(scores, tied.cls(hidden, tied.get_input_embeddings().weight))


@pytest.mark.parametrize("tied", [True, False])
def test_embeddings_can_be_exchanged(tied: bool) -> None:
    model = build("BigBirdForMaskedLM", tie_word_embeddings=tied)
    table = torch.nn.Embedding(V, WIDTH)
    model.set_input_embeddings(table)
    assert model.get_input_embeddings() is table
    assert (model.get_output_embeddings().weight is table.weight) is tied
    output = torch.nn.Linear(WIDTH, V)
    model.set_output_embeddings(output)
    assert model.get_output_embeddings().weight is output.weight
    assert (model.get_input_embeddings().weight is output.weight) is tied
    model.config.tie_word_embeddings = True
    model.tie_weights()
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    with pytest.raises(ModelError, match="BigBirdModel has no output embeddings"):
        build("BigBirdModel").set_output_embeddings(output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_ids": [[1, V]]}, r"input_ids hold 40, but the model's vocab_size is 40; .*resize_token_embeddings"),
        ({"input_ids": [[1, -1]]}, "input_ids hold -1"),
        ({"input_ids": [[1, 2]], "token_type_ids": [[0, 2]]}, "token_type_ids hold 2, but the model's type_vocab_size"),
        ({"input_ids": [[1, 2]], "position_ids": [[0, 128]]}, "position_ids hold 128, but the model's max_position"),
    ],
)
def test_an_id_out_of_range_is_named_with_the_size(arguments: dict[str, list], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build()(**{name: torch.tensor(ids) for name, ids in arguments.items()})


# a backward pass in less memory


def gradients(model: Any, seed: int) -> tuple[list[Tensor], int]:
    """The gradients of a step with dropout, and the bytes that the forward pass kept for them."""
    ids = some_ids(2, 100)
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        kept[x.data_ptr()] = x.numel() * x.element_size()
        return x

    torch.manual_seed(seed)
    model.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = model(ids, labels=ids).loss
    loss.backward()
    return [parameter.grad.clone() for parameter in model.parameters()], sum(kept.values())


@pytest.mark.parametrize("options", [None, {"use_reentrant": False}, {"use_reentrant": True}])
def test_checkpointing_gives_the_same_gradients_with_dropout_in_less_memory(options: dict | None) -> None:
    model = build("BigBirdForMaskedLM", sparse_attention_dropout_prob=0.1).train()
    want, n_bytes = gradients(model, seed=1)
    model.gradient_checkpointing_enable(options)
    assert model.is_gradient_checkpointing
    got, fewer = gradients(model, seed=1)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other)
    assert fewer < n_bytes / 2
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing
    assert gradients(model, seed=1)[1] == n_bytes
    others, _ = gradients(model, seed=2)
    assert not torch.allclose(others[0], want[0])  # dropout was on


def test_a_config_may_ask_for_checkpointing() -> None:
    assert build(gradient_checkpointing=True).is_gradient_checkpointing
    assert not build().is_gradient_checkpointing


def test_word_vectors_can_have_a_gradient_though_their_table_is_frozen() -> None:
    model = build("BigBirdForMaskedLM").requires_grad_(False)
    model.enable_input_require_grads()
    model.enable_input_require_grads()  # once more changes nothing
    assert model(some_ids(1, 6)).logits.requires_grad
    model.disable_input_require_grads()
    assert not model(some_ids(1, 6)).logits.requires_grad


# settings of a model that is there


@pytest.mark.parametrize("kind", HEADS)
def test_settings_of_calls_may_be_changed_on_the_models_config(kind: str) -> None:
    model = build(kind)
    model.config.output_hidden_states = True
    model.config.return_dict = False
    ids = some_ids(1, 2, 9) if kind == "BigBirdForMultipleChoice" else some_ids(1, 9)
    output = model(ids)
    assert isinstance(output, tuple)
    assert [len(part) for part in output if isinstance(part, tuple)] == [3]  # the states


def test_the_config_that_a_model_was_built_from_stays_as_it_was() -> None:
    config = build().config
    before = config.to_dict()
    model = bb.BigBirdForMaskedLM(config)
    model.config.output_attentions = True
    model.resize_token_embeddings(V + 1)
    assert config.to_dict() == before


# ways to write a model down


@pytest.mark.parametrize("attention_type", ["block_sparse", "original_full"])
def test_a_trace_is_refused_and_names_the_export(attention_type: str) -> None:
    model = build("BigBirdForMaskedLM", attention_type=attention_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated
        with pytest.raises(ModelError, match=r"torch\.export\.export"):
            torch.jit.trace(model, (some_ids(1, 60),), strict=False)
