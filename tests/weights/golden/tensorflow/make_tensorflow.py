"""Make the checkpoints in this folder with TensorFlow, and write down what TensorFlow and transformers read in them.

Run in an environment with tensorflow-cpu 2.21.0, transformers 4.44.0 and torch:

    python tests/weights/golden/tensorflow/make_tensorflow.py

The shapes are a tiny BigBird's: names as in google-research/bigbird (v1) and tensorflow/models (the TriviaQA model).
`tensors.json` holds what TensorFlow reads, `transformers.json` what transformers' converter makes of it: the
first 16 digits of sha256 over each array's bytes in C order.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import torch
import transformers
from transformers import BigBirdConfig, BigBirdForPreTraining, BigBirdForQuestionAnswering
from transformers.models.big_bird.modeling_big_bird import load_tf_weights_in_big_bird  # type: ignore[attr-defined]  # gone from transformers 5

HERE = Path(__file__).resolve().parent
V, P, T, D, F, N = 36, 32, 2, 16, 24, 2
H = D // N
CONFIG = BigBirdConfig(
    vocab_size=V,
    max_position_embeddings=P,
    type_vocab_size=T,
    hidden_size=D,
    intermediate_size=F,
    num_attention_heads=N,
    num_hidden_layers=2,
)
RNG = np.random.default_rng(0)

v1 = tf.compat.v1


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def dense(name: str, *kernel: int) -> dict[str, np.ndarray]:
    return {f"{name}/kernel": normal(*kernel), f"{name}/bias": normal(kernel[-1])}


def norm(name: str) -> dict[str, np.ndarray]:
    return {f"{name}/gamma": normal(D), f"{name}/beta": normal(D)}


def pretraining() -> dict[str, np.ndarray]:
    tensors = {
        "bert/embeddings/word_embeddings": normal(V, D),
        "bert/embeddings/token_type_embeddings": normal(T, D),
        "bert/embeddings/position_embeddings": normal(P, D),
        **norm("bert/encoder/LayerNorm"),
    }
    for index in range(2):
        layer = f"bert/encoder/layer_{index}"
        for part in ("query", "key", "value"):
            tensors |= dense(f"{layer}/attention/self/{part}", D, D)
        tensors |= dense(f"{layer}/attention/output/dense", D, D) | norm(f"{layer}/attention/output/LayerNorm")
        tensors |= dense(f"{layer}/intermediate/dense", D, F)
        tensors |= dense(f"{layer}/output/dense", F, D) | norm(f"{layer}/output/LayerNorm")
    tensors |= dense("bert/pooler/dense", D, D)
    tensors |= dense("cls/predictions/transform", D, D) | norm("cls/predictions/transform")
    return tensors | {
        "cls/predictions/output_bias": normal(V),
        "cls/seq_relationship/output_weights": normal(2, D),
        "cls/seq_relationship/output_bias": normal(2),
    }


def trivia() -> list[tuple[str, np.ndarray]]:
    """In the order in which Keras lists them; the head's two outer layers share a name."""
    tensors = {
        "word_embeddings/embeddings": normal(V, D),
        "position_embedding/embeddings": normal(P, D),
        "type_embeddings/embeddings": normal(T, D),
        **norm("embeddings/layer_norm"),
    }
    for layer in ("transformer_scaffold", "transformer_scaffold_1"):
        for part in ("query", "key", "value"):
            tensors[f"{layer}/big_bird_attention/{part}/kernel"] = normal(D, N, H)
            tensors[f"{layer}/big_bird_attention/{part}/bias"] = normal(N, H)
        tensors[f"{layer}/big_bird_attention/attention_output/kernel"] = normal(N, H, D)
        tensors[f"{layer}/big_bird_attention/attention_output/bias"] = normal(D)
        tensors |= norm(f"{layer}/self_attention_layer_norm")
        tensors |= dense(f"{layer}/intermediate", D, F) | dense(f"{layer}/output", F, D)
        tensors |= norm(f"{layer}/output_layer_norm")
    tensors |= dense("trivia_qa_head/dense", D, F) | norm("trivia_qa_head/layer_normalization")
    tensors |= dense("trivia_qa_head/dense_1", D, 2)
    return [*tensors.items(), *dense("trivia_qa_head/dense", F, D).items()]


