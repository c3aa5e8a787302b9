"""Documents to be labelled as wholes or in parts, as `bigbird ner` and `bigbird classify` take them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bigbird_cli.api.reading import FailedItem
from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import Document, FailedDocument


@dataclass(frozen=True)
class TextItem:
    """A document to read.

    Attributes:
        text: the document's text.
        name: where it came from; a record's "source".
        id: its owner's name for it; given back in the record as it is.
        pair: a second text that stands beside it, where the model knows pairs.
    """

    text: str
    name: str = "text"
    id: Any = None
    pair: str | None = None


def items_of(documents: Iterable[Document | FailedDocument]) -> Iterator[TextItem | FailedItem]:
    """Documents as items."""
    for document in documents:
        if isinstance(document, FailedDocument):
            yield FailedItem(document.error, name=document.name)
        else:
            yield TextItem(document.text, name=document.name)


def failed_text(item: TextItem, error: DataError) -> FailedItem:
    """What becomes of a document that cannot be read."""
    return FailedItem(error, name=item.name, id=item.id)
