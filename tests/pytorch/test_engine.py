"""PyTorch's engine: splitting a batch changes no gradient, and what is not finite or does not fit changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.backend import Alone
from bigbird_cli.errors import DivergedError, ResourceError
from bigbird_cli.events import Event, Step
from bigbird_cli.pytorch.engine import Engine
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.pytorch.model.outputs import BigBirdForQuestionAnsweringModelOutput
from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.training.batching import seeded, split
from bigbird_cli.training.job import Job, open_job
from bigbird_cli.training.loader import EpochLoader
from bigbird_cli.training.run import reject_diverged
from bigbird_cli.training.train import train
from tests.training.runs import CPU, metrics, recipe, weights


def opened(settings: FinetuneRecipe, folder: Path) -> tuple[Job, Engine]:
    job = open_job(settings, cache=folder, compute=CPU, peers=Alone())
    assert isinstance(job.engine, Engine)
    return job, job.engine


def gradient(settings: FinetuneRecipe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """What the optimiser is given for a batch of short and long inputs."""
    job, engine = opened(settings, folder)
    assert isinstance(job.loader, EpochLoader)
    monkeypatch.setattr(engine.optimiser, "zero_grad", lambda **_: None)
    features = [job.loader.ready(int(i), epoch=0) for i in np.argsort(job.loader.lengths)[::4]]
    engine.step(seeded(split(features, settings.optim), seed=0, step=1), step=1, share=0.0)
    return {name: weight.grad for name, weight in engine.model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize(
    "how",
    [{"optim__micro_batch_size": 1}, {"optim__max_tokens_per_micro_batch": 80}, {"run__gradient_checkpointing": True}],
)
def test_splitting_a_batch_changes_no_gradient(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    still: dict[str, Any] = {"model__dropout": 0.0, "model__attention_dropout": 0.0}
    whole = gradient(
        recipe(start, data, **still, optim__batch_size=8, optim__micro_batch_size=8), tmp_path, monkeypatch
    )
    parts = gradient(
        recipe(start, data, **still, optim__batch_size=8, **({"optim__micro_batch_size": 8} | how)),
        tmp_path,
        monkeypatch,
    )
    assert whole.keys() == parts.keys()
    assert max(float(each.abs().max()) for each in whole.values()) > 1e-2
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=2e-7, msg=name)


def test_a_loss_that_is_not_finite_stops_before_the_step(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[BigBirdForQuestionAnsweringModelOutput] = []
    forward = BigBirdForQuestionAnswering.forward

    def poisoned(self: BigBirdForQuestionAnswering, **inputs: Any) -> Any:
        output = forward(self, **inputs)
        if output.loss is None:
            return output
        batches.append(output)
        return type(output)(loss=output.loss * (float("nan") if len(batches) == 7 else 1.0))

    monkeypatch.setattr(BigBirdForQuestionAnswering, "forward", poisoned)
    settings = recipe(start, data, optim__micro_batch_size=1, run__save_every=1, run__log_every=1)
    events: list[Event] = []
    with pytest.raises(DivergedError, match=r"the loss is nan at step 2; the examples were .*question q\d+;") as caught:
        events += train(settings, tmp_path / "run", compute=CPU)
    assert caught.value.exit_code == 6
    assert caught.value.problem.count("question q") == 1  # the guilty pass alone is named
    assert metrics(tmp_path / "run")[-1] == {"event": "diverged", "step": 2, "problem": caught.value.problem}
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-1"]


def test_a_gradient_that_is_not_finite_stops_before_the_step(start: Path, data: Path, tmp_path: Path) -> None:
    settings = recipe(start, data)
    job, engine = opened(settings, tmp_path)
    weight = engine.model.get_parameter("bert.embeddings.word_embeddings.weight")
    weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weight.detach().clone()
    batch = seeded(split(job.loader.batch(1), settings.optim), seed=0, step=1)
    result = engine.step(batch, step=1, share=1.0)
    assert (result.diverged, result.not_finite) == (True, ())
    with pytest.raises(DivergedError, match=r"gradient's norm is (inf|nan) at step 1; the examples were .*question q"):
        reject_diverged(result, batch, 1)
    assert torch.equal(weight, before)
    assert not engine.optimiser.state


def test_want_of_memory_names_the_setting(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(BigBirdForQuestionAnswering, "forward", forward)
    with pytest.raises(ResourceError, match=r"optim\.micro_batch_size"):
        list(train(recipe(start, data, dev=False), tmp_path / "run", compute=CPU))


def test_want_of_memory_in_an_evaluation_names_no_option_that_training_lacks(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = BigBirdForQuestionAnswering.forward

    def greedy(self: BigBirdForQuestionAnswering, **inputs: Any) -> Any:
        if not self.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return forward(self, **inputs)

    monkeypatch.setattr(BigBirdForQuestionAnswering, "forward", greedy)
    with pytest.raises(ResourceError, match="out of memory") as caught:
        list(train(recipe(start, data, optim__steps=1), tmp_path / "run", compute=CPU))
    assert "--device" in str(caught.value.fix)
    assert "--batch-size" not in str(caught.value)


def test_half_precision_arithmetic_keeps_whole_weights(start: Path, data: Path, tmp_path: Path) -> None:
    events = list(train(recipe(start, data, run__precision="bfloat16", optim__steps=3), tmp_path / "run", compute=CPU))
    assert np.isfinite(next(event.loss for event in events if isinstance(event, Step)))
    assert {array.dtype for array in weights(tmp_path / "run", 3).values()} == {np.dtype(np.float32)}
