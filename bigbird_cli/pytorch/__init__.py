"""The PyTorch backend: the only room that imports torch."""

from bigbird_cli.pytorch.pickles import weight_types, weights, write_weights
from bigbird_cli.pytorch.predict import open_predictor
from bigbird_cli.pytorch.probe import probe
from bigbird_cli.pytorch.train import check, train

__all__ = ["check", "open_predictor", "probe", "train", "weight_types", "weights", "write_weights"]
