"""Tiny models in both frameworks, with the same weights.

XLA optimises little here: programs are compiled for a test or two, and compiling is what takes the time. It shows two
devices, which are the one processor.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

XLA_FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_force_host_platform_device_count=2",
)
os.environ.setdefault("XLA_FLAGS", " ".join(XLA_FLAGS))

SETTINGS: dict[str, Any] = {
    "vocab_size": 80,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 256,
    "block_size": 8,
    "num_random_blocks": 2,
    "num_labels": 3,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
"""Full attention up to 72 tokens."""


@pytest.fixture
def both(tmp_path: Path) -> Callable[..., tuple[Any, Any]]:
    """Make a class's model in PyTorch and in Flax, with the same weights."""
    import torch

    import bigbird_cli as bb

    def make(kind: str, *, dtype: Any = "float32", **changes: Any) -> tuple[Any, Any]:
        torch.manual_seed(0)
        theirs = getattr(bb, kind)(bb.BigBirdConfig(**{**SETTINGS, **changes})).eval()
        for parameter in theirs.parameters():
            parameter.data.normal_(std=0.3)
        theirs.save_pretrained(tmp_path / kind)
        return theirs, getattr(bb, f"Flax{kind}").from_pretrained(tmp_path / kind, dtype)

    return make
