"""The plain call refuses what the command refuses."""

from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.errors import ModelError, UsageError


def test_convert_refuses_what_the_command_refuses(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        bb.convert(tmp_path / "none", tmp_path / "out", random_blocks=2)
    with pytest.raises(UsageError, match="num_random_blocks: -1"):
        bb.convert(tmp_path / "none", tmp_path / "out", random_blocks=-1)
