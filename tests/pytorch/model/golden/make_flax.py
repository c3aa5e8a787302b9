"""Write flax.npz and a msgpack file a class: what the Flax models of transformers 4.44.0 return, and their parameters.

    python -m venv flax
    flax/bin/pip install transformers==4.44.0 flax==0.7.0 jax==0.4.13 jaxlib==0.4.13 'scipy<1.12' 'numpy<2'
    flax/bin/python tests/pytorch/model/golden/make_flax.py

Flax neither fills up the last block nor runs full attention for short texts: the texts have 96 tokens, 12 blocks of 8.
Outputs are those of evaluation, in which every random slot names block 0. Arrays are named class/output, and thinned
out. Its question answering runs with no much newer jax.
"""

import json
import logging
import platform
from pathlib import Path
from typing import Any

import cases
import flax
import jax
import numpy as np
import transformers
from flax.serialization import msgpack_serialize
from flax.traverse_util import flatten_dict, unflatten_dict

HERE = Path(__file__).parent


def build(case: cases.Case) -> Any:
    """A model whose parameters follow from their Flax names."""
    config = transformers.BigBirdConfig(**{**cases.SETTINGS, **case.settings})
    model = getattr(transformers, f"Flax{case.kind}")(config)
    named = flatten_dict(model.params, sep=".")
    model.params = unflatten_dict({name: cases.weight(name, value.shape) for name, value in named.items()}, sep=".")
    return model


def main() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    arrays: dict[str, Any] = {}
    for name, case in cases.FLAX_CASES.items():
        model = build(case)
        (HERE / f"flax-{name}.msgpack").write_bytes(msgpack_serialize(model.params))
        kept = cases.outputs(case, model(**cases.inputs(case)))
        arrays |= {f"{name}/{output}": value for output, value in kept.items()}
    np.savez_compressed(HERE / "flax.npz", **arrays)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "jax": jax.__version__}
    versions |= {"flax": flax.__version__, "transformers": transformers.__version__}
    (HERE / "flax-versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
