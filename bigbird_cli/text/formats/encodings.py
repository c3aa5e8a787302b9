"""Encodings by the names that mails and pages give them."""

from bigbird_cli.files.encodings import codec_of


def charset(name: str | None) -> str | None:
    """The name of Python's codec for a character set; None for one that is not known.

    As in browsers and mail programs, what says that it is ASCII or Latin-1 is Windows-1252, which holds both.
    """
    codec = codec_of(name or "")
    return "cp1252" if codec in ("ascii", "iso8859-1") else codec
