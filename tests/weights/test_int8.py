"""Matrices in 8 bits on the disk are the same model but for the rounding, and every reader meets float32."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import bigbird_cli as bb
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.weights.convert import convert_model
from bigbird_cli.weights.describe import inspect_model
from bigbird_cli.weights.int8 import dequantized, quantized
from tests.weights.test_formats import write_bigbird


def test_a_number_is_off_by_half_a_step_of_its_row_at_most() -> None:
    matrix = np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32) * np.logspace(-6, 6, 50)[:, None]
    found = dequantized(quantized({"matrix": matrix}), where="file")["matrix"]
    assert found.dtype == np.float32
    steps = np.abs(matrix).max(axis=1, keepdims=True) / 127
    assert (np.abs(found - matrix) <= 0.501 * steps).all()


def test_rounding_again_changes_nothing() -> None:
    stored = quantized({"matrix": np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)})
    again = quantized(dequantized(dict(stored), where="file"))
    np.testing.assert_array_equal(stored["matrix"], again["matrix"])


def test_vectors_whole_numbers_and_rows_of_zeros_stay() -> None:
    tensors: dict[str, np.ndarray] = {
        "bias": np.array([0.1, 2.0], np.float32),
        "ids": np.eye(3, dtype=np.int64),
        "zeros": np.zeros((2, 3)),
    }
    found = dequantized(quantized(tensors), where="file")
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)


def test_an_8_bit_model_is_read_as_one_of_float32(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    convert_model(source, tmp_path / "b", dtype="int8")
    stored = load_file(tmp_path / "b/model.safetensors")
    assert {array.dtype.name for array in stored.values() if array.ndim == 2} == {"int8"}
    convert_model(tmp_path / "b", tmp_path / "c")
    wide = load_file(tmp_path / "c/model.safetensors")
    assert wide.keys() == load_file(source / "model.safetensors").keys()
    opened = bb.BigBirdForQuestionAnswering.from_pretrained(tmp_path / "b").to_tensors()
    for name, array in wide.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(opened[name], array)
    types = {tensor.name: tensor.dtype for tensor in inspect_model(tmp_path / "b").tensors}
    assert types["qa_classifier.qa_outputs.weight"] == "int8"
    assert types["qa_classifier.qa_outputs.bias"] == "float32"


@pytest.mark.parametrize("scale", [np.ones(3, np.float32), np.array([1, np.inf], np.float32), np.ones(2, np.int32)])
def test_a_scale_that_does_not_fit_is_named(tmp_path: Path, scale: np.ndarray) -> None:
    folder = write_bigbird(tmp_path / "a")
    stored = quantized(load_file(folder / "model.safetensors"))
    stored["qa_classifier.qa_outputs.weight_scale"] = scale
    save_file(stored, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"qa_outputs\.weight_scale is"):
        bb.BigBirdForQuestionAnswering.from_pretrained(folder)


def test_only_safetensors_hold_8_bits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="int8 is not written as flax"):
        convert_model(write_bigbird(tmp_path / "a"), tmp_path / "b", dtype="int8", to="flax")
