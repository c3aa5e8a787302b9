"""Small documents of every kind, of the same words."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from tests.text.formats.test_docx import docx, p
from tests.text.formats.test_epub import epub, xhtml
from tests.text.formats.test_pdf import column, drawn, pdf_bytes


def mail(text: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["Date"] = "Lamp", "bel@example.org", "Mon, 1 May 1820 12:00:00 +0000"
    message.set_content(text)
    return bytes(message)


DOCUMENTS: dict[str, Callable[[str], bytes]] = {
    ".txt": str.encode,
    ".html": lambda text: f"<!DOCTYPE html><title>no</title><p>{text}</p>".encode(),
    ".pdf": lambda text: pdf_bytes([drawn(*column(text))]),
    ".docx": lambda text: docx(p(text)),
    ".epub": lambda text: epub(xhtml(f"<p>{text}</p>")),
    ".eml": mail,
}
"""Suffix -> the bytes of a document of a text on one line."""

PACKED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def write(path: Path, text: str) -> Path:
    """A document of the kind that its name says, packed or not; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    *_, kind, packing = ("", *path.suffixes) if path.suffix in PACKED else ("", path.suffix, "")
    path.write_bytes(PACKED.get(packing, bytes)(DOCUMENTS[kind](text)))
    return path


def write_zip(path: Path, text: str, suffixes: list[str]) -> Path:
    """An archive of a document of each kind: a.pdf, a.eml, ..."""
    with zipfile.ZipFile(path, "w") as archive:
        for suffix in suffixes:
            archive.writestr(f"a{suffix}", DOCUMENTS[suffix](text))
    return path
