"""As much of Ray Data, Spark and datatrove as the examples of batch/README.md use, for where they are not installed.

Each does what it stands for with the reading step as that would: it travels by pickle, and gets a few rows at a time.
"""

import json
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bigbird_cli.batch import Reader

AT_ONCE = 2


def modules(**homes: dict[str, Any]) -> dict[str, ModuleType]:
    """Modules of these names, a dot written as two underscores, with those above them."""
    made: dict[str, ModuleType] = {}
    for name, names in homes.items():
        parts = name.split("__")
        for end in range(1, len(parts) + 1):
            made.setdefault(".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        vars(made[".".join(parts)]).update(names)
    for name, module in made.items():
        above, _, last = name.rpartition(".")
        if above:
            setattr(made[above], last, module)
    return made


def _write(table: pa.Table, folder: str) -> None:
    Path(folder).mkdir()
    pq.write_table(table, Path(folder, "part-0.parquet"))


class RayDataset:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def map_batches(
        self,
        step: type[Reader],
        *,
        fn_constructor_args: Any,
        fn_constructor_kwargs: Any,
        batch_format: str,
        batch_size: int,
        compute: int,
    ) -> "RayDataset":
        assert (batch_format, batch_size > 0, compute > 0) == ("pyarrow", True, True)
        args, settings = pickle.loads(pickle.dumps((fn_constructor_args, fn_constructor_kwargs)))
        worker = step(*args, **settings)
        starts = range(0, len(self.table), AT_ONCE)
        return RayDataset(pa.concat_tables([worker(self.table.slice(start, AT_ONCE)) for start in starts]))

    def write_parquet(self, folder: str) -> None:
        _write(self.table, folder)


def _ray_dataset(path: str) -> RayDataset:
    return RayDataset(pq.read_table(path))


def _pool(*, size: int) -> int:
    return size


RAY = modules(ray__data={"read_parquet": _ray_dataset, "ActorPoolStrategy": _pool})


class SparkFrame:
    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.write = SimpleNamespace(parquet=lambda folder: _write(table, folder))

    def mapInArrow(self, step: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]], schema: str) -> Any:
        read = pa.Table.from_batches(step(iter(self.table.to_batches(max_chunksize=AT_ONCE))))
        assert schema == ", ".join(f"{field.name} {field.type}" for field in read.schema)  # else Spark refuses it
        return SparkFrame(read)


class SparkSession:
    read = SimpleNamespace(parquet=lambda path: SparkFrame(pq.read_table(path)))

    def config(self, name: str, value: str) -> "SparkSession":
        assert (name.startswith("spark."), int(value) > 0) == (True, True)
        return self

    def getOrCreate(self) -> "SparkSession":
        return self


SPARK = modules(pyspark__sql={"SparkSession": SimpleNamespace(builder=SparkSession())})


class PipelineStep:
    def track_time(self, unit: str) -> Any:
        assert unit
        return nullcontext()


class JsonlReader:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def run(self, _: Any) -> Iterator[SimpleNamespace]:
        for file in sorted(Path(self.folder).iterdir()):
            for line in file.read_text(encoding="utf-8").splitlines():
                yield SimpleNamespace(**json.loads(line), metadata={})


class JsonlWriter(JsonlReader):
    def run(self, documents: Iterable[SimpleNamespace]) -> Iterator[SimpleNamespace]:
        lines = [json.dumps(vars(document)) + "\n" for document in documents]
        Path(self.folder).mkdir()
        Path(self.folder, "00000.jsonl").write_text("".join(lines), encoding="utf-8")
        return iter(())


class LocalPipelineExecutor:
    def __init__(self, pipeline: list[Any], *, tasks: int, workers: int, logging_dir: str) -> None:
        assert (tasks > 0, workers > 0, bool(logging_dir)) == (True, True, True)
        self.pipeline = pipeline

    def run(self) -> None:
        documents = None
        for step in self.pipeline:
            if hasattr(step, "reader"):  # of a class that pickle does not find, as the example is not imported
                step.reader = pickle.loads(pickle.dumps(step.reader))
            documents = step.run(documents)


def _batched(documents: Iterator[Any], n: int) -> Iterator[list[Any]]:
    assert n > 0
    while some := list(islice(documents, AT_ONCE)):
        yield some


DATATROVE = modules(
    datatrove__executor={"LocalPipelineExecutor": LocalPipelineExecutor},
    datatrove__pipeline__base={"PipelineStep": PipelineStep},
    datatrove__pipeline__readers={"JsonlReader": JsonlReader},
    datatrove__pipeline__writers={"JsonlWriter": JsonlWriter},
    datatrove__utils__batching={"batched": _batched},
)
