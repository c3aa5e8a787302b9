"""A BigBird as a graph: embeddings, layers, and the head that a task needs.

What it computes is what the PyTorch classes compute; the tests and `bigbird convert` compare the two at lengths of
every kind.

Shape letters: B documents, S tokens of the batch, W the same in whole blocks where attention is sparse, T = B * W,
D width, N heads, H head width, F feed-forward width, L labels.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import POOLER, PREFIX
from bigbird_cli.errors import ModelError
from bigbird_cli.onnx.attention import Batch, attend, describe_batch
from bigbird_cli.onnx.graph import Graph
from bigbird_cli.weights.int8 import SCALE
from bigbird_cli.weights.tensors import Place

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""What a graph takes: int64 (B, S), or (B, C, S) for choices; the mask is 1 at tokens and 0 at padding."""

MASKED_SCORE: Final = np.float32(-1e6)
"""Added to the score of what cannot be an answer, as in the PyTorch model."""

_STEPS: Final = 127


def model_graph(config: BigBirdConfig, head: str, weights: Mapping[str, Place], *, signed: bool = False) -> bytes:
    """The bytes of a file of a model's graph.

    Args:
        config: the model's.
        head: one of GRAPHS.
        weights: where its tensors stand, by the names of `expected_names`. Matrices in 8 bits, with their scales beside
            them, are multiplied in 8 bits in the encoder.
        signed: with their signs, which is twice as quick, but exact only where `sessions.signed_products_fit`.

    Raises:
        ModelError: no graph is made of models of this kind.
    """
    if head not in GRAPHS:
        raise ModelError(f"no graph is made of a model with the head {head}", fix=f"there are {', '.join(GRAPHS)}")
    if config.is_decoder:
        raise ModelError("no graph is made of a decoder", fix="set is_decoder to false to use it as an encoder")
    if config.hidden_act not in _ACTIVATIONS:
        raise ModelError(f"hidden_act {config.hidden_act!r} is not known", fix=f"it may be {', '.join(_ACTIVATIONS)}")
    g = Graph(weights)
    model = _Model(g, config, head, signed=signed)
    outputs = GRAPHS[head](model, model.encoded())
    shape = ("documents", "choices", "tokens") if HEADS[head].reads_choices else ("documents", "tokens")
    inputs = dict.fromkeys(INPUTS, ("int64", shape))
    return g.serialised(inputs=inputs, outputs=outputs)


