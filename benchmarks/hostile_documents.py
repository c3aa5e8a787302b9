"""Documents built to do harm, each beside a good one: a group of `hostile.py`.

Whatever stands in a document, it is one record, and the good one beside it is read: the command ends with 0 or 1.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

from hostile_commands import Attempt
from hostile_mutations import damaged_bytes, damaged_text

SOME = 1
GOOD = b"In the year 1820 the keeper Ada lit the lamp. Bel kept the ship in the harbour.\n"
MB = 1 << 20

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
LAUGHS = "<!DOCTYPE x [" + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "lol"}">' for n in range(12)
) + "]>"  # fmt: skip
OUTSIDE = '<!DOCTYPE x [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'


# --- documents that are whole ---


def pdf(
    *contents: bytes, catalog: str = "", page: str = "", more: str = "", trailer: str = "", count: int = 0
) -> bytes:
    """A PDF of pages with content streams; `more` are objects after them, from number 4 + 2 × pages on."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(contents)))
    bodies = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {count or len(contents)} /MediaBox [0 0 600 800] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, content in enumerate(contents):
        resources = f"/Resources << /Font << /F 3 0 R >> /XObject << /X {4 + 2 * len(contents)} 0 R >> >>"
        bodies.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * n} 0 R {page} >>".encode())
        packed = b"/Filter /FlateDecode " if content.startswith(b"x\x9c") else b""
        bodies.append(b"<< %s/Length %d >>\nstream\n%s\nendstream" % (packed, len(content), content))
    bodies += [body.encode() for body in more.split("\0") if body]
    out, starts = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, start=1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    size = len(bodies) + 1
    start = len(out)
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}".encode()
    out += f"trailer << /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def drawn(text: bytes = GOOD) -> bytes:
    return b"BT /F 10 Tf 50 700 Td (%s) Tj ET" % text.strip()


def leaf(number: int) -> bytes:
    """A page of 10 lines."""
    lines = b"".join(b"(%d.%d %s) Tj 0 -15 Td " % (number, n, GOOD.strip()) for n in range(10))
    return b"BT /F 10 Tf 50 750 Td %sET" % lines


