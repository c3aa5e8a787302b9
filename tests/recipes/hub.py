"""A stand-in for the Hugging Face hub: data sets in folders, served as its API and its files are, for HF_ENDPOINT."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve the data sets below a folder, OWNER/NAME each, all files at every revision; gives the address."""

    class Handler(_Handler):
        folder = root

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        """Of the API: what is known of some paths."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner, name = self.parts[2:4]
        place = self.folder / owner / name
        self.answer([_entry(place / each, each) for each in asked["paths"] if (place / each).exists()])

    def do_GET(self) -> None:
        match self.parts:
            case ["api", "datasets", owner, name, "tree", _, *inside]:
                place = self.folder.joinpath(owner, name, *inside)
                paths = place.rglob("*") if "recursive=true" in self.path.lower() else place.glob("*")
                root = self.folder / owner / name
                self.answer([_entry(path, path.relative_to(root).as_posix()) for path in sorted(paths)])
            case ["api", "datasets", owner, name, *_] if (self.folder / owner / name).is_dir():
                root = self.folder / owner / name
                files = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]
                siblings = [{"rfilename": file} for file in files]
                self.answer({"id": f"{owner}/{name}", "sha": COMMIT, "siblings": siblings, "private": False})
            case ["datasets", owner, name, "resolve", _, *inside]:
                self.file(self.folder.joinpath(owner, name, *inside))
            case _:
                self.answer({"error": "not here"}, status=404)

    @property
    def parts(self) -> list[str]:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[-3:] == ["refs", "convert", "parquet"]:
            parts[-3:] = ["refs/convert/parquet"]
        return parts

    def answer(self, value: object, *, status: int = 200) -> None:
        self.send(json.dumps(value).encode(), {"Content-Type": "application/json"}, status=status)

    def file(self, path: Path) -> None:
        if not path.is_file():
            self.send(b"", {"X-Error-Code": "EntryNotFound"}, status=404)
            return
        data = path.read_bytes()
        facts = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        if span := self.headers.get("Range"):
            first, _, last = span.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1 if last else len(data), len(data))
            self.send(data[start:stop], facts | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}, status=206)
        else:
            self.send(data, facts)

    def send(self, data: bytes, headers: dict[str, str], *, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is its own."""


def _entry(path: Path, name: str) -> dict[str, object]:
    if path.is_dir():
        return {"type": "directory", "oid": "0" * 40, "size": 0, "path": name}
    return {
        "type": "file",
        "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
        "size": path.stat().st_size,
        "path": name,
    }
