"""Documents' sentences as vectors of the shipped encoder, which reads a document once: they are kept between calls."""

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from bigbird_cli.api.reading.reader import DEFAULT_LABELS_MODEL, Reader, ReadingOptions, open_reader
from bigbird_cli.events import Embedding, ReadingEvent
from bigbird_cli.files.cache import SENTENCES, Shelf
from bigbird_cli.search.vectors import Sentences
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.select import SentenceSelection
from bigbird_cli.tasks.windowed import pack
from bigbird_cli.tasks.zero_shot import ZeroShot
from bigbird_cli.text.documents import EncodedDocument, encode_document
from bigbird_cli.text.windows import owned_sums

_FORMAT = b"1"
"""Raised whenever the sentences of the same text and model are others, or stored otherwise."""

_TOGETHER = 64
"""Sentences, which are short, that are read together."""


class SentenceEncoder:
    """Reads the sentences of documents, and questions; the model is opened for the first.

    Args:
        options: of a reading call; what they say of the device and of progress holds for the encoder too.
    """

    def __init__(self, options: ReadingOptions) -> None:
        self._options: ReadingOptions = {"threads": options.get("threads"), "device": options.get("device", "auto")}
        self._on_progress: Callable[[ReadingEvent], None] = options.get("on_progress") or (lambda _: None)
        self._shelf = Shelf(SENTENCES)
        self._last: tuple[str, Sentences] | None = None

    @cached_property
    def _reader(self) -> Reader[ZeroShot]:
        return open_reader(ZeroShot, DEFAULT_LABELS_MODEL, what="sentences", options=self._options)

    @cached_property
    def _task(self) -> SentenceSelection:
        return SentenceSelection(window=self._reader.task.window, overlap=self._reader.task.overlap)

    @cached_property
    def _model_digest(self) -> bytes:
        return b"".join(map(_digest_of, sorted(self._reader.opened.folder.path.glob("*.safetensors"))))

    def question(self, text: str) -> np.ndarray:
        """A question as a vector, float32 (width,) of length 1; of a very long one its beginning."""
        tokenizer = self._reader.tokenizer
        ids, types = pack(tokenizer, tokenizer.encode(text, newline="space").ids[: self._task.capacity()])
        [vector] = self._vectors([Feature(ids=ids, types=types, labels={}, example=-1)])
        return vector

    def sentences(self, document: EncodedDocument) -> Sentences:
        """The sentences of a document, which may have another model's tokens."""
        if self._last is None or self._last[0] != document.text:
            self._last = document.text, self._kept(document)
        return self._last[1]

    def _kept(self, document: EncodedDocument) -> Sentences:
        key = hashlib.sha256(_FORMAT + self._model_digest + document.text.encode()).hexdigest()
        found = Sentences.from_bytes(self._shelf.get(key))
        if found is None:
            found = self._read(document.text, document.name)
            self._shelf.put(key, found.to_bytes())
        return found

    def _read(self, text: str, name: str) -> Sentences:
        tokenizer = self._reader.tokenizer
        document = encode_document(text, tokenizer, name=name)
        plan = self._task.plan(document)
        owned = owned_sums(plan)
        features = (
            self._task.window_feature(document, window, sums, tokenizer, example=0)
            for window, sums in zip(plan, owned, strict=True)
        )
        vectors = []
        for vector in self._vectors(features):
            vectors.append(vector.astype(np.float16))
            self._on_progress(Embedding(name, len(vectors), len(plan)))
        spans = np.array([document.span(window.start, window.stop - 1) for window in plan])
        return Sentences(spans[:, 0], spans[:, 1], np.stack(vectors))

    def _vectors(self, features: Iterable[Feature]) -> Iterable[np.ndarray]:
        found = self._reader.predictor.predict(features, batch_size=_TOGETHER)
        return (outputs["embedding"] for _, outputs in found)


def _digest_of(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
