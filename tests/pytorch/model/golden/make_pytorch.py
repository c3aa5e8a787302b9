"""Write pytorch.npz: what the PyTorch models of transformers 4.44.0 return for the cases of cases.py.

    python -m venv hf && hf/bin/pip install transformers==4.44.0 torch 'numpy<2'
    hf/bin/python tests/pytorch/model/golden/make_pytorch.py

One thing is mended before: transformers hands an encoder's states to a decoder's self-attention too, which then never
reads its own text. Arrays are named case/output.number of the layer.number of the tensor, and thinned out.
"""

import json
import logging
import platform
from pathlib import Path
from typing import Any

import cases
import numpy as np
import torch
import transformers

HERE = Path(__file__).parent


def without_encoder(_: Any, args: Any, inputs: dict[str, Any]) -> Any:
    return args, {**inputs, "encoder_hidden_states": None, "encoder_attention_mask": None}


def build(case: cases.Case) -> Any:
    model = getattr(transformers, case.kind)(transformers.BigBirdConfig(**{**cases.SETTINGS, **case.settings}))
    for name, value in model.named_parameters():
        value.data = torch.from_numpy(cases.weight(name, tuple(value.shape)))
    model.tie_weights()
    for layer in getattr(model, "bert", model).encoder.layer:
        layer.attention.register_forward_pre_hook(without_encoder, with_kwargs=True)
    return model.train(case.plan == "train")


def run(case: cases.Case) -> Any:
    model = build(case)
    given = {name: torch.from_numpy(value) for name, value in {**cases.inputs(case), **cases.labels(case)}.items()}
    asked = {name: torch.tensor(value) if isinstance(value, list) else value for name, value in case.asked.items()}
    if not case.cached:
        return model(**given, **asked)
    ids, mask = given.pop("input_ids"), given.pop("attention_mask")
    before = model(ids[:, : -cases.NEW], attention_mask=mask[:, : -cases.NEW], **given, **asked)
    past = before.past_key_values
    return model(ids[:, -cases.NEW :], attention_mask=mask, past_key_values=past, **given, **asked)


def main() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    arrays: dict[str, Any] = {}
    with torch.no_grad():
        for name, case in cases.CASES.items():
            kept = cases.outputs(case, dict(run(case)))
            arrays |= {f"{name}/{output}": value for output, value in kept.items()}
    np.savez_compressed(HERE / "pytorch.npz", **arrays)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    versions["transformers"] = transformers.__version__
    (HERE / "pytorch-versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
