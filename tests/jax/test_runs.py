"""A run folder is no framework's own: what one trained, the other reads, and begins from."""

from pathlib import Path

import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import bigbird_cli as bb
from bigbird_cli.errors import UsageError
from bigbird_cli.events import Finished, Saved
from bigbird_cli.training.train import train
from tests.training.runs import CPU, data, recipe, start

__all__ = ["data", "start"]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("pytorch", "jax"), ("jax", "pytorch")])
def test_a_run_folder_of_one_backend_is_read_and_begun_from_in_the_other_but_not_resumed(
    first: str, second: str, start: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run = train(recipe(start, data, backend=first, run__eval_every=2), out, compute=CPU)
    next(event for event in run if isinstance(event, Saved))
    del run  # which stops it
    with pytest.raises(UsageError, match=rf"started otherwise: backend {first} → {second}.*--set model.start="):
        list(train(recipe(start, data, backend=second, run__eval_every=2), out, resume="auto", compute=CPU))

    mine, other = (bb.evaluate(out, data / "dev.json", backend=each, device="cpu") for each in (first, second))
    assert other["scores"] == pytest.approx(mine["scores"], abs=1e-3)
    begun = recipe(out, data, backend=second, optim__steps=2)
    assert isinstance(list(train(begun, tmp_path / "next", compute=CPU))[-1], Finished)
