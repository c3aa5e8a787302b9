"""What `auto` stands for, by what is installed and where it is to compute."""

from types import SimpleNamespace

import pytest

from bigbird_cli import backend
from bigbird_cli.backend import choose_backend


@pytest.mark.parametrize(
    ("name", "device", "installed", "gpu", "chosen"),
    [
        ("auto", "auto", {"torch", "onnxruntime"}, False, "onnx"),
        ("auto", "cpu", {"torch", "onnxruntime"}, True, "onnx"),
        ("auto", "auto", {"torch", "onnxruntime"}, True, "pytorch"),
        ("auto", "cuda:0", {"torch", "onnxruntime"}, True, "pytorch"),
        ("auto", "auto", {"torch"}, False, "pytorch"),
        ("auto", "auto", {"onnxruntime"}, True, "onnx"),
        ("pytorch", "cpu", {"onnxruntime"}, False, "pytorch"),
        ("onnx", "cuda:0", {"torch"}, True, "onnx"),
    ],
)
def test_auto_is_onnx_on_a_processor_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, name: str, device: str, installed: set[str], gpu: bool, chosen: str
) -> None:
    _install(monkeypatch, installed)
    monkeypatch.setattr(backend, "_may_have_gpu", lambda: gpu)
    assert choose_backend(name, device=device) == chosen


@pytest.mark.parametrize(("installed", "chosen"), [({"torch", "onnxruntime"}, "pytorch"), ({"onnxruntime"}, "onnx")])
def test_much_is_read_by_pytorch_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], chosen: str
) -> None:
    _install(monkeypatch, installed)
    assert choose_backend("auto", device="cpu", is_short=False) == chosen


def _install(monkeypatch: pytest.MonkeyPatch, names: set[str]) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: SimpleNamespace() if name in names else None)


def test_a_driver_is_a_sign_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "sys", SimpleNamespace(platform="linux"))
    monkeypatch.setattr(backend, "_GPU_FILES", ("/no/such/file",))
    monkeypatch.setattr(backend, "which", lambda _: None)
    assert not backend._may_have_gpu()
    monkeypatch.setattr(backend, "which", lambda _: "/usr/bin/nvidia-smi")
    assert backend._may_have_gpu()
