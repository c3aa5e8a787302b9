"""A linear classifier over an encoder as it is: no steps, one reading of the examples."""

from typing import Any

import numpy as np
import torch

from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.tasks.base import Features

BATCH_SIZE = 32


def fit_head(model: PretrainedModel, task: Any, features: Features) -> None:
    """Fit a SentenceClassifier's linear layer to the places of training windows.

    Args:
        model: whose encoder stays as it is.
        task: the classification, which knows its labels and how to fit.
        features: with labels.

    Raises:
        ResourceError: memory did not suffice.
    """
    predictor = Predictor(model, head="embedding")
    places = [outputs["embedding"] for _, outputs in predictor.predict(features, batch_size=BATCH_SIZE)]
    labels, examples = [each.labels["labels"] for each in features], [each.example for each in features]
    weights, biases = task.fitted_head(np.stack(places), labels, examples)
    linear = model.get_submodule("linear")
    with torch.no_grad():
        linear.get_parameter("weight").copy_(torch.from_numpy(weights))
        linear.get_parameter("bias").copy_(torch.from_numpy(biases))
