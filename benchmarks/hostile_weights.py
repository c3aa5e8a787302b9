"""Damaged and hostile weight files, opened as `bigbird convert` opens them; `hostile.py` counts what becomes of them.

A small BigBird is written in each format. Then its file is cut, bits are turned, stretches left out, doubled, zeroed or
filled with noise, and numbers replaced by huge ones, half of the damage in the part that describes the tensors; a few
files are built by hand to claim terabytes or to run a command. Each is opened in a process that may take 4 GB of
addresses beyond what it holds.

"refused" ended in an error of ours, of one line. "as before" gave every tensor bit for bit; "other numbers" gave every
tensor with its name, shape and type, where the format has no checksum over the numbers; all else that opens is
"partial". "code" counts files during which a process was started, a socket opened or a file removed.
"""

import pickle
import random
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from encoder import status
from hostile_mutations import damaged

ADDRESSES = 4 << 30
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "os.remove")
OUTCOMES = ("refused", "as before", "other numbers", "partial", "traceback", "code")
FAULTS = ("partial", "traceback", "code")
FORMATS = ("safetensors", "bin", "flax", "tensorflow")
TENSORFLOW = Path(__file__).parent.parent / "tests" / "weights" / "golden" / "tensorflow" / "sharded"


def write_model_in(format_name: str, folder: Path) -> tuple[Path, list[Path]]:
    """Write a small model: what to open, and the files to damage."""
    import shutil

    from bigbird_cli import api
    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.bigbird.heads import HEADS
    from bigbird_cli.bigbird.names import TIED, expected_names
    from bigbird_cli.weights import formats
    from bigbird_cli.weights.store import write_model

    if format_name == "tensorflow":  # written by TensorFlow itself
        shutil.copytree(TENSORFLOW, folder)
        files = sorted(folder.iterdir())
        shapes = {name: array.shape for name, array in formats.read(formats.detect(folder)).tensors.items()}
        n_words, width = shapes["bert.embeddings.word_embeddings.weight"]
        BigBirdConfig(
            vocab_size=n_words,
            hidden_size=width,
            num_hidden_layers=sum(name.endswith("attention.output.dense.bias") for name in shapes),
            num_attention_heads=2,
            intermediate_size=shapes["bert.encoder.layer.0.intermediate.dense.weight"][0],
            max_position_embeddings=shapes["bert.embeddings.position_embeddings.weight"][0],
        ).save(folder / "config.json")
        return folder, files
    config = BigBirdConfig(
        vocab_size=80, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, block_size=8, architectures=[HEADS["span"].class_name],
    )  # fmt: skip
    draw = np.random.default_rng(0)
    names = {name: shape for name, shape in expected_names(config, "span").items() if name not in TIED}
    tensors = {name: draw.standard_normal(shape, dtype=np.float32) for name, shape in names.items()}
    write_model(folder.with_name("plain"), config=config, tensors=tensors)
    api.convert(folder.with_name("plain"), folder, to=format_name)
    ends = (".safetensors", ".bin", ".msgpack")
    return folder, [path for path in folder.iterdir() if path.suffix in ends]


def described_by(format_name: str, content: bytes) -> range:
    """The bytes that say which tensors there are, as far as they stand together."""
    if format_name == "safetensors":
        return range(8 + int.from_bytes(content[:8], "little"))
    if format_name == "bin":
        return range(content.rindex(b"PK\x05\x06") - 4_000, len(content))
    return range(len(content))


def built(format_name: str) -> Iterator[bytes]:
    """Files made by hand: claims of terabytes, endless nesting, commands."""
    huge = 1 << 44
    if format_name == "safetensors":
        for header in (
            b'{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (huge // 4, huge),
            b'{"a":{"dtype":"F32","shape":[0,%d],"data_offsets":[0,0]}}' % huge,
            b"[" * 1_000_000,
        ):
            yield len(header).to_bytes(8, "little") + header
        yield huge.to_bytes(8, "little") + b"{}"
    if format_name == "flax":
        yield b"\x81\xa1a\xc9" + (0xFFFFFFFF).to_bytes(4, "big") + b"\x01"  # an array of 4 GB
        yield b"\xdf" + (0xFFFFFFFF).to_bytes(4, "big")  # a map of 4 billion names
        yield b"\x81\xa1a" * 300_000
        yield b"\x91" * 1_000_000
    if format_name == "bin":
        for command in (_Command(), {"weights": _Command()}):
            yield pickle.dumps(command, protocol=2)
            yield _archive(pickle.dumps(command, protocol=2))
        yield _archive(b"\x80\x02" + b"]" + b"(" * 1_000_000 + b".")
        yield _archive(b"\x80\x02\x8c\x08builtins\x8c\x04exec\x93.")


class _Command:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("exit 0",)


def _archive(content: bytes) -> bytes:
    import io

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def trial(source: Path, before: dict[str, np.ndarray], caught: list[str]) -> str:
    """Open what may be damaged and say how it went."""
    from bigbird_cli.backend import open_pickles
    from bigbird_cli.errors import BigBirdError
    from bigbird_cli.weights.sources import open_source

    caught.clear()
    try:
        tensors = open_source(source, pickle_io=open_pickles()).tensors
    except BigBirdError as error:
        outcome = "refused" if "\n" not in str(error) else "traceback"
    except Exception:  # what the claim says never happens
        import traceback

        traceback.print_exc()
        return "traceback"
    else:
        if {n: (a.shape, a.dtype) for n, a in tensors.items()} != {n: (a.shape, a.dtype) for n, a in before.items()}:
            outcome = "partial"
        else:
            same = all(array.tobytes() == before[name].tobytes() for name, array in tensors.items())
            outcome = "as before" if same else "other numbers"
    return "code" if caught else outcome


def count(format_name: str, n_files: int) -> tuple[Counter[str], float, float]:
    """All files of a format, in this process: outcomes, and the most seconds and megabytes that one took."""
    from bigbird_cli.backend import open_pickles
    from bigbird_cli.weights.sources import open_source

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        source, files = write_model_in(format_name, Path(folder) / "model")
        before = {n: a.copy() for n, a in open_source(source, pickle_io=open_pickles()).tensors.items()}
        contents = {file: file.read_bytes() for file in files}
        caught: list[str] = []
        sys.addaudithook(lambda event, _: caught.append(event) if event in FORBIDDEN else None)
        held = int(status("VmSize") * 1e6)
        resource.setrlimit(resource.RLIMIT_AS, (held + ADDRESSES, held + ADDRESSES))
        draw, outcomes, longest, most = random.Random(0), Counter[str](), 0.0, 0.0
        by_hand = [(files[0], content) for content in built(format_name)]
        for n in range(n_files + len(by_hand)):
            if n < len(by_hand):
                file, content = by_hand[n]
            else:
                file = files[n % len(files)]
                content = damaged(contents[file], described_by(format_name, contents[file]), draw)
            file.write_bytes(content)
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts again here
            at_rest, began = status("VmRSS"), time.perf_counter()
            outcomes[trial(source, before, caught)] += 1
            longest = max(longest, time.perf_counter() - began)
            most = max(most, status("VmHWM") - at_rest)
            file.write_bytes(contents[file])
    return outcomes, longest, most
