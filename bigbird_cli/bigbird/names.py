"""The parameters of a BigBird by name and shape, and the names that other models give to theirs.

Ours are Hugging Face's, letter for letter, so that folders open both ways without a table. Every other naming is a
table of one direction, source -> ours, with `{}` where the number of the layer stands; `expand` writes it out for a
model of so many layers. The encoder's names carry no prefix here; a model with a head stores them under `bert.`.

Shape letters: V vocabulary, P positions, T token types, D width, F feed-forward width, L labels.
"""

import re
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS, NEXT_SENTENCE, head_of_class
from bigbird_cli.errors import ModelError
from bigbird_cli.messages import counted

PREFIX: Final = "bert."
"""What stands before the encoder's names in the folder of a model with a head."""

SHARED_BIAS: Final = {"cls.predictions.decoder.bias": "cls.predictions.bias"}
"""One parameter under two names. Where tie_word_embeddings is false, transformers 5 has two and computes with the
decoder's, while transformers 4 has one and writes it under the other name. A file with both serves both."""

TIED: Final = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"} | SHARED_BIAS
"""Parameters that are another one under a second name; Hugging Face leaves them out of the file."""

_EMBEDDINGS: Final = {
    "embeddings.word_embeddings.weight": "VD",
    "embeddings.position_embeddings.weight": "PD",
    "embeddings.token_type_embeddings.weight": "TD",
    "embeddings.LayerNorm.weight": "D",
    "embeddings.LayerNorm.bias": "D",
}
_ATTENTION: Final = {
    "encoder.layer.{}.attention.self.query.weight": "DD",
    "encoder.layer.{}.attention.self.query.bias": "D",
    "encoder.layer.{}.attention.self.key.weight": "DD",
    "encoder.layer.{}.attention.self.key.bias": "D",
    "encoder.layer.{}.attention.self.value.weight": "DD",
    "encoder.layer.{}.attention.self.value.bias": "D",
    "encoder.layer.{}.attention.output.dense.weight": "DD",
    "encoder.layer.{}.attention.output.dense.bias": "D",
    "encoder.layer.{}.attention.output.LayerNorm.weight": "D",
    "encoder.layer.{}.attention.output.LayerNorm.bias": "D",
}
_ACROSS: Final = {name.replace(".attention.", ".crossattention."): shape for name, shape in _ATTENTION.items()}
_FEED_FORWARD: Final = {
    "encoder.layer.{}.intermediate.dense.weight": "FD",
    "encoder.layer.{}.intermediate.dense.bias": "F",
    "encoder.layer.{}.output.dense.weight": "DF",
    "encoder.layer.{}.output.dense.bias": "D",
    "encoder.layer.{}.output.LayerNorm.weight": "D",
    "encoder.layer.{}.output.LayerNorm.bias": "D",
}
_OPTIONAL_BIASES: Final = tuple(
    f"encoder.layer.{{}}.{attention}.self.{part}.bias"
    for attention in ("attention", "crossattention")
    for part in ("query", "key", "value")
)
_POOLER: Final = {"pooler.weight": "DD", "pooler.bias": "D"}


def expected_names(config: BigBirdConfig, head: str = "none") -> dict[str, tuple[int, ...]]:
    """Name -> shape of every parameter of a model, in the order and with the names of Hugging Face's state dict.

    Args:
        config: the model's settings.
        head: one of heads.HEADS. With "none" the encoder's names carry no prefix, with any other they carry PREFIX.

    Raises:
        ValueError: no such head.

    Source: the state dicts of BigBirdModel and of the seven classes with a head in transformers 4.44 and 5.23, which
    are the same.
    """
    if head not in HEADS:
        raise ValueError(f"unknown head {head!r}; there are {', '.join(HEADS)}")
    encoder = _EMBEDDINGS | _layers(config)
    if HEADS[head].has_pooler:
        encoder |= _POOLER
    prefix = "" if head == "none" else PREFIX
    letters = {prefix + name: shape for name, shape in encoder.items()}
    letters |= HEADS[head].parameters
    sizes = {
        "V": config.vocab_size,
        "P": config.max_position_embeddings,
        "T": config.type_vocab_size,
        "D": config.hidden_size,
        "F": config.intermediate_size,
        "L": config.num_labels or 0,
        "1": 1,
        "2": 2,
    }
    return {name: tuple(sizes[letter] for letter in shape) for name, shape in letters.items()}


def _layers(config: BigBirdConfig) -> dict[str, str]:
    """The table of every layer, without the biases that the config leaves out."""
    layer = _ATTENTION | (_ACROSS if config.add_cross_attention else {}) | _FEED_FORWARD
    return {
        name.format(index): shape
        for index in range(config.num_hidden_layers)
        for name, shape in layer.items()
        if config.use_bias or name not in _OPTIONAL_BIASES
    }


def expand(table: Mapping[str, str], n_layers: int) -> dict[str, str]:
    """Write a naming table out: source name -> our name, for layers 0 ... n_layers - 1."""
    return {
        source.format(index): ours.format(index)
        for source, ours in table.items()
        for index in (range(n_layers) if "{}" in source else (0,))
    }