class _Model:
    """The parts of one model in a graph."""

    def __init__(self, g: Graph, config: BigBirdConfig, head: str, *, signed: bool) -> None:
        self.g, self.config, self.signed = g, config, signed
        self.prefix = "" if head == "none" else PREFIX
        self.n_tokens = g.op("Slice", g.op("Shape", "input_ids"), [-1], [np.iinfo(np.int64).max])
        self.position_S = g.op("Range", 0, g.op("Squeeze", self.n_tokens), 1)
        self.ids_BS, given_BS, self.types_BS = INPUTS
        if HEADS[head].reads_choices:
            rows = g.op("Concat", [-1], self.n_tokens, axis=0)
            self.ids_BS, given_BS, self.types_BS = (g.op("Reshape", name, rows) for name in INPUTS)
        self.is_token_BS = g.cast(given_BS, "bool")
        self.mask_BS = g.cast(self.is_token_BS, "int64")

    def encoded(self) -> str:
        """The states that leave the last layer, (B, S, D)."""
        g, config = self.g, self.config
        batch = describe_batch(g, self.mask_BS, config)
        x_BSD = self._embedded()
        if batch.blocks is not None:
            surplus = g.op("Concat", [0, 0, 0, 0], g.op("Sub", batch.width, self.n_tokens), [0], axis=0)
            x_BSD = g.op("Pad", x_BSD, surplus)
        x_TD = g.op("Reshape", x_BSD, [-1, config.hidden_size])
        n_heads, head_width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
        heads = g.op("Concat", [-1], batch.width, [n_heads, head_width], axis=0)
        for layer in range(config.num_hidden_layers):
            name = f"{self.prefix}encoder.layer.{layer}"
            x_TD = self._attention(x_TD, batch, heads, layer, f"{name}.attention")
            up_TF = self.activated(self.linear(x_TD, f"{name}.intermediate.dense"))
            x_TD = self.normed(
                g.op("Add", self.linear(up_TF, f"{name}.output.dense"), x_TD), f"{name}.output.LayerNorm"
            )
        x_BWD = g.op("Reshape", x_TD, g.op("Concat", [-1], batch.width, [config.hidden_size], axis=0))
        return g.op("Slice", x_BWD, [0], self.n_tokens, [1])

    def linear(self, x: str, name: str, *, exact: bool = False) -> str:
        """A linear layer over rows; `exact` in floats even where its matrix is stored in 8 bits."""
        g, weight, bias = self.g, f"{name}.weight", f"{name}.bias"
        has_bias = bias in g.weights
        if weight + SCALE in g.weights and not exact:
            y = self._product_in_8_bits(x, weight)
            return g.op("Add", y, g.weight(bias)) if has_bias else y
        return g.op("Gemm", x, self._matrix(weight), *([g.weight(bias)] if has_bias else []), transB=1)

    def normed(self, x: str, name: str) -> str:
        """LayerNorm over the last dimension."""
        g = self.g
        scale, shift = g.weight(f"{name}.weight"), g.weight(f"{name}.bias")
        return g.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=self.config.layer_norm_eps)

    def activated(self, x: str) -> str:
        """The config's activation."""
        return _ACTIVATIONS[self.config.hidden_act](self.g, x)

    def first(self, x_BSD: str) -> str:
        """The state of the first token, (B, D)."""
        return self.g.op("Gather", x_BSD, 0, axis=1)

    def pooled(self, x_BSD: str) -> str:
        """The first token's state through the pooler, (B, D)."""
        return self.g.op("Tanh", self.linear(self.first(x_BSD), f"{self.prefix}pooler", exact=True))

    def mean(self, x_BSD: str) -> str:
        """The mean of a document's states, cut to length 1: (B, D)."""
        g = self.g
        mask_BS1 = g.op("Unsqueeze", g.cast(self.mask_BS, "float32"), [2])
        sum_BD = g.op("ReduceSum", g.op("Mul", x_BSD, mask_BS1), [1], keepdims=0)
        mean_BD = g.op("Div", sum_BD, g.op("ReduceSum", mask_BS1, [1], keepdims=0))
        length_B1 = g.op("ReduceL2", mean_BD, axes=[1], keepdims=1)
        return g.op("Div", mean_BD, g.op("Max", length_B1, np.float32(1e-12)))

    def is_no_answer(self) -> str:
        """The positions that cannot be an answer, (B, S): question and padding, but not the first."""
        g, sep = self.g, self.config.sep_token_id
        is_masked_BS = g.op("Not", self.is_token_BS)
        if sep is not None:
            is_sep_BS = g.cast(g.op("Equal", self.ids_BS, sep), "int32")
            last_B1 = g.op("ArgMax", is_sep_BS, axis=1, keepdims=1)
            is_masked_BS = g.op("Or", is_masked_BS, g.op("Not", g.op("Greater", self.position_S, last_B1)))
        return g.op("And", is_masked_BS, g.op("Greater", self.position_S, 0))

    def _embedded(self) -> str:
        g, config, name = self.g, self.config, f"{self.prefix}embeddings"
        words_BSD = self._rows(f"{name}.word_embeddings.weight", self.ids_BS)
        if config.rescale_embeddings:
            words_BSD = g.op("Mul", words_BSD, np.float32(config.hidden_size**0.5))
        # too long an input has no row: onnxruntime refuses it
        x_BSD = g.op("Add", words_BSD, self._rows(f"{name}.position_embeddings.weight", self.position_S))
        x_BSD = g.op("Add", x_BSD, self._rows(f"{name}.token_type_embeddings.weight", self.types_BS))
        return self.normed(x_BSD, f"{name}.LayerNorm")

    def _attention(self, x_TD: str, batch: Batch, heads: str, layer: int, name: str) -> str:
        g, config = self.g, self.config
        split = []
        for part in ("query", "key", "value"):
            projected_TD = self.linear(x_TD, f"{name}.self.{part}")
            split.append(g.op("Transpose", g.op("Reshape", projected_TD, heads), perm=[2, 0, 1, 3]))
        q, k, v = split
        q = g.op("Mul", q, np.float32((config.hidden_size // config.num_attention_heads) ** -0.5))
        out_NBWH = attend(g, q, k, v, batch, config, layer=layer)
        out_TD = g.op("Reshape", g.op("Transpose", out_NBWH, perm=[1, 2, 0, 3]), [-1, config.hidden_size])
        added_TD = g.op("Add", self.linear(out_TD, f"{name}.output.dense"), x_TD)
        return self.normed(added_TD, f"{name}.output.LayerNorm")

    def _matrix(self, name: str) -> str:
        """A matrix in floats, however it is stored."""
        g = self.g
        if name + SCALE not in g.weights:
            return g.weight(name)
        scale_R1 = g.op("Unsqueeze", g.weight(name + SCALE), [1])
        return g.op("Mul", g.cast(g.weight(name), "float32"), scale_R1)

    def _rows(self, name: str, index: str) -> str:
        """Rows of a table of vectors."""
        g = self.g
        rows = g.op("Gather", g.weight(name), index)
        if name + SCALE not in g.weights:
            return rows
        scale = g.op("Unsqueeze", g.op("Gather", g.weight(name + SCALE), index), [-1])
        return g.op("Mul", g.cast(rows, "float32"), scale)

    def _product_in_8_bits(self, x_TD: str, name: str) -> str:
        """A product of whole numbers; each token is scaled by its own largest one, so that none depends on others."""
        g = self.g
        largest_T1 = g.op("ReduceMax", g.op("Abs", x_TD), axes=[1], keepdims=1)
        largest_T1 = g.op("Max", largest_T1, np.finfo(np.float32).tiny)
        scaled_TD = g.op("Mul", x_TD, g.op("Div", np.float32(_STEPS), largest_T1))
        rounded_TD = g.op("QuantizeLinear", scaled_TD, np.float32(1), np.uint8(128))
        weight_DF, zero = g.op("Transpose", g.weight(name), perm=[1, 0]), np.array(0, np.int8)
        if not self.signed:
            shifted_DF = g.op("Add", g.cast(weight_DF, "int32"), np.int32(128))
            weight_DF, zero = g.cast(shifted_DF, "uint8"), np.array(128, np.uint8)
        y_TF = g.cast(g.op("MatMulInteger", rounded_TD, weight_DF, np.uint8(128), zero), "float32")
        y_TF = g.op("Mul", y_TF, g.weight(name + SCALE))
        return g.op("Mul", y_TF, g.op("Mul", largest_T1, np.float32(1 / _STEPS)))


Outputs = Mapping[str, tuple[str, tuple[str | int, ...]]]
"""The name of each output, the value that it stands for, and its shape."""


def _encoder(model: _Model, x_BSD: str) -> Outputs:
    width = model.config.hidden_size
    outputs = {"last_hidden_state": (x_BSD, ("documents", "tokens", width)), **_embedding(model, x_BSD)}
    if all(name in model.g.weights for name in POOLER):
        outputs["pooler_output"] = (model.pooled(x_BSD), ("documents", width))
    return outputs


def _embedding(model: _Model, x_BSD: str) -> Outputs:
    return {"embedding": (model.mean(x_BSD), ("documents", model.config.hidden_size))}


def _embedding_labels(model: _Model, x_BSD: str) -> Outputs:
    logits_BL = model.linear(model.mean(x_BSD), "linear", exact=True)
    return {"logits": (logits_BL, ("documents", _n_labels(model)))}


def _document_labels(model: _Model, x_BSD: str) -> Outputs:
    x_BD = model.activated(model.linear(model.first(x_BSD), "classifier.dense", exact=True))
    return {"logits": (model.linear(x_BD, "classifier.out_proj", exact=True), ("documents", _n_labels(model)))}


def _token_labels(model: _Model, x_BSD: str) -> Outputs:
    logits_BSL = _by_token(model, x_BSD, "classifier")
    return {"logits": (logits_BSL, ("documents", "tokens", _n_labels(model)))}


def _span(model: _Model, x_BSD: str) -> Outputs:
    g, name = model.g, "qa_classifier"
    x_TD = g.op("Reshape", x_BSD, [-1, model.config.hidden_size])
    up_TF = model.activated(model.linear(x_TD, f"{name}.intermediate.dense", exact=True))
    down_TD = model.linear(up_TF, f"{name}.output.dense", exact=True)
    x_TD = model.normed(g.op("Add", down_TD, x_TD), f"{name}.output.LayerNorm")
    logits_BS2 = _by_token(model, x_TD, f"{name}.qa_outputs")
    penalty_BS = g.op("Mul", g.cast(model.is_no_answer(), "float32"), MASKED_SCORE)
    scores = [g.op("Add", g.op("Gather", logits_BS2, i, axis=2), penalty_BS) for i in (0, 1)]
    return {
        output: (score_BS, ("documents", "tokens"))
        for output, score_BS in zip(HEADS["span"].token_outputs, scores, strict=True)
    }


def _choices(model: _Model, x_BSD: str) -> Outputs:
    g = model.g
    shape = g.op("Slice", g.op("Shape", "input_ids"), [0], [2])
    logits_BC = g.op("Reshape", model.linear(model.pooled(x_BSD), "classifier", exact=True), shape)
    is_there_BC = g.op("Reshape", g.op("ReduceMax", model.mask_BS, axes=[1], keepdims=0), shape)
    penalty_BC = g.op("Mul", g.cast(g.op("Equal", is_there_BC, 0), "float32"), MASKED_SCORE)
    return {"logits": (g.op("Add", logits_BC, penalty_BC), ("documents", "choices"))}


def _by_token(model: _Model, x: str, name: str) -> str:
    """A linear layer over every token, (B, S, outputs)."""
    g, width = model.g, model.config.hidden_size
    y_TL = model.linear(g.op("Reshape", x, [-1, width]), name, exact=True)
    return g.op(
        "Reshape", y_TL, g.op("Concat", [-1], model.n_tokens, [model.g.weights[f"{name}.weight"].shape[0]], axis=0)
    )


def _n_labels(model: _Model) -> int:
    return model.config.num_labels or 0


def _gelu(g: Graph, x: str) -> str:
    whole = g.op("Add", g.op("Erf", g.op("Div", x, np.float32(2**0.5))), np.float32(1))
    return g.op("Mul", g.op("Mul", x, whole), np.float32(0.5))


def _tanh_gelu(g: Graph, x: str) -> str:
    cubic = g.op("Mul", g.op("Mul", x, g.op("Mul", x, x)), np.float32(0.044715))
    inner = g.op("Mul", g.op("Add", x, cubic), np.float32((2 / np.pi) ** 0.5))
    return g.op("Mul", g.op("Mul", x, g.op("Add", g.op("Tanh", inner), np.float32(1))), np.float32(0.5))


def _silu(g: Graph, x: str) -> str:
    return g.op("Mul", x, g.op("Sigmoid", x))


_ACTIVATIONS: Final[Mapping[str, Callable[[Graph, str], str]]] = {
    "gelu": _gelu,
    "gelu_new": _tanh_gelu,
    "gelu_fast": _tanh_gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "relu": lambda g, x: g.op("Relu", x),
    "silu": _silu,
    "swish": _silu,
    "tanh": lambda g, x: g.op("Tanh", x),
}

GRAPHS: Final = {
    "none": _encoder,
    "embedding": _embedding,
    "embedding_labels": _embedding_labels,
    "document_labels": _document_labels,
    "token_labels": _token_labels,
    "span": _span,
    "choices": _choices,
}
"""What a graph gives above the encoder, by the names of bigbird.heads."""