def zipped(parts: dict[str, bytes], *, way: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", way) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx(body: str | bytes, *, before: str = "") -> bytes:
    body = body if isinstance(body, bytes) else body.encode()
    relations = f'<Relationships><Relationship Id="r" Type="{RELATION}" Target="word/document.xml"/></Relationships>'
    head = f'{before}<w:document xmlns:w="{WORD}"><w:body>'.encode()
    return zipped({"_rels/.rels": relations.encode(), "word/document.xml": head + body + b"</w:body></w:document>"})


def paragraph(text: str = GOOD.decode()) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def epub(chapter: str | bytes, *, n_refs: int = 1, href: str = "c.xhtml", before: str = "", more: bytes = b"") -> bytes:
    chapter = chapter if isinstance(chapter, bytes) else chapter.encode()
    package = f'{before}<package><manifest><item id="c" href="{href}" media-type="application/xhtml+xml"/></manifest>'
    package += "<spine>" + '<itemref idref="c"/>' * n_refs + "</spine></package>"
    container = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'
    parts = {"mimetype": b"application/epub+zip", "META-INF/container.xml": container.encode()}
    parts |= {"book.opf": package.encode(), "c.xhtml": chapter}
    return zipped(parts | ({"META-INF/encryption.xml": more} if more else {}))


def page(body: str = GOOD.decode()) -> str:
    return f"<!DOCTYPE html><html><head><title>t</title></head><body>{body}</body></html>"


def mail(body: bytes = GOOD, head: bytes = b"") -> bytes:
    return b"From: a@example.org\r\nDate: Mon, 1 May 1820 12:00:00 +0000\r\n" + head + b"\r\n" + body


def inside(depth: int) -> bytes:
    """Mails that are forwarded in one another."""
    message = mail()
    for _ in range(depth):
        message = mail(message, b"Content-Type: message/rfc822\r\n")
    return message


def parts(depth: int) -> bytes:
    """Parts in parts: each multipart holds the next."""
    body = b"Content-Type: text/plain\r\n\r\n" + GOOD
    for n in range(depth):
        body = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n' % (n, n, body, n)
    return b"From: a@example.org\r\nDate: Mon\r\nMIME-Version: 1.0\r\n" + body


def swelling(unit: bytes, n_bytes: int, *, pack: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """So many bytes of one unit, packed in members of 16 MB, one after the other."""
    return pack(unit * (16 * MB // len(unit))) * (n_bytes // (16 * MB))


def locked(kind: str) -> bytes:
    """A zip archive whose parts say that they are locked with a password."""
    data = bytearray(docx(paragraph()) if kind == ".docx" else epub(page()))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + offset] |= 1
    return bytes(data)


def lying(size: int) -> bytes:
    """A Word document whose main part is larger than the archive says."""
    data = docx(b"<w:p>" + b" " * (64 * MB) + b"</w:p>")
    real = (64 * MB + 11 + len(f'<w:document xmlns:w="{WORD}"><w:body></w:body></w:document>')).to_bytes(4, "little")
    return data.replace(real, size.to_bytes(4, "little"))


def overlapping(n_parts: int) -> bytes:
    """An archive of many members that are all the same bytes of it."""
    member = zlib.compressobj(9, wbits=-15)
    content = b"lamp " * (MB // 5)
    packed = member.compress(content) + member.flush()
    crc, head = zlib.crc32(content), b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0"
    sizes = crc.to_bytes(4, "little") + len(packed).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    data = head + sizes + b"\x05\0\0\0a.txt" + packed
    entries = b"".join(
        b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0" + sizes + b"\x05\0" + bytes(16) + b"a.txt" for _ in range(n_parts)
    )
    end = b"PK\x05\x06\0\0\0\0" + n_parts.to_bytes(2, "little") * 2
    return data + entries + end + len(entries).to_bytes(4, "little") + len(data).to_bytes(4, "little") + b"\0\0"


def outline(depth: int) -> str:
    """Objects of an outline, each in the one before."""
    first = 6
    return "\0".join(
        ["<< >>", *(f"<< /Title (x) /Parent {first + n - 1} 0 R /First {first + n + 1} 0 R >>" for n in range(depth))]
    )


MONSTERS: dict[str, Callable[[], bytes]] = {
    # zip and XML
    "bomb.docx": lambda: docx(b"<w:p>" + b" " * (64 * MB) + b"</w:p>"),
    "bomb-in-bounds.docx": lambda: docx(b"".join(b"<w:p><w:r><w:t>%x</w:t></w:r></w:p>" % n for n in range(200_000))),
    "lying-small.docx": lambda: lying(1000),
    "lying-large.docx": lambda: lying(0xFFFFFFF0),
    "laughs.docx": lambda: docx(paragraph("&a11;"), before=LAUGHS),
    "outside.docx": lambda: docx(paragraph("&a11;"), before=OUTSIDE),
    "tables.docx": lambda: docx("<w:tbl><w:tr><w:tc>" * 50_000 + paragraph() + "</w:tc></w:tr></w:tbl>" * 50_000),
    "tables-with-text.docx": lambda: docx(
        f"<w:tbl><w:tr><w:tc>{paragraph('x')}" * 5_000 + "</w:tc></w:tr></w:tbl>" * 5_000
    ),
    "deep.docx": lambda: docx("<w:p>" * 500_000 + "<w:r><w:t>x</w:t></w:r>" + "</w:p>" * 500_000),
    "unclosed.docx": lambda: docx("<w:p>" * 500_000),
    "attributes.docx": lambda: docx("<w:p " + " ".join(f'a{n}="1"' for n in range(200_000)) + "/>" + paragraph()),
    "control.docx": lambda: docx(paragraph("&#0; &#x1b;[31m \x1b[31m &#xd800;")),
    "utf16.docx": lambda: docx(b"".join([b"\xff\xfe", paragraph().encode("utf-16-le")])),
    "locked.docx": lambda: locked(".docx"),
    "old-office.docx": lambda: (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5_000) + "EncryptedPackage".encode("utf-16-le")
    ),
    "parts.docx": lambda: zipped({f"word/{n}.xml": b"" for n in range(101_000)}, way=zipfile.ZIP_STORED),
    "bomb.epub": lambda: epub(b"<html>" + b" " * (64 * MB) + b"</html>"),
    "laughs.epub": lambda: epub(page("&a11;").replace("<!DOCTYPE html>", LAUGHS)),
    "laughs-in-package.epub": lambda: epub(page(), before=LAUGHS),
    "outside.epub": lambda: epub(page("&a11;").replace("<!DOCTYPE html>", OUTSIDE)),
    "spine.epub": lambda: epub(page(GOOD.decode() * 1_000), n_refs=1_000_000),
    "up.epub": lambda: epub(page(), href="../../../../etc/passwd"),
    "itself.epub": lambda: epub(page(), href="book.opf"),
    "deep.epub": lambda: epub(page("<div>" * 300_000 + "x" + "</div>" * 300_000)),
    "deep-and-broken.epub": lambda: epub(page("<div>" * 300_000)),
    "locked.epub": lambda: locked(".epub"),
    "drm.epub": lambda: epub(random.Random(0).randbytes(5_000), more=b"<encryption><EncryptedData/></encryption>"),
    # PDF
    "2000-pages.pdf": lambda: pdf(*[leaf(n) for n in range(2_000)]),
    "empty.pdf": lambda: pdf(b""),
    "no-pages.pdf": lambda: pdf(),
    "scan.pdf": lambda: pdf(b"q 600 0 0 800 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \xff EI Q"),
    "encrypted.pdf": lambda: pdf(
        drawn(),
        trailer=f"/ID [<{'00' * 16}> <{'00' * 16}>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
        f"/O <{'11' * 32}> /U <{'22' * 32}> >>",
    ),
    "bomb.pdf": lambda: pdf(zlib.compress(b"q Q " * (25 * MB))),
    "bomb-of-text.pdf": lambda: pdf(zlib.compress(drawn(b"x" * 60) * (1 * MB))),
    "count.pdf": lambda: pdf(drawn(), count=2**31 - 1),
    "loop-of-pages.pdf": lambda: pdf(drawn()).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"),
    "loop-of-forms.pdf": lambda: pdf(
        b"/X Do",
        more="<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >> "
        "/Length 5 >>\nstream\n/X Do\nendstream",
    ),
    "forms.pdf": lambda: pdf(
        b"/X Do",
        more="\0".join(
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {n + 1} 0 R >> >> "
            "/Length 59 >>\nstream\n" + "/X Do " * 10 + "\nendstream"
            for n in range(6, 22)
        ),
    ),
    "outline.pdf": lambda: pdf(drawn(), catalog="/Outlines 7 0 R", more=outline(50_000)),
    "loop-of-outline.pdf": lambda: pdf(
        drawn(), catalog="/Outlines 7 0 R", more="<< >>\0<< /First 8 0 R >>\0<< /Title (x) /Parent 7 0 R /Next 8 0 R >>"
    ),
    "huge-page.pdf": lambda: pdf(drawn(), page="/MediaBox [0 0 1e30 1e30]"),
    "nested.pdf": lambda: pdf(drawn(), catalog="/X " + "[" * 200_000),
    "filters.pdf": lambda: pdf(drawn()).replace(b"/Length", b"/Filter [" + b"/FlateDecode " * 5_000 + b"] /Length"),
    "startxref.pdf": lambda: pdf(drawn()).replace(b"startxref\n", b"startxref\n99999999999"),
    "truncated.pdf": lambda: pdf(drawn())[:-200],
    "head-alone.pdf": lambda: b"%PDF-1.7\n",
    "with-script.pdf": lambda: pdf(drawn(), catalog="/OpenAction << /S /JavaScript /JS (while(true);) >>"),
    "launch.pdf": lambda: pdf(drawn(), catalog="/OpenAction << /S /Launch /F (touch executed) >>"),
    # mail
    "mails-200-deep.eml": lambda: inside(200),
    "mails-5000-deep.eml": lambda: inside(5_000),
    "parts-200-deep.eml": lambda: parts(200),
    "parts-3000-deep.eml": lambda: parts(3_000),
    "parts-100000.eml": lambda: mail(
        b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" for _ in range(100_000)),
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n',
    ),
    "subject.eml": lambda: mail(head=b"Subject: " + b"=?utf-8?q?x?= " * 20_000 + b"\r\n"),
    "fields.eml": lambda: mail(head=b"X-A: b\r\n" * 500_000),
    "boundary.eml": lambda: mail(b"-" * 10 * MB, b'Content-Type: multipart/mixed; boundary="' + b"-" * 60 + b'"\r\n'),
    "charset.eml": lambda: mail(b"\xff\xfe", b"Content-Type: text/plain; charset=" + b"x" * 100_000 + b"\r\n"),
    "rot13.eml": lambda: mail(head=b"Content-Type: text/plain; charset=rot13\r\n"),
    "uuencoded.eml": lambda: mail(b"begin 644 a\r\n" + b"M" * MB, b"Content-Transfer-Encoding: x-uuencode\r\n"),
    "base64.eml": lambda: mail(b64encode(b"=" * MB), b"Content-Transfer-Encoding: base64\r\n"),
    "parameters.eml": lambda: mail(
        head=b"Content-Type: text/plain; " + b";".join(b"a*%d*=utf-8''x" % n for n in range(20_000)) + b"\r\n"
    ),
    "quotes.eml": lambda: mail(head=b'Content-Type: text/plain; name="' + b'\\"' * 50_000 + b"\r\n"),
    "page.eml": lambda: mail(page("<div>" * 100_000).encode(), b"Content-Type: text/html\r\n"),
    "flowed.eml": lambda: mail(
        b">" * MB + b" \r\n" + b"x \r\n" * 50_000, b"Content-Type: text/plain; format=flowed\r\n"
    ),
    # HTML
    "deep.html": lambda: ("<div>" * 1_000_000).encode(),
    "deep-list.html": lambda: ("<ul><li>x" * 300_000).encode(),
    "formatting.html": lambda: ("<b><i><a>" * 300_000).encode(),
    "tables.html": lambda: ("<table><tr><td>x" * 300_000).encode(),
    "attributes.html": lambda: ("<p " + " ".join(f"a{n}" for n in range(1_000_000)) + ">x").encode(),
    "angles.html": lambda: b"<" * MB,
    "entities.html": lambda: b"&amp;&#1114112;&#xd800;&nosuch;" * 50_000,
    "comment.html": lambda: b"text <!--" + b"-" * (50 * MB),
    "script.html": lambda: b"text<script>" + b"<!--<script>" * (4 * MB),
    "rows.html": lambda: ("<table>" + "<tr><td>x<td>y" * 50_000).encode(),
    "text.html": lambda: ("<p>" + "a word " * MB).encode(),
    "charset.html": lambda: b"<meta charset=" + b"utf-" * 100_000 + b">x",
    "utf7.html": lambda: b"<meta charset=utf-7>+ADw-script+AD4-x",
    # packed
    "zeros.txt.gz": lambda: swelling(b"\0", 4096 * MB),
    "words.txt.gz": lambda: swelling(b"lamp ", 4096 * MB),
    "words.html.gz": lambda: swelling(b"lamp ", 4096 * MB),
    "words.eml.xz": lambda: swelling(b"A: lamp\n", 2048 * MB, pack=lzma.compress),
    "words.pdf.gz": lambda: swelling(b"%PDF-1.7", 4096 * MB),
    "words.docx.bz2": lambda: swelling(b"PK\3\4", 2048 * MB, pack=bz2.compress),
    "line.jsonl.gz": lambda: swelling(b"lamp ", 4096 * MB),
    "line.csv.gz": lambda: swelling(b"lamp ", 4096 * MB),
    "list.json.gz": lambda: swelling(b"[[[[", 2048 * MB),
    "in-one-another.txt.gz": lambda: gzip.compress(gzip.compress(GOOD)),
    "truncated.txt.gz": lambda: gzip.compress(GOOD * 100)[:-20],
    "with-rubbish.txt.gz": lambda: gzip.compress(GOOD) + b"rubbish",
    "not.txt.gz": lambda: GOOD,
    "not.pdf.xz": lambda: pdf(drawn()),
    "members.zip": lambda: zipped({f"{n}.txt": b"lamp" for n in range(500)}, way=zipfile.ZIP_STORED),
    "overlapping.zip": lambda: overlapping(5),
    "archives.zip": lambda: zipped({"a.zip": zipped({"a.txt": GOOD})}),
    "up.zip": lambda: zipped({"../../../etc/a.txt": GOOD, "/etc/b.txt": GOOD, "a\n\x1b[31m.txt": GOOD}),
    "truncated.zip": lambda: zipped({"a.txt": GOOD * 100})[:-30],
    "not.zip": lambda: GOOD,
    # rows
    "deep.json": lambda: b"[" * MB,
    "deep.jsonl": lambda: b'{"text": ' + b"[" * MB + b"\n" + json.dumps({"text": "lamp"}).encode(),
    "columns.csv": lambda: b",".join(b"c%d" % n for n in range(200_000)) + b"\n" + b"," * 199_999,
    "not.parquet": lambda: b"PAR1" + bytes(100) + b"PAR1",
    # text
    "zeros.txt": lambda: bytes(10 * MB),
    "mark-alone.txt": lambda: b"\xef\xbb\xbf",
    "nothing.txt": lambda: b"",
    "blank.txt": lambda: b" \n\t" * MB,
    "controls.txt": lambda: bytes(range(1, 32)) + b"\x1b]0;title\x07\x1b[31mred \xe2\x80\xae",
    "combining.txt": lambda: ("a" + "\u0301" * 300_000).encode(),
    "word.txt": lambda: b"a" * MB,
}
"""File name -> what stands in it."""

_KINDS: dict[str, Callable[[], bytes]] = {
    ".pdf": lambda: pdf(*[drawn()] * 3, catalog="/PageLabels << /Nums [0 << /S /r >>] >>"),
    ".docx": lambda: docx(paragraph() * 3 + f"<w:tbl><w:tr><w:tc>{paragraph()}</w:tc></w:tr></w:tbl>"),
    ".epub": lambda: epub(page(f"<h1>One</h1><p>{GOOD.decode()}</p><table><tr><td>a<td>b</table>")),
    ".eml": lambda: parts(2),
    ".html": lambda: page(f"<h1>One</h1><p>{GOOD.decode()}</p><ul><li>a<li>b</ul>").encode(),
    ".txt": lambda: GOOD * 3,
    ".zip": lambda: zipped({"a.txt": GOOD, "b.html": page().encode(), "c.eml": mail(), "d.docx": docx(paragraph())}),
}
"""Whole documents: each is also given the suffix of every other, and harmed anywhere."""


def files(folder: Path, model: Path, draw: random.Random) -> Iterator[Attempt]:
    """Documents, packed or not: those built to do harm, each kind with the suffix of another, and harmed ones."""
    (folder / "good.txt").write_bytes(GOOD)
    names = [*MONSTERS, *(f"a{kind}.is{suffix}" for kind in _KINDS for suffix in _KINDS)]
    draw.shuffle(names)
    for name in names:
        make = MONSTERS.get(name) or _KINDS[name.removeprefix("a").partition(".is")[0]]
        yield _attempt(folder, name, make(), model)
    while True:
        kind = draw.choice(list(_KINDS))
        harm = damaged_text if kind in (".html", ".txt", ".eml") and draw.random() < 0.5 else damaged_bytes
        content = harm(_KINDS[kind](), draw)
        packing = draw.choice(("", "", ".gz"))
        yield _attempt(folder, f"harmed{kind}{packing}", gzip.compress(content) if packing else content, model)


def _attempt(folder: Path, name: str, content: bytes, model: Path) -> Attempt:
    for left in folder.glob("hostile-*"):
        left.unlink()
    (folder / f"hostile-{name}").write_bytes(content)
    return Attempt(("tokenize", f"hostile-{name}", "good.txt", "--counts", "--json", "-m", str(model)), {SOME})
