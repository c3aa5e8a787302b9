"""Our models return what those of transformers 4.44.0 did, which cannot be installed beside today's.

golden/README.md says what the arrays are; golden/cases.py builds settings, weights and inputs for both sides.
"""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import bigbird_cli as bb

GOLDEN = Path(__file__).parent / "golden"
PLANS = {"eval": "transformers-eval", "train": "transformers"}


cases = SimpleNamespace(**runpy.run_path(str(GOLDEN / "cases.py")))


def build(case: Any) -> Any:
    settings = {**cases.SETTINGS, **case.settings, "pattern": PLANS[case.plan]}
    return getattr(bb, case.kind)(bb.BigBirdConfig(**settings)).eval()


def inputs_of(case: Any) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in {**cases.inputs(case), **cases.labels(case)}.items()}


def golden(file: str, name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / file) as arrays:
        return {key.partition("/")[2]: arrays[key] for key in arrays.files if key.startswith(f"{name}/")}


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    assert got.keys() == want.keys()
    for key in want:  # scores that no answer can have are about -1e6, where float32 has steps of 0.06
        np.testing.assert_allclose(got[key].clip(-1e4), want[key].clip(-1e4), rtol=0, atol=1e-5, err_msg=key)


def run(name: str) -> Any:
    case = cases.CASES[name]
    model = build(case)
    model.load_tensors({n: cases.weight(n, tuple(w.shape)) for n, w in model.state_dict().items()}, where="-")
    given = inputs_of(case)
    asked = {key: torch.tensor(value) if isinstance(value, list) else value for key, value in case.asked.items()}
    with torch.no_grad():
        if not case.cached:
            return model(**given, **asked)
        ids, mask = given.pop("input_ids"), given.pop("attention_mask")
        n_old = case.n_tokens - cases.NEW
        before = model(ids[:, :n_old], attention_mask=mask[:, :n_old], **given, **asked)
        past = tuple(tuple(tensors) for tensors in before.past_key_values)  # other code passes plain tuples on
        return model(ids[:, n_old:], attention_mask=mask, past_key_values=past, **given, **asked)


@pytest.mark.parametrize("name", cases.CASES)
def test_outputs_are_those_of_transformers_4_44(name: str) -> None:
    assert_same(cases.outputs(cases.CASES[name], vars(run(name))), golden("pytorch.npz", name))


def flax_tensors(model: torch.nn.Module) -> dict[str, tuple[str, np.ndarray]]:
    """The Flax name of each of our parameters, and its array there."""
    found = {}
    for name, value in model.state_dict().items():
        leaf = "scale" if "LayerNorm" in name else "embedding" if "embeddings." in name else "kernel"
        flax_name = name.removesuffix("weight") + leaf if name.endswith(".weight") else name
        shape = tuple(value.shape)
        found[name] = flax_name, cases.weight(flax_name, shape[::-1] if leaf == "kernel" else shape)
    return found


@pytest.mark.parametrize("name", cases.FLAX_CASES)
def test_outputs_are_those_of_the_flax_models(name: str) -> None:
    case = cases.FLAX_CASES[name]
    model = build(case)
    tensors = flax_tensors(model)
    model.load_tensors({n: a.T if f.endswith("kernel") else a for n, (f, a) in tensors.items()}, where="-")
    with torch.no_grad():
        output = model(**inputs_of(case), **({"use_cache": False} if "is_decoder" in case.settings else {}))
    assert_same(cases.outputs(case, vars(output)), golden("flax.npz", name))
    stored = (GOLDEN / f"flax-{name}.msgpack").read_bytes()
    for flax_name, array in tensors.values():
        assert array.tobytes() in stored, flax_name


def test_states_are_as_long_as_the_text_whatever_its_last_block() -> None:
    output = run("states_long")
    assert {state.shape[1] for state in output.hidden_states} == {cases.LONG}
    assert cases.LONG % cases.SETTINGS["block_size"]


def test_the_plans_differ() -> None:
    gap = (
        golden("pytorch.npz", "states_long")["hidden_states.2"]
        - golden("pytorch.npz", "states_long_train")["hidden_states.2"]
    )
    assert np.abs(gap).max() > 0.01
