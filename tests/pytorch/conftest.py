"""Fixtures of training."""

from tests.training.runs import data, start

__all__ = ["data", "start"]
