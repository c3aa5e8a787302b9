"""Whatever is harmed in an archive, it is an error that names it, and what is whole is read."""

import io
import random
import zipfile
from pathlib import Path

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.files.packed import File, files_and_errors


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "b.txt", "c\u00e9.txt"):
            archive.writestr(name, "Ada lit the lamp. " * 9)
    return buffer.getvalue()


def content_of(found: File | DataError) -> bytes | DataError:
    try:
        if isinstance(found, DataError):
            raise found
        with found.open() as stream:
            return stream.read()
    except DataError as error:
        return error


def test_a_file_that_is_named_as_standard_input_is_told_from_it() -> None:
    assert File(Path("./-")).name == "./-"
    assert File(Path("folder/-")).name == "folder/-"


def test_a_harmed_archive_gives_contents_and_errors_that_name_it(tmp_path: Path) -> None:
    draw, whole, path = random.Random(0), zipped(), tmp_path / "a.zip"
    for _ in range(400):
        harmed = bytearray(whole)
        for _ in range(draw.choice((1, 3))):
            harmed[draw.randrange(len(harmed))] = draw.randrange(256)
        path.write_bytes(harmed[: draw.choice((len(harmed), draw.randrange(1, len(harmed))))])
        contents = [content_of(found) for found in files_and_errors(path, (".txt",))]
        errors = [content for content in contents if isinstance(content, DataError)]
        assert contents
        assert all(str(error.where).startswith(str(path)) for error in errors)


@pytest.mark.parametrize(("offset", "value"), [(6, 0xFF), (28, 0)], ids=["a version that is none", "no name"])
def test_a_harmed_list_of_members_is_an_error(offset: int, value: int, tmp_path: Path) -> None:
    data = bytearray(zipped())
    data[data.index(b"PK\x01\x02") + offset] = value
    (tmp_path / "a.zip").write_bytes(data)
    [found] = files_and_errors(tmp_path / "a.zip", (".txt",))
    assert isinstance(found, DataError)
    assert found.problem.startswith("the packed file is damaged")


def test_the_members_of_an_archive_are_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    (tmp_path / "a.zip").write_bytes(zipped())
    monkeypatch.setattr("bigbird_cli.files.packed.zipfile.ZipFile", Counted)
    contents = [content_of(found) for found in files_and_errors(tmp_path / "a.zip", (".txt",))]
    assert contents == [b"Ada lit the lamp. " * 9] * 3
    assert len(opened) == 1
