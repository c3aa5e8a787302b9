"""What every reading call takes and gives: requests in, results out, one for each and in their order."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NotRequired, Required, TypedDict, TypeVar

from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdError, ErrorRecord
from bigbird_cli.files.json import as_json
from bigbird_cli.text.documents import Document, FailedDocument
from bigbird_cli.text.formats.paged import Page

P = TypeVar("P")
D = TypeVar("D", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Request:
    """A document to read, and what is asked of it.

    Attributes:
        document: the document, or why it could not be had: then that is the result.
        second: a second text beside it: a question, or the second of a pair; None where there is none.
        id: its owner's name for the request; given back as it is.
        row: the row that the document stands in; None where it is a file or a text.
        used: the columns of the row that the request was made of.
    """

    document: Document | FailedDocument
    second: str | None = None
    id: Any = None
    row: Row | None = None
    used: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """What else stands in the row, as JSON can write it; nothing where there is no row."""
        others = self.row.fields.items() if self.row else ()
        return {column: as_json(value) for column, value in others if column not in self.used}

    @property
    def name(self) -> str:
        """Where the document came from."""
        return self.document.name

    @property
    def text(self) -> str:
        """The document's text; empty where it could not be had."""
        return self.document.text if isinstance(self.document, Document) else ""

    @property
    def pages(self) -> tuple[Page, ...]:
        """The document's pages; none where it has none, or could not be had."""
        return self.document.pages if isinstance(self.document, Document) else ()

    @property
    def unread(self) -> tuple[str, ...]:
        """What the document's file holds besides, and no reader made text of; nothing where it could not be had."""
        return self.document.unread if isinstance(self.document, Document) else ()


class Receipt(TypedDict):
    """What was read of a document, and by what."""

    tokens: int
    """Of the document."""
    read: int
    """How many of them stood in a window that the model read, each counted once."""
    unknown: int
    """Tokens that the vocabulary does not know, and characters that have no token."""
    windows: int
    truncated: bool
    """What was to be read was not read to its end: as the caller wanted it, or stopped it."""
    skimmed: NotRequired[bool]
    """True where only the windows likeliest to hold the answer were read; absent where all were."""
    model: str
    attention: str
    """full, or block_sparse."""
    device: str
    unread: NotRequired[list[str]]
    """What the document's file holds besides, and no reader made text of: "page 3", "attachment plan.pdf"."""


class Location(TypedDict, total=False):
    """Where something begins in the pages of its document; empty where the document has none."""

    page: str
    """What the document calls the page: "12", "iv"."""


class Fields(TypedDict, total=False):
    """What passes from a row into its record; empty where there is nothing."""

    fields: dict[str, Any]
    """The row's other columns: those that the request was not made of."""


class Names(TypedDict, total=False):
    """How a record names its request: a question by its context and itself, other requests by their source."""

    source: str
    context: str
    question: str | None


class FailedRecord(Names):
    """The record of a request that failed."""

    error: Required[ErrorRecord]
    id: Required[Any]
    fields: NotRequired[dict[str, Any]]


@dataclass(frozen=True)
class Result(ABC, Generic[P, D]):
    """What came of a request, which stands in it: whoever shows a result needs nothing else.

    Attributes:
        request: what was asked.
        outcome: the task's prediction and what was read for it, or why there is none.
    """

    request: Request
    outcome: tuple[P, Receipt] | BigBirdError

    @property
    def error(self) -> BigBirdError | None:
        """Why there is no prediction; None where there is one."""
        return self.outcome if isinstance(self.outcome, BigBirdError) else None

    @property
    def prediction(self) -> P:
        """The prediction; raises the error of a request that failed."""
        return self._outcome()[0]

    @property
    def receipt(self) -> Receipt:
        """What was read of the document; raises the error of a request that failed."""
        return self._outcome()[1]

    def location(self, start: int) -> Location:
        """The page on which the character at an offset of the document stands."""
        document = self.request.document
        page = document.page_at(start) if isinstance(document, Document) else None
        return {} if page is None else {"page": page}

    def fields(self) -> Fields:
        """What passes from the request's row into the record."""
        return {"fields": fields} if (fields := self.request.fields) else {}

    def _outcome(self) -> tuple[P, Receipt]:
        if isinstance(self.outcome, BigBirdError):
            raise self.outcome
        return self.outcome

    @abstractmethod
    def record(self) -> D:
        """The record that `--json` writes of a prediction; raises the error of a request that failed."""

    @abstractmethod
    def names(self) -> Names:
        """How its record names the request."""

    def to_dict(self) -> D | FailedRecord:
        """The record that `--json` writes, of a request that failed too."""
        if self.error is None:
            return self.record()
        failed: FailedRecord = {"error": self.error.to_dict(), **self.names(), "id": self.request.id, **self.fields()}
        return failed
