"""Whether torch looks on while a model computes, and what must be left out then."""

import torch


def is_transformed() -> bool:
    """Whether torch.compile, torch.export or torch.func goes through the operations of this call.

    They know torch's own operations, not the functions with a backward pass of their own.
    """
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def has_fixed_shapes() -> bool:
    """Whether torch.export or torch.func goes through this call: no shape may depend on what a mask holds.

    torch.compile runs what depends on it outside of its programs.
    """
    return torch.compiler.is_exporting() or torch._C._are_functorch_transforms_active()
