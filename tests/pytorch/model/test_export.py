"""torch.export and torch.func take every model: what they make of it computes what the model computes.

Blocks of 4 tokens: documents up to 44 run dense attention, longer ones block-sparse attention.
"""

import io
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.export import Dim
from torch.func import functional_call, grad, stack_module_state, vmap

import bigbird_cli as bb
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.model import chunking
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.model.sentences import SentenceClassifier, SentenceEncoder

KINDS = (
    "BigBirdModel",
    "BigBirdForPreTraining",
    "BigBirdForCausalLM",
    "BigBirdForMaskedLM",
    "BigBirdForSequenceClassification",
    "BigBirdForMultipleChoice",
    "BigBirdForTokenClassification",
    "BigBirdForQuestionAnswering",
)
S = 70
LENGTHS = (70, 45, 44, 61, 7)


def build(kind: str, **changes: Any) -> PretrainedModel:
    config = bb.BigBirdConfig(
        **{
            "vocab_size": 40,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 128,
            "block_size": 4,
            "initializer_range": 0.3,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            **changes,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: PretrainedModel = getattr(bb, kind)(config)
    return model.eval()


def batch(kind: str = "BigBirdModel", n_tokens: int = S) -> tuple[Tensor, Tensor]:
    """Ids and mask of five documents, of as many questions of one choice."""
    ids = torch.randint(5, 40, (len(LENGTHS), n_tokens), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(n_tokens) < torch.tensor(LENGTHS)[:, None]
    return (ids[:, None], mask[:, None]) if kind == "BigBirdForMultipleChoice" else (ids, mask)


def export(model: PretrainedModel, *inputs: Tensor, **shapes: Any) -> torch.export.ExportedProgram:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own
        return torch.export.export(model, inputs, **shapes)


def assert_same(got: Any, want: Any, mask: Tensor | None, *, atol: float = 1e-5) -> None:
    """Compare two outputs at the documents' tokens."""
    assert type(got) is type(want)
    assert list(got) == list(want)
    for name, x in want.items():
        if not isinstance(x, Tensor):
            continue
        real = ... if mask is None or x.shape[:2] != mask.shape else mask
        torch.testing.assert_close(got[name][real], x[real], rtol=0, atol=atol)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_every_model_is_exported_with_a_mask_for_batches_and_documents_of_any_size(kind: str) -> None:
    model, (ids, mask) = build(kind, num_hidden_layers=1), batch(kind)
    rows = {0: Dim("rows", min=1)}
    program = export(model, ids, mask, dynamic_shapes={"input_ids": rows, "attention_mask": rows}).module()
    for n_rows in (5, 2, 1):
        got, want = program(ids[:n_rows], mask[:n_rows]), model(ids[:n_rows], mask[:n_rows])
        assert_same(got, want, mask[:n_rows])
    other = mask.flip(0)
    assert_same(program(ids, other), model(ids, other), other)


@pytest.mark.parametrize("kind", [SentenceEncoder, SentenceClassifier])
@torch.no_grad()
def test_encoders_of_sentences_are_exported_too(kind: type[PretrainedModel]) -> None:
    model, (ids, mask) = kind(build("BigBirdModel", num_hidden_layers=1).config).eval(), batch()
    rows = {0: Dim("rows", min=1)}
    program = export(model, ids, mask, dynamic_shapes={"input_ids": rows, "attention_mask": rows}).module()
    got, want = (call(ids[:2], mask.flip(0)[:2]) for call in (program, model))
    if isinstance(want, Tensor):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-5)
    else:
        assert_same(got, want, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_type": "original_full"},
        {"pattern": "transformers-eval"},
        {"num_random_blocks": 1, "num_window_blocks": 5},
    ],
    ids=str,
)
@torch.no_grad()
def test_what_a_config_says_of_attention_is_exported(changes: dict[str, Any]) -> None:
    model, (ids, mask) = build("BigBirdForMaskedLM", **changes), batch()
    assert_same(export(model, ids, mask).module()(ids, mask), model(ids, mask), mask)


@pytest.mark.parametrize("n_tokens", [44, 71])
@torch.no_grad()
def test_a_batch_of_any_length_is_exported_without_a_mask(n_tokens: int) -> None:
    model, (ids, _) = build("BigBirdForMaskedLM"), batch(n_tokens=n_tokens)
    program = export(model, ids, dynamic_shapes={"input_ids": {0: Dim("rows", min=1)}}).module()
    assert_same(program(ids[:2]), model(ids[:2]), None)


@torch.no_grad()
def test_a_program_is_not_chunked_for_this_machines_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (ids, mask) = build("BigBirdModel", num_hidden_layers=1), batch()
    n_nodes = [len(export(model, ids, mask).graph.nodes)]
    monkeypatch.setattr(chunking, "CHUNK_TOKENS", 8)
    n_nodes.append(len(export(model, ids, mask).graph.nodes))
    assert n_nodes[0] == n_nodes[1]


@torch.no_grad()
def test_states_and_cache_are_exported_and_a_decoder_goes_on_from_them() -> None:
    model, (ids, mask) = build("BigBirdForCausalLM"), batch()
    got, want = export(model, ids, mask).module()(ids, mask), model(ids, mask)
    rest = ids[:, :3]
    after = torch.cat((mask, torch.ones(5, 3, dtype=torch.bool)), dim=1)
    next_got, next_want = (model(rest, after, past_key_values=output.past_key_values) for output in (got, want))
    torch.testing.assert_close(next_got.logits, next_want.logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_an_exported_program_is_saved_and_loaded() -> None:
    model, (ids, mask) = build("BigBirdForCausalLM", num_hidden_layers=1), batch()
    file = io.BytesIO()
    torch.export.save(export(model, ids, mask), file)
    file.seek(0)
    assert_same(torch.export.load(file).module()(ids, mask), model(ids, mask), mask)


@pytest.mark.parametrize("asked", [{"output_attentions": True}, {"global_attention_mask": torch.ones(5, S)}], ids=str)
def test_what_has_no_fixed_shape_is_refused(asked: dict[str, Any]) -> None:
    model, (ids, mask) = build("BigBirdModel"), batch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ModelError, match=r"torch\.export and torch\.func can take neither"):
            torch.export.export(model, (ids, mask), asked)


@torch.no_grad()
def test_attention_weights_are_exported_without_a_mask() -> None:
    model, (ids, _) = build("BigBirdModel"), batch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, (ids,), {"output_attentions": True}).module()
    got, want = program(ids, output_attentions=True), model(ids, output_attentions=True)
    torch.testing.assert_close(got.attentions[1], want.attentions[1], rtol=0, atol=1e-6)


