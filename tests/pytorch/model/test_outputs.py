"""An output is a dictionary of what is there, a record with every field, and a tuple, and all three say the same."""

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import pytest
import torch
import torch.utils._pytree as pytree
import transformers

from bigbird_cli.pytorch.model import outputs
from bigbird_cli.pytorch.model.cache import KeyValueCache
from bigbird_cli.pytorch.model.outputs import CausalLMOutputWithCrossAttentions, ModelOutput, SequenceClassifierOutput

KINDS = [kind for kind in vars(outputs).values() if isinstance(kind, type) and issubclass(kind, ModelOutput)][1:]
LOSS, LOGITS = torch.tensor(1.5), torch.tensor([[1.0, 2.0]])


@pytest.fixture
def output() -> SequenceClassifierOutput:
    return SequenceClassifierOutput(LOSS, LOGITS)


def test_an_output_is_a_dictionary_of_the_fields_that_are_there(output: SequenceClassifierOutput) -> None:
    assert isinstance(output, dict)
    assert (list(output), len(output), "attentions" in output) == (["loss", "logits"], 2, False)
    assert dict(output) == {"loss": LOSS, "logits": LOGITS} == dict(output.items())
    assert output.get("attentions") is None
    assert output.attentions is None
    with pytest.raises(KeyError, match="attentions"):
        output["attentions"]


def test_positions_slices_and_the_tuple_count_what_is_there(output: SequenceClassifierOutput) -> None:
    assert output[1] is output["logits"] is output.logits is output.to_tuple()[1]
    assert output[:1] == (LOSS,)
    assert SequenceClassifierOutput(None, LOGITS)[0] is LOGITS


def test_what_is_assigned_under_one_name_is_so_under_the_other(output: SequenceClassifierOutput) -> None:
    output.loss = cast(torch.Tensor | None, None)
    assert list(output) == ["logits"]
    output["loss"] = LOSS
    assert (output.loss, list(output)) == (LOSS, ["loss", "logits"])  # in the fields' order
    assert output.pop("loss") is LOSS
    output.update(loss=LOSS)
    assert output.loss is output.setdefault("loss", LOGITS) is LOSS
    del output["loss"]
    assert output.loss is None
    output.clear()
    assert (len(output), output.logits) == (0, None)


def test_a_name_that_is_no_field_is_refused(output: SequenceClassifierOutput) -> None:
    with pytest.raises(AttributeError, match="SequenceClassifierOutput has no field 'logit'"):
        output.logit = LOGITS
    with pytest.raises(KeyError, match="no field 'logit'"):
        output["logit"] = LOGITS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_fields_of_transformers(kind: type[ModelOutput]) -> None:
    home = transformers.models.big_bird.modeling_big_bird
    theirs = getattr(home, kind.__name__, None) or getattr(transformers.modeling_outputs, kind.__name__)
    assert [field.name for field in fields(kind)] == [field.name for field in fields(theirs)]


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, SequenceClassifierOutput.copy, lambda output: pickle.loads(pickle.dumps(output))],
    ids=["copy", "deepcopy", "method", "pickle"],
)
def test_a_copy_is_as_the_first(
    output: SequenceClassifierOutput, again: Callable[[SequenceClassifierOutput], SequenceClassifierOutput]
) -> None:
    other = again(output)
    assert type(other) is SequenceClassifierOutput
    assert (other.loss, list(other), other.attentions) == (LOSS, ["loss", "logits"], None)
    other.loss = None
    assert output.loss is LOSS


@pytest.mark.parametrize("kind", KINDS)
def test_torch_flattens_every_kind_and_builds_it_anew(kind: type[ModelOutput]) -> None:
    output = kind(**{field.name: torch.ones(2) * number for number, field in enumerate(fields(kind))})
    values, spec = pytree.tree_flatten(output)
    assert len(values) == len(fields(kind))
    doubled = pytree.tree_map(lambda x: x * 2, output)
    assert type(doubled) is kind
    assert all(torch.equal(doubled[name], value * 2) for name, value in output.items())
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec


def test_an_output_is_built_from_a_mapping_or_from_pairs(output: SequenceClassifierOutput) -> None:
    given: Any
    for given in (dict(output), OrderedDict(output), iter(output.items())):
        other = SequenceClassifierOutput(given)
        assert (other.loss, other.logits, list(other)) == (LOSS, LOGITS, ["loss", "logits"])


def test_data_parallel_gathers_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    # what it does on devices, on the CPU: it joins tensors along the batch
    join = staticmethod(lambda _device, _dim, *xs: torch.cat(xs))
    monkeypatch.setattr(torch.nn.parallel.scatter_gather, "Gather", type("Gather", (), {"apply": join}))
    caches = [KeyValueCache([(torch.full((1, 2, 3, 4), x),) * 2] * 3) for x in (1.0, 2.0)]
    halves = [CausalLMOutputWithCrossAttentions(None, LOGITS + i, cache, (LOGITS,)) for i, cache in enumerate(caches)]
    whole = torch.nn.parallel.scatter_gather.gather(halves, torch.device("cpu"))
    assert list(whole) == ["logits", "past_key_values", "hidden_states"]
    assert torch.equal(whole.logits, torch.cat([LOGITS, LOGITS + 1]))
    assert whole.hidden_states[0].shape == (2, 2)
    assert isinstance(whole.past_key_values, KeyValueCache)
    assert whole.past_key_values[2][1].shape == (2, 2, 3, 4)
    assert pytree.tree_map(lambda x: x + 1, whole).past_key_values[0][0][0, 0, 0, 0] == 2


def test_a_compiled_function_may_return_one() -> None:
    compiled = torch.compile(lambda x: SequenceClassifierOutput(None, x + 1), backend="eager", fullgraph=True)
    logits = compiled(LOGITS).logits
    assert logits is not None
    assert torch.equal(logits, LOGITS + 1)
