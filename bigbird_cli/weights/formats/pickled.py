"""PyTorch's pytorch_model.bin: a zip archive of a pickle and the bytes of its tensors, or, from before 1.6, pickles and
bytes in a row.

Only PyTorch reads one, through the PickleIO that the caller brings, and only what is checked here first: an archive
whose pickle makes nothing but a dict of plain tensors. Nothing of it is executed on the way: its opcodes are listed.
"""

import io
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from bigbird_cli.errors import BigBirdWarning, ModelError


class PickleIO(Protocol):
    """What reads and writes pickled weights: PyTorch, which alone has them."""

    def weights(self, path: Path) -> dict[str, np.ndarray]:
        """The tensors of an archive that was checked here, in the stored type; bfloat16 becomes float32."""
        ...

    def weight_types(self, path: Path) -> dict[str, str]:
        """Name -> stored type of the tensors that `weights` gives another one."""
        ...

    def write_weights(self, path: Path, tensors: Mapping[str, np.ndarray]) -> None:
        """Write arrays as a state dict of plain tensors; OSError where the disk is full or cannot be written."""
        ...


_PLAIN: Final = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch [A-Z][A-Za-z0-9]*Storage"
)
"""What the pickle of a state dict names."""

_OTHER_CALLS: Final = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"})
_LARGEST_PICKLE: Final = 2**24
_ZIP: Final = b"PK\x03\x04"
_BEFORE_ZIP: Final = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
_PICKLES_BEFORE_ZIP: Final = 5
"""A mark, a version, a machine, the state dict, and the names of the bytes behind them."""
_BROKEN: Final = "fetch or copy the file again"


def read(path: Path, *, pickle_io: PickleIO) -> dict[str, np.ndarray]:
    """Every tensor of a file, in the stored type; bfloat16, which numpy lacks, becomes float32.

    Warns:
        BigBirdWarning: a pickle was read.

    Raises:
        ModelError: the file is missing, cut off, or holds anything besides a dict of tensors; nothing was executed.
    """
    _check_file(path)
    tensors = pickle_io.weights(path)
    warnings.warn(
        f"{path}: this is a pickle; its weights alone were read, and nothing in it was executed",
        BigBirdWarning,
        stacklevel=2,
    )
    return tensors


def stored_types(path: Path, *, pickle_io: PickleIO) -> dict[str, str]:
    """Name -> stored type of the tensors that `read` gives another one; errors as there."""
    _check_file(path)
    return pickle_io.weight_types(path)


def write(path: Path, tensors: Mapping[str, np.ndarray], *, pickle_io: PickleIO) -> None:
    """Write tensors as torch.save does; the caller flushes the file to the disk.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    pickle_io.write_weights(path, tensors)


def _check_file(path: Path) -> None:
    """Refuse what is no archive of plain tensors, whole and with sums that are right; memory holds its pickle only."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
            if not start.startswith(_ZIP):
                if _BEFORE_ZIP not in start[:32]:
                    raise _no_archive(path, start)
                file.seek(0)
                stream = io.BytesIO(file.read(_LARGEST_PICKLE))
                for _ in range(_PICKLES_BEFORE_ZIP):
                    _check_calls(stream, path)
                return
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive, path)
            _check_calls(io.BytesIO(_pickle_in(archive, path)), path)
            if (broken := archive.testzip()) is not None:
                raise ModelError(f"the weights file is broken ({broken})", where=str(path), fix=_BROKEN)
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error
    except (
        zipfile.BadZipFile,
        ValueError,
        EOFError,
        OverflowError,
        IndexError,
        struct.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ModelError(f"the weights file is broken ({error})", where=str(path), fix=_BROKEN) from error


def _no_archive(path: Path, start: bytes) -> ModelError:
    if start[257:262] == b"ustar":
        return ModelError(
            "the file is in the format of torch before 0.1.10, which is not opened here",
            where=str(path),
            fix="save it anew with the torch that wrote it",
        )
    return ModelError("the file is no archive of PyTorch's", where=str(path), fix=_BROKEN)


def _check_parts(archive: zipfile.ZipFile, path: Path) -> None:
    """torch.save stores as it is; what is compressed, or more than the file holds, was made to fill the memory."""
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED or part.flag_bits & 1 for part in parts):
        raise ModelError("its parts are compressed or encrypted", where=str(path), fix="save it anew with torch.save")
    if sum(part.file_size for part in parts) > path.stat().st_size or len({*archive.namelist()}) < len(parts):
        raise ModelError("the weights file is broken (its parts overlap)", where=str(path), fix=_BROKEN)


def _pickle_in(archive: zipfile.ZipFile, path: Path) -> bytes:
    found = [part for part in archive.infolist() if part.filename.endswith("/data.pkl")]
    if len(found) != 1 or found[0].file_size > _LARGEST_PICKLE:
        raise ModelError("the archive holds no state dict", where=str(path), fix="name a pytorch_model.bin")
    return archive.read(found[0])


def _check_calls(pickled: io.BytesIO, path: Path) -> None:
    """Go through the opcodes of one pickle, which executes none, for anything that a dict of tensors does not need."""
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name in _OTHER_CALLS or (opcode.name == "GLOBAL" and not _PLAIN.fullmatch(str(argument))):
            called = str(argument or opcode.name).replace(" ", ".")
            raise ModelError(
                f"its pickle calls {called}, which no dict of tensors needs; nothing was executed",
                where=str(path),
                fix="trust it no further, or save its state_dict() alone",
            )
