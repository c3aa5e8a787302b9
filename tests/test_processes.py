"""Processes of ours import from where their parent does."""

import os
import sys

import pytest

from bigbird_cli.processes import python_environment


def test_the_current_folder_that_a_notebook_looks_in_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert "" not in python_environment()["PYTHONPATH"].split(os.pathsep)
