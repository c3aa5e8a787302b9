"""Prediction: every feature's own result, in order, whatever it is computed beside."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ResourceError, UsageError
from bigbird_cli.pytorch import devices
from bigbird_cli.pytorch.devices import pick_device, use_threads
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.pytorch.predict import Predictor, open_predictor
from bigbird_cli.tasks import passes
from bigbird_cli.tasks.base import Feature
from bigbird_cli.weights.store import open_folder

LENGTHS = [70, 5, 31, 200, 6, 90, 28, 33, 5, 64]  # up to 28 tokens run full attention, the others block-sparse
SEP = 3


def tiny_config() -> BigBirdConfig:
    return BigBirdConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        block_size=4,
        num_random_blocks=1,
        sep_token_id=SEP,
    )


@pytest.fixture(scope="module")
def model() -> BigBirdForQuestionAnswering:
    torch.manual_seed(0)
    model = BigBirdForQuestionAnswering(tiny_config())
    for parameter in model.parameters():  # far enough from zero that every input matters
        parameter.data.normal_(std=0.3)
    return model.eval()


def features(lengths: list[int] = LENGTHS) -> Iterator[Feature]:
    for number, size in enumerate(lengths):
        ids = np.random.default_rng(number).integers(4, 50, size).astype(np.int32)
        ids[2] = ids[-1] = SEP
        types = (np.arange(size) > 2).astype(np.int8)
        yield Feature(ids=ids, types=types, labels={}, example=number)


def alone(model: BigBirdForQuestionAnswering, feature: Feature) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        output = model(torch.tensor(feature.ids)[None].long(), token_type_ids=torch.tensor(feature.types)[None].long())
    return {name: output[name][0].numpy() for name in ("start_logits", "end_logits")}


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("max_tokens", [1, 128, passes.MAX_TOKENS])
def test_each_feature_gets_what_it_gets_alone(
    model: BigBirdForQuestionAnswering, batch_size: int, max_tokens: int
) -> None:
    predictor = Predictor(model, head="span", max_tokens=max_tokens)
    got = list(predictor.predict(features(), batch_size=batch_size))
    assert len(got) == len(LENGTHS)
    for feature, (given, outputs) in zip(features(), got, strict=True):
        np.testing.assert_array_equal(given.ids, feature.ids)
        want = alone(model, feature)
        assert set(outputs) == set(want)
        for name, array in outputs.items():
            assert array.dtype == np.float32
            np.testing.assert_allclose(array, want[name], rtol=1e-5, atol=1e-5)


def test_order_of_the_input_changes_no_result(model: BigBirdForQuestionAnswering) -> None:
    predictor = Predictor(model, head="span")
    forth = list(predictor.predict(features(), batch_size=4))
    back = list(predictor.predict(reversed(list(features())), batch_size=4))[::-1]
    for (_, one), (_, other) in zip(forth, back, strict=True):
        np.testing.assert_allclose(one["start_logits"], other["start_logits"], rtol=1e-5, atol=1e-5)


def test_forward_passes_keep_within_batch_size_and_tokens(
    model: BigBirdForQuestionAnswering, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[torch.Size] = []
    forward = model.forward

    def noted(**inputs: Any) -> Any:
        shapes.append(inputs["input_ids"].shape)
        return forward(**inputs)

    monkeypatch.setattr(model, "forward", noted)
    list(Predictor(model, head="span", max_tokens=130).predict(features(), batch_size=3))
    assert all(rows <= 3 and (rows == 1 or rows * width <= 130) for rows, width in shapes)
    assert len(shapes) < len(LENGTHS)  # mates of like length do share a pass
    assert sum(rows * width for rows, width in shapes) < 1.25 * sum(LENGTHS)


def test_features_are_read_ahead_a_bounded_way(model: BigBirdForQuestionAnswering) -> None:
    taken = 0

    def endless() -> Iterator[Feature]:
        nonlocal taken
        while True:
            taken += 1
            yield next(features([5]))

    outputs = Predictor(model, head="span").predict(endless(), batch_size=2)
    next(outputs)
    assert taken <= 2 * passes.LOOK_AHEAD


def test_nothing_to_read_gives_nothing(model: BigBirdForQuestionAnswering) -> None:
    assert list(Predictor(model, head="span").predict(iter([]), batch_size=2)) == []


def test_the_models_mode_is_left_as_it_was(model: BigBirdForQuestionAnswering) -> None:
    model.train()
    try:
        _, first = next(Predictor(model, head="span").predict(features([40]), batch_size=1))
        assert model.training
    finally:
        model.eval()
    np.testing.assert_array_equal(first["end_logits"], alone(model, next(features([40])))["end_logits"])


def test_a_model_folder_opens_for_prediction(model: BigBirdForQuestionAnswering, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    predictor = open_predictor(open_folder(str(tmp_path)), head="span", device="cpu")
    assert (predictor.device, predictor.attention) == ("cpu", "block_sparse")
    _, got = next(predictor.predict(features([60]), batch_size=1))
    np.testing.assert_allclose(got["start_logits"], alone(model, next(features([60])))["start_logits"], atol=1e-6)


def test_want_of_memory_says_what_to_do(model: BigBirdForQuestionAnswering, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(**_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:113] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(model, "forward", forward)
    with pytest.raises(ResourceError, match="batch_size="):
        list(Predictor(model, head="span").predict(features(), batch_size=4))


def test_another_runtime_error_is_not_taken_for_want_of_memory(
    model: BigBirdForQuestionAnswering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(**_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(model, "forward", forward)
    with pytest.raises(RuntimeError, match="shapes"):
        list(Predictor(model, head="span").predict(features(), batch_size=4))


@pytest.mark.parametrize("name", ["gpu", "cuda:-1", "cuda:x", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="device"):
        pick_device(name)


def test_the_processor_is_always_there() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in {"cpu", "cuda", "mps"}


def test_no_threads_cannot_compute() -> None:
    with pytest.raises(UsageError, match="0 threads"):
        use_threads(0)


def test_a_batch_of_nothing_is_refused(model: BigBirdForQuestionAnswering) -> None:
    with pytest.raises(UsageError, match="batch"):
        next(Predictor(model, head="span").predict(features(), batch_size=0))


def test_an_unknown_head_is_refused(model: BigBirdForQuestionAnswering) -> None:
    with pytest.raises(UsageError, match="tail"):
        Predictor(model, head="tail")


def test_freed_memory_is_kept_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda option, value: said.append((option, value)))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)
    devices.keep_memory()
    assert said == [(-3, 1 << 30), (-1, -1)]
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    devices.keep_memory()
    assert len(said) == 2


def test_a_library_without_mallopt_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    devices.keep_memory()
