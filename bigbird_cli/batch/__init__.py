"""Reading on an engine that spreads tables over many machines, such as Ray Data, Spark or datatrove."""

from typing import TYPE_CHECKING

from bigbird_cli.lazy import lazy_names

if TYPE_CHECKING:
    from bigbird_cli.batch.reader import Reader as Reader
    from bigbird_cli.report.parquet import SCHEMA as SCHEMA

_HOMES = {"SCHEMA": "bigbird_cli.report.parquet", "Reader": "bigbird_cli.batch.reader"}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