def save(folder: str, tensors: dict[str, np.ndarray], *, slots: bool = False, shards: int = 1, parts: int = 1) -> None:
    """Write a v1 checkpoint as google-research/bigbird's estimator does."""
    with tf.Graph().as_default():
        for number, (name, array) in enumerate(tensors.items()):
            cut = parts if array.ndim == 2 and array.shape[0] >= parts else 1
            with tf.device(f"/cpu:{number % shards}"):
                v1.get_variable(
                    name,
                    shape=array.shape,
                    dtype=array.dtype,
                    initializer=given(array),
                    partitioner=v1.fixed_size_partitioner(cut) if cut > 1 else None,
                )
                for slot in ("adam_m", "adam_v") if slots else ():
                    v1.get_variable(f"{name}/{slot}", initializer=normal(*array.shape))
        if slots:
            v1.train.get_or_create_global_step()
        with v1.Session(config=v1.ConfigProto(device_count={"CPU": shards})) as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver(sharded=shards > 1).save(
                session, str(HERE / folder / "model.ckpt"), global_step=0, write_meta_graph=False
            )
    (HERE / folder / "checkpoint").unlink()


def given(array: np.ndarray) -> Callable[..., tf.Tensor]:
    """Initializes a variable, or the part of it that a partitioner asks for."""

    def initialize(shape: Sequence[int], dtype: Any = None, partition_info: Any = None) -> tf.Tensor:
        start = partition_info.var_offset if partition_info is not None else [0] * array.ndim
        place = tuple(slice(begin, begin + length) for begin, length in zip(start, shape, strict=True))
        return tf.constant(array[place], dtype=dtype)

    return initialize


def save_model(folder: str, tensors: list[tuple[str, np.ndarray]]) -> dict[str, str]:
    """Write a SavedModel, keep its variables, and give what transformers' converter makes of it."""
    root = tf.__internal__.tracking.AutoTrackable()
    root.variables = [tf.Variable(array, name=name) for name, array in tensors]
    with tempfile.TemporaryDirectory() as whole:
        tf.saved_model.save(root, whole)
        shutil.copytree(Path(whole, "variables"), HERE / folder / "variables")
        model = BigBirdForQuestionAnswering(CONFIG)
        return converted(load_tf_weights_in_big_bird(model, whole, is_trivia_qa=True))


def save_types(folder: str) -> None:
    """Write one tensor of every type that a model may hold, and some that none does."""
    values = {
        "half": tf.constant([0.1, -2, 65504], tf.float16),
        "brain": tf.constant([[0.1, -2, 3e38]], tf.bfloat16),
        "double": tf.constant([0.1], tf.float64),
        "int32": tf.constant([-1, 2**31 - 1], tf.int32),
        "int64": tf.constant(-(2**62), tf.int64),
        "byte": tf.constant([0, 255], tf.uint8),
        "truth": tf.constant([True, False], tf.bool),
        "none": tf.zeros([0, 4]),
        "complex": tf.constant([1 + 2j], tf.complex64),
        "words": tf.constant(["bird", "", "b" * 300]),
    }
    halves = tf.split(tf.cast(tf.range(300) % 100, tf.int8), 2)  # parts of more than 63 have longer keys
    tf.raw_ops.SaveV2(
        prefix=str(HERE / folder / "model.ckpt-0"),
        tensor_names=[*values, "parts", "parts"],
        shape_and_slices=[""] * len(values) + ["300 0,150", "300 150,150"],
        tensors=[*values.values(), *halves],
    )


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def converted(model: torch.nn.Module) -> dict[str, str]:
    return {name: digest(tensor.numpy()) for name, tensor in model.state_dict().items()}


def read_by_tensorflow(prefix: Path) -> dict[str, str]:
    reader = tf.train.load_checkpoint(str(prefix))
    found = {}
    for name, dtype in sorted(reader.get_variable_to_dtype_map().items()):
        if dtype not in (tf.string, tf.complex64):
            array = reader.get_tensor(name)
            array = array.astype(np.float32) if dtype == tf.bfloat16 else array
            found[name] = f"{dtype.name} {array.shape} {digest(array)}"
    return found


def main() -> None:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    for folder in ("plain", "sharded", "partitioned", "trivia", "types"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    tensors = pretraining()
    save("plain", tensors, slots=True)
    save("sharded", tensors, shards=2)
    save("partitioned", tensors, parts=3)
    save_types("types")
    model = load_tf_weights_in_big_bird(BigBirdForPreTraining(CONFIG), str(HERE / "plain" / "model.ckpt-0"))
    golden = {"plain": converted(model), "trivia": save_model("trivia", trivia())}
    prefixes = {folder: f"{folder}/model.ckpt-0" for folder in ("plain", "sharded", "partitioned", "types")}
    prefixes["trivia"] = "trivia/variables/variables"
    seen = {folder: read_by_tensorflow(HERE / prefix) for folder, prefix in prefixes.items()}
    write("tensors.json", seen)
    write("transformers.json", golden)
    versions = {
        "tensorflow": tf.__version__,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    write("versions.json", versions)


def write(name: str, content: object) -> None:
    (HERE / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
