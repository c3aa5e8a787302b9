"""Text in other encodings, converted on its way in: all that reads text reads UTF-8."""

import codecs
from itertools import chain
from typing import BinaryIO, Final

from bigbird_cli.files.file_types import START, check_any_text
from bigbird_cli.files.streams import blocks_of, stream_of

_KEEP: Final = "bigbird-keep"


class Transcoder:
    """Converts a text block by block.

    A byte that is none of a character's becomes three that are no UTF-8 either, so that whoever reads finds it in its
    place: a bad row is an error, and the other rows are read.

    Args:
        encoding: by any name that `codec_of` knows.
        name: what to call the text in errors.
    """

    def __init__(self, encoding: str, name: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(_KEEP)
        self._name = name
        self._has_begun = False

    def utf8(self, block: bytes) -> bytes:
        """The next block in UTF-8; an empty one is the end.

        Raises:
            DataError: it begins as something that is no text does.
        """
        if not self._has_begun:
            check_any_text(block[:START], self._name)
            self._has_begun = True
        return self._decoder.decode(block, final=not block).encode("utf-8", "surrogatepass")


def transcoded(stream: BinaryIO, encoding: str, name: str) -> BinaryIO:
    """A text in an encoding as a stream of UTF-8, see `Transcoder`."""
    transcoder = Transcoder(encoding, name)
    blocks = (transcoder.utf8(block) for block in chain(blocks_of(stream), [b""]))
    return stream_of(filter(None, blocks))


def _kept(error: UnicodeError) -> tuple[str, int]:
    """Wrong bytes as the halves of characters U+DC00 to U+DCFF, which UTF-8 may not have."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_KEEP, _kept)