def _older_spelling(table: Mapping[str, str]) -> dict[str, str]:
    """The same table for files from before 2019, in which a LayerNorm has a gamma and a beta."""
    return {
        source.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): ours
        for source, ours in table.items()
        if "LayerNorm" in source
    }


_BERT: Final = {name: name for name in (*_EMBEDDINGS, *_ATTENTION, *_FEED_FORWARD)} | {
    "pooler.dense.weight": "pooler.weight",
    "pooler.dense.bias": "pooler.bias",
}
BERT_TO_BIGBIRD: Final = _BERT | _older_spelling(_BERT)
"""BERT's encoder and pooler in Hugging Face's names (a `bert.` prefix taken off) -> ours; the newer spelling first."""

POSITIONS: Final = "embeddings.position_embeddings.weight"
TOKEN_TYPES: Final = "embeddings.token_type_embeddings.weight"
POOLER: Final = tuple(_POOLER)

_WRAPPERS: Final = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and a training module put before every name."""


def wrapper_of(names: Collection[str]) -> str:
    """What wrappers put before every one of these names; "" where they have nothing in common."""
    found = ""
    while names and (more := next((w for w in _WRAPPERS if all(name.startswith(found + w) for name in names)), "")):
        found += more
    return found


def layer_of(name: str) -> int | None:
    """The number of the layer that a parameter belongs to, in any of the namings here; None where it is in no layer."""
    found = _LAYER.match(name)
    return None if found is None else int(found[1] or found[2])


_LAYER: Final = re.compile(
    r"(?:bert[./])?encoder[./]layer[./_](\d{1,9})[./]"  # ours, Flax's, google-research/bigbird's
    r"|transformer_scaffold_(\d{1,9})/"  # the TriviaQA model's
)


def count_layers(names: Collection[str]) -> int:
    """One more than the highest number of a layer, so that a gap shows as a missing tensor.

    Raises:
        ModelError: that is more than there are names.
    """
    n_layers = max((number + 1 for name in names if (number := layer_of(name)) is not None), default=0)
    if n_layers > len(names):
        raise ModelError(
            f"a layer has the number {n_layers - 1}, and the folder has {counted(len(names), 'tensor')}",
            fix="fetch the checkpoint again",
        )
    return n_layers


def prefix_of(names: Iterable[str]) -> str:
    """What stands before the encoder's names among these: PREFIX, or nothing."""
    return PREFIX if any(name.startswith(PREFIX) for name in names) else ""


def name_among(name: str, names: Container[str]) -> str:
    """The form of a name, with or without PREFIX, that is among these; the name itself where none is."""
    bare = name.removeprefix(PREFIX)
    return next((form for form in (name, bare, PREFIX + bare) if form in names), name)


def head_of(shapes: Mapping[str, tuple[int, ...]], architecture: str | None = None) -> str:
    """The head whose parameters are among these names; "none" where there are only an encoder's.

    Args:
        shapes: name -> shape.
        architecture: the class that config.json names; it decides between heads of the same names.
    """
    declared = head_of_class(architecture)
    fitting = [head for head, spec in HEADS.items() if any(name in shapes for name in spec.parameters.keys() - TIED)]
    if not any(name in shapes for name in NEXT_SENTENCE):
        fitting = [head for head in fitting if head != "pretraining"]
    if not fitting:
        fitting = [head for head, spec in HEADS.items() if not spec.parameters]
    if declared in fitting:
        return declared
    if "token_labels" in fitting:  # named as the choice's; only that one has a single row
        return "choices" if shapes["classifier.weight"][:1] == (1,) else "token_labels"
    return next(
        head
        for head in ("pretraining", "masked_lm", "document_labels", "span", "embedding_labels", "none")
        if head in fitting
    )


# TensorFlow


def is_kernel(name: str) -> bool:
    """Whether a variable of TensorFlow is a matrix (in, out), where ours is (out, in); all others lie as ours do."""
    return name.partition("#")[0].endswith("/kernel")


TENSORFLOW_STATE: Final = frozenset(
    {
        "adam_m",
        "adam_v",
        "AdamWeightDecayOptimizer",
        "AdamWeightDecayOptimizer_1",
        "global_step",
        "beta1_power",
        "beta2_power",
    }
)
"""Parts of the names of what an optimiser keeps beside the weights."""


def _tensorflow(layers: Mapping[str, str]) -> dict[str, str]:
    """A table of TensorFlow's variables from one of layers: a norm has gamma and beta, any other kernel and bias."""
    table: dict[str, str] = {}
    for theirs, ours in layers.items():
        weight, bias = ("gamma", "beta") if ours.endswith("LayerNorm") else ("kernel", "bias")
        table |= {f"{theirs}/{weight}": f"{ours}.weight", f"{theirs}/{bias}": f"{ours}.bias"}
    return table


