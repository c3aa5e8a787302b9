"""The PyTorch backend: the only room that imports torch.

Raises:
    UsageError: on import, where PyTorch is not installed.
"""

from importlib.util import find_spec

from bigbird_cli.errors import UsageError
from bigbird_cli.lazy import lazy_names

if find_spec("torch") is None:  # a look alone: importing it takes seconds
    raise UsageError("PyTorch is not installed", fix="pip install torch")

_HOMES = {
    "accelerator": "bigbird_cli.pytorch.devices",
    "connect": "bigbird_cli.pytorch.world",
    "open_engine": "bigbird_cli.pytorch.engine",
    "open_predictor": "bigbird_cli.pytorch.predict",
    "probe": "bigbird_cli.pytorch.probing",
    "weight_types": "bigbird_cli.pytorch.pickles",
    "weights": "bigbird_cli.pytorch.pickles",
    "write_weights": "bigbird_cli.pytorch.pickles",
}
"""What `Backend` and `PickleIO` ask for. `bigbird qa` needs not wait for what trains."""

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
