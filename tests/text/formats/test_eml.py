"""Mail messages as text."""

import io
import time
from email.message import EmailMessage
from typing import Any

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats.eml import read_eml
from bigbird_cli.text.formats.paged import PagedText


def read(message: EmailMessage | bytes) -> PagedText:
    return read_eml(io.BytesIO(message if isinstance(message, bytes) else message.as_bytes()), "a.eml")


def message(text: str = "The text.", *, subject: str = "The lease", **more: Any) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "Kari Nilsen <kari@example.org>"
    made.set_content(text, **more)
    return made


HEAD = "Subject: The lease\nFrom: Kari Nilsen <kari@example.org>"


def test_a_message_is_its_head_and_its_text() -> None:
    made = message("Dear Per,\n\nit is signed.\n")
    made["Date"] = "Thu, 26 Nov 2026 10:00:00 +0100"
    made["To"] = "Per"
    assert read(made).text == (
        "Subject: The lease\nFrom: Kari Nilsen <kari@example.org>\nTo: Per\nDate: Thu, 26 Nov 2026 10:00:00 +0100"
        "\n\nDear Per,\n\nit is signed."
    )


@pytest.mark.parametrize("cte", ["quoted-printable", "base64", "8bit"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252"])
def test_encodings_are_undone(cte: str, charset: str) -> None:
    long = "Smørbrød på Skarvholm = gått " * 8
    assert read(message(long, cte=cte, charset=charset)).text == f"{HEAD}\n\n{long}"


def test_heads_are_decoded() -> None:
    made = message(subject="Blåskjell på Skarvholm, og en lang linje til som må brytes et sted underveis")
    assert read(made).text.startswith("Subject: Blåskjell på Skarvholm, og en lang linje til som må brytes et sted")


def test_heads_in_bare_bytes_are_decoded() -> None:
    assert read("Subject: Blåskjell\n\nx".encode()).text == "Subject: Blåskjell\n\nx"
    assert read("Subject: Blåskjell\n\nx".encode("cp1252")).text == "Subject: Blåskjell\n\nx"


def test_plain_text_is_preferred_to_html() -> None:
    made = message("plain")
    made.add_alternative("<p>marked up</p>", subtype="html")
    assert read(made).text == f"{HEAD}\n\nplain"


def test_html_is_read_where_there_is_nothing_else() -> None:
    made = message("<h1>Title</h1><p>caf&eacute;</p>", subtype="html")
    found = read(made)
    assert found.text == f"{HEAD}\n\nTitle\n\ncafé"
    assert [section.title for section in found.sections] == ["Title"]


def test_attachments_are_named_and_not_read() -> None:
    made = message()
    made.add_attachment(b"%PDF-1.7" + bytes(52_000), maintype="application", subtype="pdf", filename="plån.pdf")
    made.add_attachment("some notes", filename="notes.txt")
    found = read(made)
    assert found.text == (
        f"{HEAD}\n\nThe text.\n\nAttachment: plån.pdf (application/pdf, 0.1 MB)\n"
        "Attachment: notes.txt (text/plain, 0.0 MB)"
    )
    assert found.unread == (
        "attachment plån.pdf (application/pdf, 0.1 MB)",
        "attachment notes.txt (text/plain, 0.0 MB)",
    )


def test_a_message_inside_is_a_section() -> None:
    made = message("See below.")
    made.add_attachment(message("Inner text.", subject="The older one"))
    found = read(made)
    assert found.text == f"{HEAD}\n\nSee below.\n\n{HEAD.replace('The lease', 'The older one')}\n\nInner text."
    assert [section.title for section in found.sections] == ["The older one"]
    assert found.text[found.sections[0].start :].startswith("Subject: The older one")


def test_flowed_lines_are_joined() -> None:
    flowed = b"Subject: x\nContent-Type: text/plain; format=flowed\n\none \ntwo\nthree\n> quoted \n> more\n-- \nKari\n"
    assert read(flowed).text == "Subject: x\n\none two\nthree\n> quoted more\n--\nKari"
    fixed = flowed.replace(b"; format=flowed", b"")
    assert read(fixed).text.startswith("Subject: x\n\none \ntwo\nthree")


@pytest.mark.parametrize("charset", ["us-ascii", "utf-8", "no-such", "rot13"])
def test_a_text_in_another_encoding_than_it_says_is_read(charset: str) -> None:
    head = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\n".encode()
    assert read(head + "på".encode("cp1252")).text == "Subject: x\n\npå"
    assert read(head + "på".encode()).text == "Subject: x\n\npå"


def test_windows_line_ends_are_read() -> None:
    assert read(b"Subject: x\r\n\r\none\r\ntwo\r\n").text == "Subject: x\n\none\ntwo"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b" \n", "is empty"),
        (b"%PDF-1.7 x", "this is a PDF document"),
        (b"Just some text\nof two lines", "no mail message: it has no head"),
    ],
)
def test_what_is_no_message_is_an_error(data: bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read(data)


@pytest.mark.parametrize("depth", [200, 1_000, 20_000])
def test_parts_nested_without_end_are_an_error(depth: int) -> None:
    data = b"Subject: x\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(depth)
    )
    with pytest.raises(DataError, match="its parts are nested more than 100 deep"):
        read(data + b"Content-Type: text/plain\n\ntext\n")


def test_messages_in_messages_without_end_are_an_error() -> None:
    with pytest.raises(DataError, match="its parts are nested more than 100 deep"):
        read(b"Subject: x\nContent-Type: message/rfc822\n\n" * 500 + b"text")


def test_too_many_parts_are_an_error() -> None:
    with pytest.raises(DataError, match="it has more than 10,000 parts"):
        read(b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 10_001)


@pytest.mark.parametrize("field", ["Content-Type: text/plain;", "content-disposition: inline;\r\n"])
def test_parameters_without_end_are_an_error(field: str) -> None:
    with pytest.raises(DataError, match=r"has more than 10,000 characters"):
        read(f'Subject: x\n{field} a="{";" * 1_000_000}"\n\ntext'.encode())


def test_lines_that_flow_without_end_are_joined_in_linear_time() -> None:
    flowed = b"Subject: x\nContent-Type: text/plain; format=flowed\n\n"
    assert read(flowed + b"a \n" * 200_000 + b"b").text == "Subject: x\n\n" + "a " * 200_000 + "b"


def test_a_head_without_end_takes_no_time() -> None:
    started = time.monotonic()
    assert read(b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx").text.startswith("Subject: =?utf-8?q?a?=")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: =?utf-8?b?!!!?= =?nosuch?q?=E5?= =?utf-8?q?=ZZ?=\n\nx",
        b"Subject: x\nContent-Type: text/plain; charset=\"\x00\"\n\nx",
        b"Subject: x\nContent-Type: multipart/mixed\n\nx",
        b"Subject: x\nContent-Transfer-Encoding: base64\n\n####x",
        b"Subject: x\nContent-Type: multipart/alternative; boundary=b\n\n--b--\n",
        b"Subject: x\nContent-Disposition: attachment; filename*=utf-8''%ZZ%E5\n\nx",
        b"Subject: x\nContent-Disposition: attachment; filename*0*=nosuch'x'%E5; filename*1=\xff\n\nx",
    ],
)  # fmt: skip
def test_odd_messages_are_read(data: bytes) -> None:
    assert read(data).text.startswith("Subject: ")
