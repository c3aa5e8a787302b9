"""Attention as operations of a graph: dense, or by each document's own blocks, as its own length decides.

Nothing here is a property of one length: a graph takes batches of any size and length, and every document in them gets
the attention and the random blocks that it would get alone.

Shape letters: B documents, S tokens of the batch, W the same in whole blocks where attention is sparse, N heads,
H head width, L blocks of b tokens, M blocks but the first, C key blocks of a query block, K keys in them, w blocks of
the window, Q queries.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.pattern import random_tables
from bigbird_cli.onnx.graph import Graph

LOWEST: Final = np.finfo(np.float32).min
"""What is added to the score of a key that must not be attended to: finite, as in the PyTorch model."""

_END: Final = [np.iinfo(np.int64).max]


@dataclass(frozen=True)
class Batch:
    """What attention needs to know of a batch, computed once for all layers."""

    bias_B1W: str
    """What is added to the scores of keys: 0, or LOWEST where no token stands."""
    width: str
    """W, a vector of one number."""
    blocks: "Blocks | None" = None
    """None in a model whose attention is always dense: W is S there."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a batch; all of it counts only where the batch is longer than dense attention reaches."""

    are_needed: str
    """Whether it is."""
    size: int
    reach: int
    """Tokens of the longest document under dense attention."""
    are_short: tuple[str, str] | None
    """Whether any document of the batch is that short, and which, (B, 1, 1); None where the batch's length counts."""
    n_blocks_B: str
    n_rows: str
    """M, a vector of one number."""
    first_B11: str
    """The number of each document's first block among those of all."""
    last_B: str
    """That of its last."""
    is_last_BM11: str
    fixed_BMC: str
    """The key blocks that no draw decides: the first, the window, the last."""
    is_there_BMC1: str
    """False where a window reaches beyond the blocks between the ends; the random ones are all there."""


def may_be_sparse(config: BigBirdConfig) -> bool:
    """Whether a document that the model has positions for can be so long that its attention is block-sparse."""
    return config.attention_type != "original_full" and config.max_position_embeddings > config.full_attention_limit


def describe_batch(g: Graph, mask_BS: str, config: BigBirdConfig) -> Batch:
    """Read a mask of 0 and 1: where each document ends decides how it attends."""
    shape = g.op("Shape", mask_BS)
    n_documents, n_tokens = (g.op("Slice", shape, [i], [i + 1]) for i in (0, 1))
    if not may_be_sparse(config):
        return Batch(_bias(g, mask_BS), n_tokens)
    size, reach = config.block_size, config.full_attention_limit
    are_needed = g.op("Greater", n_tokens, [reach])
    n_blocks = g.op("Div", g.op("Add", n_tokens, size - 1), size)
    width = g.op("Where", are_needed, g.op("Mul", n_blocks, size), n_tokens)
    mask_BW = g.op("Pad", mask_BS, g.op("Concat", [0, 0, 0], g.op("Sub", width, n_tokens), axis=0))
    are_short = None
    if config.pattern == "original":
        number_W = g.op("Range", 1, g.op("Squeeze", g.op("Add", width, 1)), 1)
        end_B = g.op("Max", g.op("ReduceMax", g.op("Mul", mask_BW, number_W), axes=[1], keepdims=0), 1)
        n_blocks_B = g.op("Div", g.op("Add", end_B, size - 1), size)
        is_short_B = g.op("LessOrEqual", end_B, reach)
        any_short = g.cast(g.op("ReduceMax", g.cast(is_short_B, "int32"), keepdims=0), "bool")
        are_short = any_short, g.op("Reshape", is_short_B, [-1, 1, 1])
    else:  # as transformers does
        n_blocks_B = g.op("Expand", n_blocks, n_documents)

    row_M = g.op("Range", 1, g.op("Squeeze", g.op("Max", n_blocks, 2)), 1)
    row_M1 = g.op("Unsqueeze", row_M, [1])
    end_B11 = g.op("Reshape", g.op("Sub", n_blocks_B, 1), [-1, 1, 1])
    aside = config.num_window_blocks // 2
    window_Mw = g.op("Add", row_M1, np.arange(-aside, aside + 1))
    is_inside_BMw = g.op("And", g.op("Greater", window_Mw, 0), g.op("Less", window_Mw, end_B11))
    zero_BM1 = g.op("Mul", g.op("Add", row_M1, end_B11), 0)
    fixed_BMC = g.op(
        "Concat", zero_BM1, g.op("Where", is_inside_BMw, window_Mw, 0), g.op("Add", zero_BM1, end_B11), axis=2
    )
    always_BM1 = g.op("Equal", zero_BM1, 0)
    is_there_BMC = g.op("Concat", always_BM1, is_inside_BMw, *[always_BM1] * (1 + config.num_random_blocks), axis=2)
    first_B = g.op("Mul", g.op("Range", 0, g.op("Squeeze", n_documents), 1), n_blocks)
    is_last_BM1 = g.op("Equal", row_M1, end_B11)
    blocks = Blocks(
        are_needed=are_needed,
        size=size,
        reach=reach,
        are_short=are_short,
        n_blocks_B=n_blocks_B,
        n_rows=g.op("Shape", row_M),
        first_B11=g.op("Reshape", first_B, [-1, 1, 1]),
        last_B=g.op("Sub", g.op("Add", first_B, n_blocks_B), 1),
        is_last_BM11=g.op("Unsqueeze", is_last_BM1, [3]),
        fixed_BMC=fixed_BMC,
        is_there_BMC1=g.op("Unsqueeze", is_there_BMC, [3]),
    )
    return Batch(_bias(g, mask_BW), width, blocks)


