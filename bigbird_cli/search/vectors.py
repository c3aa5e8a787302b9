"""The sentences of a document as vectors, which windows are compared with questions by."""

import io
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np


@dataclass(frozen=True, eq=False)
class Sentences:
    """Where the sentences of a document stand, and what they mean.

    Attributes:
        starts, ends: int64 (n,), characters of the document, in reading order.
        vectors: float16 (n, width), of length 1.
    """

    starts: np.ndarray
    ends: np.ndarray
    vectors: np.ndarray

    def scores(self, question: np.ndarray, spans: np.ndarray) -> np.ndarray:
        """How like a question spans of characters are: the cosine of the sentence in each that is most like it.

        Args:
            question: (width,), of length 1.
            spans: int (w, 2), start and end of each in characters; a sentence is in a span that holds its middle.

        Returns:
            float32 (w,), -1 where a span holds no sentence.
        """
        cosines = self.vectors.astype(np.float32) @ question.astype(np.float32)
        middles = (self.starts + self.ends) // 2
        firsts, stops = np.searchsorted(middles, spans[:, 0]), np.searchsorted(middles, spans[:, 1])
        return np.array(
            [cosines[first:stop].max(initial=-1.0) for first, stop in zip(firsts, stops, strict=True)], np.float32
        )

    def to_bytes(self) -> bytes:
        """The arrays, as `from_bytes` reads them: no text."""
        file = io.BytesIO()
        np.savez(file, starts=self.starts, ends=self.ends, vectors=self.vectors)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes | None) -> "Sentences | None":
        """What `to_bytes` gave; None for nothing, or something else."""
        if content is None:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                found = cls(arrays["starts"], arrays["ends"], arrays["vectors"])
        except (ValueError, KeyError, EOFError, OSError, BadZipFile):
            return None
        fits = found.vectors.ndim == 2 and len(found.starts) == len(found.ends) == len(found.vectors)
        return found if fits else None
