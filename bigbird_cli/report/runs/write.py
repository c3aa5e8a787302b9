"""A page written whole or not at all."""

from pathlib import Path

from bigbird_cli.errors import UsageError
from bigbird_cli.files.folders import disk_errors
from bigbird_cli.files.whole import replace_file


def write_page(path: Path, page: str) -> Path:
    """Write a page; gives its path.

    Raises:
        UsageError: its folder is not there.
        ResourceError: the disk is full or cannot be written; what stood there is untouched.
    """
    if not path.parent.is_dir():
        raise UsageError("the folder of this file is not there", where=str(path), fix="make it, or name another")
    content = page.encode()
    with disk_errors(path.parent, n_bytes=len(content)):
        replace_file(path, content)
    return path