def attend(g: Graph, q_NBWH: str, k_NBWH: str, v_NBWH: str, batch: Batch, config: BigBirdConfig, *, layer: int) -> str:
    """What the queries, divided by √H already, take from the values: (N, B, W, H)."""
    qkv, bias_B1W, blocks = (q_NBWH, k_NBWH, v_NBWH), batch.bias_B1W, batch.blocks
    if blocks is None:
        return _dense(g, *qkv, bias_B1W)
    sparse, dense = g.branch(), g.branch()
    by_blocks_NBWH = _by_head(sparse, *qkv, bias_B1W, blocks, config, layer)
    if blocks.are_short is not None:
        by_blocks_NBWH = _short_ones_dense(sparse, by_blocks_NBWH, *qkv, bias_B1W, blocks)
    return g.either(blocks.are_needed, sparse, by_blocks_NBWH, dense, _dense(dense, *qkv, bias_B1W))


def _bias(g: Graph, mask_BW: str) -> str:
    return g.op("Unsqueeze", g.op("Where", g.cast(mask_BW, "bool"), np.float32(0), LOWEST), [1])


def _dense(g: Graph, q: str, k: str, v: str, bias: str, *, n_dims: int = 4) -> str:
    """Softmax(q kᵀ + bias) v."""
    k_turned = g.op("Transpose", k, perm=[*range(n_dims - 2), n_dims - 1, n_dims - 2])
    weights = g.op("Softmax", g.op("Add", g.op("MatMul", q, k_turned), bias), axis=-1)
    return g.op("MatMul", weights, v)


def _short_ones_dense(
    g: Graph, sparse_NBWH: str, q_NBWH: str, k_NBWH: str, v_NBWH: str, bias_B1W: str, blocks: Blocks
) -> str:
    """The documents of a batch that are short enough for dense attention get it."""
    assert blocks.are_short is not None
    any_short, is_short_B11 = blocks.are_short
    mixed, alike = g.branch(), g.branch()
    start = [mixed.op("Slice", x, [0], [blocks.reach], [2]) for x in (q_NBWH, k_NBWH, v_NBWH, sparse_NBWH)]
    q, k, v, sparse = start
    dense = _dense(mixed, q, k, v, mixed.op("Slice", bias_B1W, [0], [blocks.reach], [2]))
    rest = mixed.op("Slice", sparse_NBWH, [blocks.reach], _END, [2])
    own = mixed.op("Concat", mixed.op("Where", is_short_B11, dense, sparse), rest, axis=2)
    return g.either(any_short, mixed, own, alike, alike.op("Identity", sparse_NBWH))


