"""The slow, obvious kernel that the others are measured against.

It writes the whole S x S matrix of scores. A key that a pattern names c times counts c times in the softmax, which is
the same as adding ln c to its score.
"""

import torch
from torch import Tensor

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.kernels.full import key_bias


def reference(
    q_BNSH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, is_token_BS: Tensor | None, pattern: BlockPattern | None = None
) -> Tensor:
    """Attention by definition, with quadratic memory; for tests and small inputs."""
    n_tokens, head_width = q_BNSH.shape[-2:]
    scores_BNSS = q_BNSH @ k_BNSH.transpose(-1, -2) / head_width**0.5
    if is_token_BS is not None:
        scores_BNSS = scores_BNSS + key_bias(is_token_BS, scores_BNSS.dtype)[:, None, None, :]
    if pattern is not None:
        block = n_tokens // pattern.n_blocks
        counts_NLL = torch.from_numpy(pattern.counts()).to(q_BNSH)
        counts_NSS = counts_NLL.repeat_interleave(block, dim=1).repeat_interleave(block, dim=2)
        scores_BNSS = scores_BNSS + counts_NSS.log()
    return scores_BNSS.softmax(dim=-1) @ v_BNSH
