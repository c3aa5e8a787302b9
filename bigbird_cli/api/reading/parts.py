"""Inputs by their numbers: a part of them, the rest of them, and how many there are, without reading the others."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bigbird_cli.api.reading.inputs import Found, Input, find_inputs
from bigbird_cli.api.reading.requests import Request
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import UsageError
from bigbird_cli.files.find import OnSkipped, warn_of_skipped


@dataclass(frozen=True)
class Shard:
    """A part of all inputs: those of the same number of parts, as equal as can be, stand in order one behind the other.

    Attributes:
        number: of the part, from 1.
        of: how many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The part "3/16"; UsageError where it is none."""
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise UsageError(f"{text!r} is no part of a number of them", where="shard", fix="give one such as 3/16")
        return cls(int(number), int(of))

    def bounds(self, n_inputs: int) -> tuple[int, int]:
        """The numbers of its first input, and of the one behind its last."""
        return n_inputs * (self.number - 1) // self.of, n_inputs * self.number // self.of


class NumberedInputs:
    """Inputs in order, each read when it is asked for; it knows which of them a request was made of.

    Args:
        paths: files and folders, as of `read_inputs`.
        encoding: as of `read_inputs`.
        start: the number of the first input to read, from 0.
        stop: the number of the first not to read; None for none.
        is_done: tells by its name whether an input need not be read.
        on_skipped: is called with a folder's files of other kinds.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        encoding: str | None = None,
        start: int = 0,
        stop: int | None = None,
        is_done: Callable[[str], bool] = lambda _: False,
        on_skipped: OnSkipped = warn_of_skipped,
    ) -> None:
        self._paths, self._start, self._stop, self._is_done = paths, start, stop, is_done
        self._encoding, self._on_skipped = encoding, on_skipped
        self._given: deque[tuple[int, Input]] = deque()
        """Those that were read, from the one of the last request that was asked about."""

    def __iter__(self) -> Iterator[Input]:
        for number, found in self._wanted(self._on_skipped):
            given = found.read()
            self._given.append((number, given))
            yield given

    def count(self) -> int:
        """How many there are: rows are counted one by one, and no other file is opened."""
        return sum(1 for _ in self._wanted(lambda _: None))

    def first_row(self) -> Row | None:
        """The first row of all inputs, whichever of them are to be read; None where there is none."""
        found = find_inputs(self._paths, encoding=self._encoding, on_skipped=lambda _: None)
        return next((each.row for each in found if each.row is not None), None)

    def _wanted(self, on_skipped: OnSkipped) -> Iterator[tuple[int, Found]]:
        found = find_inputs(self._paths, encoding=self._encoding, on_skipped=on_skipped)
        numbered = islice(enumerate(found), self._start, self._stop)
        return ((number, each) for number, each in numbered if not self._is_done(each.name))

    def number_of(self, request: Request) -> int:
        """The number of the input that a request was made of; of a table's error that of its first row.

        Requests are asked about in the order of their inputs. One that comes behind a later one, as where documents are
        ranked, has the number of that.
        """
        at = next((at for at, (_, given) in enumerate(self._given) if _is_made_of(request, given)), 0)
        for _ in range(at):
            self._given.popleft()
        return self._given[0][0]


def _is_made_of(request: Request, given: Input) -> bool:
    if isinstance(given, Row):
        return request.row is given or (request.row is None and request.name == given.file)
    return given is request or given is request.document
