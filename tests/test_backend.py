"""What `auto` stands for, by what is installed and where it is to compute."""

from types import SimpleNamespace

import pytest

from bigbird_cli import backend
from bigbird_cli.backend import choose_backend


@pytest.mark.parametrize(
    ("name", "device", "installed", "gpu", "chosen"),
    [
        ("auto", "auto", True, False, "onnx"),
        ("auto", "cpu", True, True, "onnx"),
        ("auto", "auto", True, True, "pytorch"),
        ("auto", "cuda:0", True, True, "pytorch"),
        ("auto", "auto", False, False, "pytorch"),
        ("pytorch", "cpu", True, False, "pytorch"),
        ("onnx", "cuda:0", False, True, "onnx"),
    ],
)
def test_auto_is_onnx_on_a_processor_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, name: str, device: str, installed: bool, gpu: bool, chosen: str
) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda _: SimpleNamespace() if installed else None)
    monkeypatch.setattr(backend, "_may_have_gpu", lambda: gpu)
    assert choose_backend(name, device=device) == chosen


def test_a_driver_is_a_sign_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "sys", SimpleNamespace(platform="linux"))
    monkeypatch.setattr(backend, "_GPU_FILES", ("/no/such/file",))
    monkeypatch.setattr(backend, "which", lambda _: None)
    assert not backend._may_have_gpu()
    monkeypatch.setattr(backend, "which", lambda _: "/usr/bin/nvidia-smi")
    assert backend._may_have_gpu()
