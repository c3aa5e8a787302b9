"""What must be right on a CUDA device: kernels in half precision, learning, resuming, predicting.

Attention goes through the programs written for it: blocks and heads are 16 wide or more.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.backend import Compute
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.pattern import block_pattern
from bigbird_cli.events import Saved, Step
from bigbird_cli.pytorch.model.kernels import KERNELS
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.recipe.schema import PretrainRecipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.training.train import train
from bigbird_cli.weights.checkpoint import read_checkpoint
from tests.conftest import write_wordpiece

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]

GPU = Compute("cuda")
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
    "block_size": 16,
    "num_random_blocks": 1,
}


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kernel", ["fused", "gather"])
def test_in_bfloat16_a_kernel_gives_values_and_gradients_of_the_reference(kernel: str, padded: bool) -> None:
    pattern = block_pattern(n_blocks=40, block_size=64, n_heads=2, n_random=3, layer=0)
    n_tokens = pattern.n_blocks * pattern.block_size
    generator = torch.Generator("cuda").manual_seed(0)
    is_token = torch.ones(2, n_tokens, dtype=torch.bool, device="cuda")
    is_token[1, -100:] = not padded
    q, k, v, d_out = (
        torch.randn(2, n_tokens, 2, 32, device="cuda", generator=generator).bfloat16().transpose(1, 2) for _ in range(4)
    )
    d_out = d_out * is_token[:, None, :, None]
    results = []
    for name, dtype in ((kernel, torch.bfloat16), ("reference", torch.float64)):
        queries, keys, values = qkv = [x.to(dtype).requires_grad_() for x in (q.detach(), k.detach(), v.detach())]
        out = KERNELS[name](queries, keys, values, is_token if padded else None, pattern)
        out.backward(d_out.to(dtype))
        results.append([out.detach() * is_token[:, None, :, None], *(x.grad for x in qkv)])
    for got, want in zip(*results, strict=True):
        assert (got.double() - want).norm() < 1e-2 * want.norm()


def features(lengths: list[int]) -> list[Feature]:
    rng = np.random.default_rng(0)
    return [
        Feature(
            ids=rng.integers(4, 50, size).astype(np.int32), types=(np.arange(size) > 4).astype(np.int8),
            labels={}, example=number,
        )
        for number, size in enumerate(lengths)
    ]  # fmt: skip


def test_a_prediction_is_the_processors() -> None:
    torch.manual_seed(0)
    model = BigBirdForQuestionAnswering(BigBirdConfig(vocab_size=50, initializer_range=0.2, **SIZES))
    inputs = features([500, 9, 130, 512, 300, 40, 131, 512])
    want = list(Predictor(model, head="span").predict(inputs, batch_size=8))
    got = list(Predictor(model.to("cuda"), head="span").predict(inputs, batch_size=8))
    for (_, each), (_, right) in zip(got, want, strict=True):
        for name, array in each.items():
            np.testing.assert_allclose(array, right[name], rtol=1e-3, atol=1e-3)


def recipe(folder: Path, **run: Any) -> PretrainRecipe:
    """Masked tokens of repeated lines, in windows that are read block-sparse."""
    vocabulary, text = folder / "vocabulary", folder / "text.txt"
    if not vocabulary.exists():
        vocabulary.mkdir()
        write_wordpiece(vocabulary)
        lines = ["the keeper lit the lamp in the tower", "ada and bel signed the lease in 1887"]
        text.write_text("\n".join(np.random.default_rng(0).choice(lines, 3000)))
    return PretrainRecipe.model_validate(
        {
            "model": {"tokenizer": str(vocabulary), "config": SIZES, "dropout": 0.0, "attention_dropout": 0.0},
            "task": {"type": "mlm", "window": 300},
            "data": {"train": str(text), "cache": str(folder / "cache")},
            "optim": {"lr": 1e-2, "batch_size": 16, "steps": 40},
            "run": {"log_every": 10, "eval_every": 40, "precision": "bfloat16", **run},
        }
    )


def test_training_lowers_the_loss_in_bfloat16(tmp_path: Path) -> None:
    losses = [event.loss for event in train(recipe(tmp_path), tmp_path / "run", compute=GPU) if isinstance(event, Step)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_resumed_run_is_the_run_but_for_rounding(tmp_path: Path) -> None:
    settings = recipe(tmp_path, save_every=20, precision="float32", keep=2, keep_after=1)
    list(train(settings, tmp_path / "straight", compute=GPU))
    run = train(settings, tmp_path / "broken", compute=GPU)
    for event in run:
        if isinstance(event, Saved) and event.step == 20:
            break
    run.close()  # type: ignore[attr-defined]
    list(train(settings, tmp_path / "broken", resume="auto", compute=GPU))
    straight, broken = (
        read_checkpoint(tmp_path / name / "checkpoints" / "step-40")[0] for name in ("straight", "broken")
    )
    assert straight.keys() == broken.keys()
    for name, array in straight.items():
        if name.startswith("model."):
            assert np.linalg.norm(broken[name] - array) <= 1e-2 * np.linalg.norm(array) + 1e-6, name
