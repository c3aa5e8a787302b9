"""Write folders that Flax models saved, what these return for IDS, and a file with everything that Flax can store.

    python -m venv flax
    flax/bin/pip install transformers==4.44.0 flax==0.7.0 jax==0.4.13 jaxlib==0.4.13 'scipy<1.12' 'numpy<2'
    flax/bin/python tests/weights/golden/flax/make_flax.py

Question answering runs with no much newer jax.
"""

import json
import platform
from functools import partial
from pathlib import Path
from typing import Any

import flax
import jax
import numpy as np
import transformers
from flax import serialization

HERE = Path(__file__).parent
IDS = np.random.RandomState(0).randint(1, 70, (2, 24))
IDS[:, 9] = 66  # [SEP]
CLASSES = {
    "none": "FlaxBigBirdModel",
    "pretraining": "FlaxBigBirdForPreTraining",
    "classify": "FlaxBigBirdForSequenceClassification",
    "qa": "FlaxBigBirdForQuestionAnswering",
}
SETTINGS: dict[str, Any] = {
    "vocab_size": 70,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 48,
    "attention_type": "original_full",
    "initializer_range": 0.3,
}


def shaken(draws: np.random.RandomState, value: jax.Array) -> np.ndarray:
    """The parameter a little moved, so that biases and scales show when they are lost."""
    return np.asarray(value) + 0.1 * draws.standard_normal(value.shape).astype(np.float32)


def main() -> None:
    outputs: dict[str, Any] = {"ids": IDS}
    for number, (head, name) in enumerate(CLASSES.items()):
        config = transformers.BigBirdConfig(**SETTINGS | {"num_labels": 2 if head == "qa" else 3})
        model = getattr(transformers, name)(config, seed=number, input_shape=IDS.shape)
        model.params = jax.tree_util.tree_map(partial(shaken, np.random.RandomState(number)), model.params)
        model.save_pretrained(HERE / head)
        for output, value in model(IDS).items():
            outputs[f"{head}/{output}"] = np.asarray(value)
    np.savez_compressed(HERE / "outputs.npz", **outputs)

    serialization.MAX_CHUNK_SIZE = 64
    values = np.linspace(-3, 700, 30, dtype=np.float32).reshape(5, 6)
    row = np.linspace(-3, 60, 6, dtype=np.float32)
    kinds = ("float16", "float32", "float64", "int8", "int32", "int64", "bool", "complex64")
    tree: dict[str, Any] = {"types": {kind: row.astype(kind) for kind in kinds}}
    tree["types"]["bfloat16"] = np.asarray(jax.numpy.asarray(row).astype("bfloat16"))
    tree |= {"pieces": values, "scalar": np.float32(2.5), "complex": 1 + 2j, "number": 7, "none": values[:0]}
    tree |= {"zero_d": np.asarray(3.0), "half_pieces": np.asarray(jax.numpy.asarray(values * 7, jax.numpy.bfloat16))}
    np.savez(HERE / "types.npz", pieces=values, row=row)
    (HERE / "types.msgpack").write_bytes(serialization.msgpack_serialize(tree))
    versions = {"python": platform.python_version(), "numpy": np.__version__, "jax": jax.__version__}
    versions |= {"flax": flax.__version__, "transformers": transformers.__version__}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
