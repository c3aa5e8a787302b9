"""Reading by onnxruntime, without a framework: the only room that imports it; the extra `bigbird-cli[onnx]` brings it.

A graph is composed here of a model's config in some milliseconds, by no framework, and takes its weights from the
model's folder: there is nothing to export before a model is read, nor to keep afterwards.

Raises:
    UsageError: on import, where onnxruntime is not installed.
"""

from bigbird_cli.errors import needs_extra
from bigbird_cli.lazy import lazy_names

with needs_extra("onnx", where="backend onnx"):
    import onnxruntime  # noqa: F401

_HOMES = {
    "open_predictor": "bigbird_cli.onnx.predict",
    "run_graph": "bigbird_cli.onnx.sessions",
    "write_graph": "bigbird_cli.onnx.export",
}
"""What `Backend` and `GraphIO` ask for."""

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
