"""Models that one model became are averaged, tensor by tensor."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bigbird_cli.weights.store import open_folder, read_tensors, write_model

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipes/scripts"))
import average


def shifted(folder: Path, by: float) -> Path:
    """qa-mini with every value moved."""
    shipped = open_folder("qa-mini")
    tensors = {name: array + np.float32(by) for name, array in read_tensors(shipped.path).items()}
    write_model(folder, config=shipped.config, tensors=tensors, files={"task.json": b"{}"})
    return folder


def test_the_mean_goes_by_the_weights_given(tmp_path: Path) -> None:
    average.main([str(tmp_path / "out"), "qa-mini", str(shifted(tmp_path / "a", 4.0)), "--weights", "3,1"])
    got, shipped = read_tensors(tmp_path / "out"), read_tensors(open_folder("qa-mini").path)
    for name, array in got.items():
        np.testing.assert_allclose(array, shipped[name] + 1, atol=1e-5)
    assert (tmp_path / "out/tokenizer.json").is_file()


def test_a_model_of_other_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="not the tensors of the first"):
        average.main([str(tmp_path / "out"), "qa-mini", "ner-mini"])