# torch.func

by_vmap = pytest.mark.filterwarnings("ignore:There is a performance drop because")  # of torch's own attention


def labelled(kind: str) -> dict[str, Tensor]:
    """A batch with its labels, by the names of the model's arguments."""
    ids, mask = batch(kind)
    numbers = torch.tensor([0, 1, 1, 0, 1])
    labels = {
        "BigBirdForPreTraining": {"labels": ids, "next_sentence_label": numbers},
        "BigBirdForSequenceClassification": {"labels": numbers},
        "BigBirdForMultipleChoice": {"labels": numbers * 0},
        "BigBirdForTokenClassification": {"labels": ids % 2},
        "BigBirdForQuestionAnswering": {"start_positions": numbers + 3, "end_positions": numbers + 4},
    }
    return {"input_ids": ids, "attention_mask": mask, **labels.get(kind, {"labels": ids})}


@by_vmap
@pytest.mark.parametrize("kind", KINDS[1:])
def test_gradients_of_each_document_are_those_of_its_own_backward_pass(kind: str) -> None:
    model, inputs = build(kind).double(), labelled(kind)

    def loss_of_one(parameters: dict[str, Tensor], row: dict[str, Tensor]) -> Tensor:
        loss: Tensor = functional_call(model, parameters, (), {name: x[None] for name, x in row.items()}).loss
        return loss

    found = vmap(grad(loss_of_one), in_dims=(None, 0))(dict(model.named_parameters()), inputs)
    for row in range(len(LENGTHS)):
        model.zero_grad()
        model(**{name: x[row : row + 1] for name, x in inputs.items()}).loss.backward()
        for name, parameter in model.named_parameters():
            want = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(found[name][row], want, rtol=0, atol=1e-12)


@by_vmap
@torch.no_grad()
def test_models_of_one_shape_are_called_together() -> None:
    models, (ids, mask) = [build("BigBirdForQuestionAnswering") for _ in range(2)], batch()
    for parameter in models[1].parameters():
        parameter.mul_(1.1)
    states = stack_module_state(models)
    got = vmap(lambda *state: functional_call(models[0], state, (ids, mask)))(*states)
    for number, model in enumerate(models):
        assert_same(type(got)({name: x[number] for name, x in got.items()}), model(ids, mask), mask)


def test_dropout_is_drawn_in_a_function_of_parameters() -> None:
    model, inputs = build("BigBirdForMaskedLM", hidden_dropout_prob=0.1).train(), labelled("BigBirdForMaskedLM")

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        found: Tensor = functional_call(model, parameters, (), inputs).loss
        return found

    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = (grad(loss)(dict(model.named_parameters())) for _ in range(2))
    name = "bert.encoder.layer.1.output.dense.weight"
    assert first[name].isfinite().all()
    assert not torch.equal(first[name], second[name])