TENSORFLOW_TO_BIGBIRD: Final = {
    "bert/embeddings/word_embeddings": "bert.embeddings.word_embeddings.weight",
    "bert/embeddings/position_embeddings": "bert.embeddings.position_embeddings.weight",
    "bert/embeddings/token_type_embeddings": "bert.embeddings.token_type_embeddings.weight",
    **_tensorflow(
        {
            "bert/encoder/LayerNorm": "bert.embeddings.LayerNorm",
            "bert/encoder/layer_{}/attention/self/query": "bert.encoder.layer.{}.attention.self.query",
            "bert/encoder/layer_{}/attention/self/key": "bert.encoder.layer.{}.attention.self.key",
            "bert/encoder/layer_{}/attention/self/value": "bert.encoder.layer.{}.attention.self.value",
            "bert/encoder/layer_{}/attention/output/dense": "bert.encoder.layer.{}.attention.output.dense",
            "bert/encoder/layer_{}/attention/output/LayerNorm": "bert.encoder.layer.{}.attention.output.LayerNorm",
            "bert/encoder/layer_{}/intermediate/dense": "bert.encoder.layer.{}.intermediate.dense",
            "bert/encoder/layer_{}/output/dense": "bert.encoder.layer.{}.output.dense",
            "bert/encoder/layer_{}/output/LayerNorm": "bert.encoder.layer.{}.output.LayerNorm",
            "bert/pooler/dense": "bert.pooler",
        }
    ),
    "cls/predictions/transform/kernel": "cls.predictions.transform.dense.weight",
    "cls/predictions/transform/bias": "cls.predictions.transform.dense.bias",
    "cls/predictions/transform/gamma": "cls.predictions.transform.LayerNorm.weight",
    "cls/predictions/transform/beta": "cls.predictions.transform.LayerNorm.bias",
    "cls/predictions/output_bias": "cls.predictions.bias",
    "cls/seq_relationship/output_weights": "cls.seq_relationship.weight",
    "cls/seq_relationship/output_bias": "cls.seq_relationship.bias",
}
"""The variables of a checkpoint of google-research/bigbird -> ours, with the prefix. Its LayerNorm over the embeddings
stands under the encoder."""

TRIVIA_QA_TO_BIGBIRD: Final = {
    "word_embeddings/embeddings": "bert.embeddings.word_embeddings.weight",
    "position_embedding/embeddings": "bert.embeddings.position_embeddings.weight",
    "type_embeddings/embeddings": "bert.embeddings.token_type_embeddings.weight",
    **_tensorflow(
        {
            "embeddings/layer_norm": "bert.embeddings.LayerNorm",
            "transformer_scaffold_{}/big_bird_attention/query": "bert.encoder.layer.{}.attention.self.query",
            "transformer_scaffold_{}/big_bird_attention/key": "bert.encoder.layer.{}.attention.self.key",
            "transformer_scaffold_{}/big_bird_attention/value": "bert.encoder.layer.{}.attention.self.value",
            "transformer_scaffold_{}/big_bird_attention/attention_output": (
                "bert.encoder.layer.{}.attention.output.dense"
            ),
            "transformer_scaffold_{}/self_attention_layer_norm": "bert.encoder.layer.{}.attention.output.LayerNorm",
            "transformer_scaffold_{}/intermediate": "bert.encoder.layer.{}.intermediate.dense",
            "transformer_scaffold_{}/output": "bert.encoder.layer.{}.output.dense",
            "transformer_scaffold_{}/output_layer_norm": "bert.encoder.layer.{}.output.LayerNorm",
            "trivia_qa_head/dense": "qa_classifier.intermediate.dense",
            "trivia_qa_head/layer_normalization": "qa_classifier.output.LayerNorm",
            "trivia_qa_head/dense_1": "qa_classifier.qa_outputs",
        }
    ),
    "trivia_qa_head/dense/kernel#2": "qa_classifier.output.dense.weight",
    "trivia_qa_head/dense/bias#2": "qa_classifier.output.dense.bias",
}
"""The variables of the TriviaQA SavedModel (tensorflow/models, official/projects/triviaqa) -> ours, with the prefix.
Layer 0 is `transformer_scaffold` without a number. The head's last layer has the name of its first; `#2` tells them
apart, as our reader of SavedModels writes it."""


# Flax


def _flax(name: str) -> str:
    """What Flax calls a parameter of ours: a matrix is a kernel, as in TensorFlow, and a norm has a scale."""
    layer, _, leaf = name.rpartition(".")
    if leaf == "weight" and layer.endswith("_embeddings"):
        leaf = "embedding"
    elif leaf == "weight":
        leaf = "scale" if layer.endswith("LayerNorm") else "kernel"
    return f"{layer}.{leaf}".replace(".", "/")


_ENCODER: Final = (*_EMBEDDINGS, *_ATTENTION, *_ACROSS, *_FEED_FORWARD, *_POOLER)

FLAX_TO_BIGBIRD: Final = {
    _flax(name): name
    for names in (_ENCODER, [PREFIX + name for name in _ENCODER], *(spec.parameters for spec in HEADS.values()))
    for name in names
    if name not in SHARED_BIAS
}
"""The parameters of transformers' Flax classes, joined by `/` -> ours; `is_kernel` tells which of them are transposed.
A head's encoder stands under `bert/`, the bare one's at the top."""
