"""The GPU programs of `fused`, in Triton: one tile of queries or keys each, over the blocks that it meets.

Softmax is summed as blocks come (Milakov and Gimelshein, 2018, arXiv:1805.02867), and the backward pass computes the
weights again from the saved sums (Dao et al., 2022, arXiv:2205.14135). Sums and products are float32; operands of
products have the inputs' type. Importing this file needs triton.
"""

# mypy: disable-error-code="no-untyped-def, import-not-found, import-untyped, no-untyped-call, untyped-decorator"

import triton
import triton.language as tl


@triton.jit
def _scores(q, k, is_token, queries, keys, scale, IS_OWN, HAS_MASK: tl.constexpr, IS_CAUSAL: tl.constexpr,
            PRECISION: tl.constexpr):  # fmt: skip
    """Scores of a tile in units of log 2, -inf where a key is masked."""
    scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale
    if HAS_MASK:
        scores = tl.where(is_token[None, :], scores, float("-inf"))
    if IS_CAUSAL:
        scores = tl.where(IS_OWN & (keys[None, :] > queries[:, None]), float("-inf"), scores)
    return scores


@triton.jit
def forward(q_ptr, k_ptr, v_ptr, token_ptr, out_ptr, sums_ptr, blocks_ptr, counts_ptr,
            q_b, q_n, q_s, k_b, k_n, k_s, v_b, v_n, v_s, o_b, o_n, o_s, N, L, W, scale,
            H: tl.constexpr, BLOCK: tl.constexpr, HAS_MASK: tl.constexpr, IS_CAUSAL: tl.constexpr,
            PRECISION: tl.constexpr):  # fmt: skip
    """Attend for one query block of one head; blocks are listed in (N, L, W), their number -1 where all are met."""
    pair, row = tl.program_id(0), tl.program_id(1)
    row = tl.where(row == 0, 0, L - row)  # the last, which may attend to everything, is begun second
    b, n = (pair // N).to(tl.int64), (pair % N).to(tl.int64)
    within = tl.arange(0, BLOCK)
    width = tl.arange(0, H)
    q = tl.load(q_ptr + b * q_b + n * q_n + (row * BLOCK + within)[:, None] * q_s + width[None, :])
    largest = tl.full([BLOCK], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    sum_of_values = tl.zeros([BLOCK, H], tl.float32)
    count = tl.load(counts_ptr + n * L + row)
    reads_all = count < 0
    for slot in range(tl.where(reads_all, L, count)):
        block = tl.where(reads_all, slot, tl.load(blocks_ptr + (n * L + row) * W + slot, mask=slot < W, other=0))
        at = block * BLOCK + within
        k = tl.load(k_ptr + b * k_b + n * k_n + at[:, None] * k_s + width[None, :])
        v = tl.load(v_ptr + b * v_b + n * v_n + at[:, None] * v_s + width[None, :])
        is_token = within >= 0
        if HAS_MASK:
            is_token = tl.load(token_ptr + b * L * BLOCK + at) != 0
        scores = _scores(q, k, is_token, within, within, scale, block == row, HAS_MASK, IS_CAUSAL, PRECISION)
        new_largest = tl.maximum(largest, tl.max(scores, 1))
        base = tl.where(new_largest == float("-inf"), 0.0, new_largest)
        weights = tl.exp2(scores - base[:, None])
        shrink = tl.exp2(largest - base)
        total = total * shrink + tl.sum(weights, 1)
        sum_of_values = sum_of_values * shrink[:, None]
        sum_of_values += tl.dot(weights.to(v.dtype), v, input_precision=PRECISION)
        largest = new_largest
    total = tl.where(total == 0.0, 1.0, total)  # a query that may attend to nothing gets zeros
    out = sum_of_values / total[:, None]
    at = (row * BLOCK + within)[:, None]
    tl.store(out_ptr + b * o_b + n * o_n + at * o_s + width[None, :], out.to(out_ptr.dtype.element_ty))
    # +inf makes every weight of such a query zero in the backward pass
    sums = tl.where(largest == float("-inf"), float("inf"), largest + tl.log2(total))
    tl.store(sums_ptr + pair.to(tl.int64) * L * BLOCK + row * BLOCK + within, sums)


@triton.jit
def backward_queries(q_ptr, k_ptr, v_ptr, token_ptr, d_out_ptr, sums_ptr, delta_ptr, dq_ptr, blocks_ptr, counts_ptr,
                     q_b, q_n, q_s, k_b, k_n, k_s, v_b, v_n, v_s, o_b, o_n, o_s, d_b, d_n, d_s, N, L, W, scale,
                     H: tl.constexpr, BLOCK: tl.constexpr, HAS_MASK: tl.constexpr, IS_CAUSAL: tl.constexpr,
                     PRECISION: tl.constexpr):  # fmt: skip
    """Gradient of one query block of one head; `o_*` are the strides of the output's gradient, `d_*` of its own."""
    pair, row = tl.program_id(0), tl.program_id(1)
    row = tl.where(row == 0, 0, L - row)
    b, n = (pair // N).to(tl.int64), (pair % N).to(tl.int64)
    within = tl.arange(0, BLOCK)
    width = tl.arange(0, H)
    here = (row * BLOCK + within)[:, None]
    q = tl.load(q_ptr + b * q_b + n * q_n + here * q_s + width[None, :])
    d_out = tl.load(d_out_ptr + b * o_b + n * o_n + here * o_s + width[None, :])
    in_rows = pair.to(tl.int64) * L * BLOCK + row * BLOCK + within
    sums, delta = tl.load(sums_ptr + in_rows), tl.load(delta_ptr + in_rows)
    dq = tl.zeros([BLOCK, H], tl.float32)
    count = tl.load(counts_ptr + n * L + row)
    reads_all = count < 0
    for slot in range(tl.where(reads_all, L, count)):
        block = tl.where(reads_all, slot, tl.load(blocks_ptr + (n * L + row) * W + slot, mask=slot < W, other=0))
        at = block * BLOCK + within
        k = tl.load(k_ptr + b * k_b + n * k_n + at[:, None] * k_s + width[None, :])
        v = tl.load(v_ptr + b * v_b + n * v_n + at[:, None] * v_s + width[None, :])
        is_token = within >= 0
        if HAS_MASK:
            is_token = tl.load(token_ptr + b * L * BLOCK + at) != 0
        scores = _scores(q, k, is_token, within, within, scale, block == row, HAS_MASK, IS_CAUSAL, PRECISION)
        weights = tl.exp2(scores - sums[:, None])
        d_weights = tl.dot(d_out, tl.trans(v), input_precision=PRECISION)
        d_scores = weights * (d_weights - delta[:, None])
        dq += tl.dot(d_scores.to(k.dtype), k, input_precision=PRECISION)
    dq = dq * (scale * 0.6931471805599453)  # the scores are in units of log 2
    tl.store(dq_ptr + b * d_b + n * d_n + here * d_s + width[None, :], dq.to(dq_ptr.dtype.element_ty))


@triton.jit
def backward_keys(q_ptr, k_ptr, v_ptr, token_ptr, d_out_ptr, sums_ptr, delta_ptr, dk_ptr, dv_ptr,
                  readers_ptr, firsts_ptr,
                  q_b, q_n, q_s, k_b, k_n, k_s, v_b, v_n, v_s, o_b, o_n, o_s, d_b, d_n, d_s, N, L, scale,
                  H: tl.constexpr, BLOCK: tl.constexpr, HAS_MASK: tl.constexpr, IS_CAUSAL: tl.constexpr,
                  PRECISION: tl.constexpr):  # fmt: skip
    """Gradients of one key block of one head: its readers stand from firsts[n, block] to the next."""
    pair, block = tl.program_id(0), tl.program_id(1)
    block = tl.where(block == 0, 0, L - block)
    b, n = (pair // N).to(tl.int64), (pair % N).to(tl.int64)
    within = tl.arange(0, BLOCK)
    width = tl.arange(0, H)
    here = (block * BLOCK + within)[:, None]
    k = tl.load(k_ptr + b * k_b + n * k_n + here * k_s + width[None, :])
    v = tl.load(v_ptr + b * v_b + n * v_n + here * v_s + width[None, :])
    is_token = within >= 0
    if HAS_MASK:
        is_token = tl.load(token_ptr + b * L * BLOCK + block * BLOCK + within) != 0
    dk = tl.zeros([BLOCK, H], tl.float32)
    dv = tl.zeros([BLOCK, H], tl.float32)
    first = tl.load(firsts_ptr + n * L + block)
    last = tl.load(firsts_ptr + n * L + block + 1)
    for slot in range(first, last):
        row = tl.load(readers_ptr + slot)
        at = (row * BLOCK + within)[:, None]
        q = tl.load(q_ptr + b * q_b + n * q_n + at * q_s + width[None, :])
        d_out = tl.load(d_out_ptr + b * o_b + n * o_n + at * o_s + width[None, :])
        in_rows = pair.to(tl.int64) * L * BLOCK + row * BLOCK + within
        sums, delta = tl.load(sums_ptr + in_rows), tl.load(delta_ptr + in_rows)
        scores = _scores(q, k, is_token, within, within, scale, block == row, HAS_MASK, IS_CAUSAL, PRECISION)
        weights = tl.exp2(scores - sums[:, None])
        dv += tl.dot(tl.trans(weights.to(d_out.dtype)), d_out, input_precision=PRECISION)
        d_weights = tl.dot(d_out, tl.trans(v), input_precision=PRECISION)
        d_scores = weights * (d_weights - delta[:, None])
        dk += tl.dot(tl.trans(d_scores.to(q.dtype)), q, input_precision=PRECISION)
    dk = dk * (scale * 0.6931471805599453)
    at = b * d_b + n * d_n + here * d_s + width[None, :]
    tl.store(dk_ptr + at, dk.to(dk_ptr.dtype.element_ty))
    tl.store(dv_ptr + at, dv.to(dv_ptr.dtype.element_ty))
