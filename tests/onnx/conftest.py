"""These tests run graphs."""

import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bigbird-cli[onnx]'")
