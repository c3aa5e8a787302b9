"""What a command gives its results to: a terminal, a table, a page, lines of JSON."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from bigbird_cli.api import Result

R = TypeVar("R", bound="Result[Any, Any]", contravariant=True)


SURE = 0.5
"""From this probability on, what was found is likelier than everything else together; below, it is marked as unsure."""


class Writer(ABC, Generic[R]):
    """Takes results in the order of their requests, failed ones too."""

    @abstractmethod
    def write(self, result: R) -> None:
        """Take the next result."""

    @abstractmethod
    def finish(self) -> None:
        """Take note that there are no more: what is written is whole now.

        It is not called where the run was stopped, or failed as a whole.
        """


class Stream(Protocol):
    """Where a writer's text goes: a standard stream, a file."""

    def write(self, text: str, /) -> object:
        """Take a text."""

    def flush(self) -> object:
        """Take note that what all results so far have to say is written whole."""