def _by_head(
    g: Graph, q_NBWH: str, k_NBWH: str, v_NBWH: str, bias_B1W: str, blocks: Blocks, config: BigBirdConfig, layer: int
) -> str:
    """Block-sparse attention, one head after the other: its gathered keys and its scores are held at a time."""
    tables, table_of = random_tables(
        n_blocks=-(-config.max_position_embeddings // config.block_size),
        block_size=config.block_size,
        n_heads=config.num_attention_heads,
        n_random=config.num_random_blocks,
        layer=layer,
        n_window=config.num_window_blocks,
        variant=config.pattern,
        max_tokens=config.max_position_embeddings,
    )
    table_B = g.op("Gather", table_of, blocks.n_blocks_B)
    head = g.branch()
    q_BWH, k_BWH, v_BWH = (head.argument("float32") for _ in range(3))
    tables_2Rr = head.argument("int64")
    random_BMr = head.op("Slice", head.op("Gather", tables_2Rr, table_B), [0], blocks.n_rows, [1])
    listed_BMC = head.op("Concat", blocks.fixed_BMC, random_BMr, axis=2)
    out_BWH = _sparse(head, q_BWH, k_BWH, v_BWH, bias_B1W, listed_BMC, blocks, config)
    return g.for_each(head, out_BWH, q_NBWH, k_NBWH, v_NBWH, tables.swapaxes(0, 1))


def _sparse(
    g: Graph, q_BWH: str, k_BWH: str, v_BWH: str, bias_B1W: str, listed_BMC: str, blocks: Blocks, config: BigBirdConfig
) -> str:
    size, width = blocks.size, config.hidden_size // config.num_attention_heads
    found_BMC = g.op("Add", listed_BMC, blocks.first_B11)
    of_block = [g.op("Reshape", x, [-1, size * width]) for x in (q_BWH, k_BWH, v_BWH)]
    k_BMKH, v_BMKH = (g.op("Reshape", g.op("Gather", x, found_BMC), [0, 0, -1, width]) for x in of_block[1:])
    bias_BMCb = g.op("Gather", g.op("Reshape", bias_B1W, [-1, size]), found_BMC)
    bias_BM1K = g.op("Reshape", g.op("Where", blocks.is_there_BMC1, bias_BMCb, LOWEST), [0, 0, 1, -1])
    q_BMbH = g.op("Slice", g.op("Reshape", q_BWH, [0, -1, size, width]), [1], _END, [1])
    out_BMbH = _dense(g, q_BMbH, k_BMKH, v_BMKH, bias_BM1K)

    # the first and the last block of each document attend to every key
    q_first_BbH = g.op("Slice", q_BWH, [0], [size], [1])
    q_last_BbH = g.op("Reshape", g.op("Gather", of_block[0], blocks.last_B), [0, size, width])
    ends_BQH = _dense(g, g.op("Concat", q_first_BbH, q_last_BbH, axis=1), k_BWH, v_BWH, bias_B1W, n_dims=3)
    first_B1bH, last_B1bH = (
        g.op("Unsqueeze", g.op("Slice", ends_BQH, [start], [start + size], [1]), [1]) for start in (0, size)
    )
    out_BMbH = g.op("Where", blocks.is_last_BM11, last_B1bH, out_BMbH)
    return g.op("Reshape", g.op("Concat", first_B1bH, out_BMbH, axis=1), [0, -1, width])
