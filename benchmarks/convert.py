"""Claim: a conversion takes seconds and little more memory than reading and writing its weights; and what the positions
that it makes are worth before any training.

    python benchmarks/convert.py                           a base-size BigBird in every format
    python benchmarks/convert.py --source PATH             another model or checkpoint too; repeatable
    python benchmarks/convert.py --positions FOLDER        a short-context encoder's positions, tiled and interpolated

Each conversion runs in a process of its own. "memory" is the process's peak, the program itself included, as a multiple
of the weights that it reads or writes, whichever take more bytes; more than 2.5 x is marked.

Positions: passages of a real text are read alone at position 0, then with their positions moved to a depth, alone, and
in their place in the whole text (those that begin within 4 passages of the depth), under the block-sparse attention of
the converted model. "cosine" is the mean over passages between the mean hidden states at 0 and at the depth. "found" is
the share of passages whose nearest neighbour among all passages at position 0 is themselves: it says whether a passage
is still distinguished from the others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig

AT_MOST = 2.5
SHAPE: dict[str, Any] = {"vocab_size": 50358}
"""Of the base-size model, besides BigBird's defaults."""
TEXT = Path(__file__).parent.parent / "recipes" / "examples" / "skarvholm.txt"
PASSAGE = 96
DEPTHS = (0, 256, 512, 1024, 2048, 3072, 3968)


def write_base(folder: Path) -> None:
    """Write a BigBird with the pretraining heads and random weights."""
    from bigbird_cli.bigbird.heads import HEADS
    from bigbird_cli.bigbird.names import TIED, expected_names
    from bigbird_cli.weights.store import write_model

    config = BigBirdConfig(**SHAPE, architectures=[HEADS["pretraining"].class_name])
    draw = np.random.default_rng(0)
    shapes = {name: shape for name, shape in expected_names(config, "pretraining").items() if name not in TIED}
    tensors = {name: draw.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}
    write_model(folder, config=config, tensors=tensors)


def measure(source: Path, out: Path, options: dict[str, str]) -> dict[str, float]:
    """Convert in this process: seconds, and the process's peak memory in bytes."""
    import resource

    from bigbird_cli import api

    began = time.perf_counter()
    api.convert(source, out, **options)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def measure_apart(source: Path, out: Path, options: dict[str, str]) -> dict[str, float]:
    """Convert in a process of its own, whose memory is nobody else's."""
    arguments = [sys.executable, __file__, "--one", str(source), str(out), json.dumps(options)]
    found: dict[str, float] = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    return found


def row(name: str, source: Path, out: Path, options: dict[str, str]) -> str:
    """Convert; a line of the table."""
    found = measure_apart(source, out, options)
    size = n_bytes(out)
    ratio = found["peak"] / max(size, n_bytes(source))
    verdict = "" if ratio <= AT_MOST else f" (more than {AT_MOST})"
    return f"| {name} | {size / 1e6:,.0f} MB | {found['seconds']:.1f} | {ratio:.2f} x{verdict} |"


def n_bytes(path: Path) -> int:
    """Bytes of a model folder or of a checkpoint's files."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def conversions(folder: Path, sources: list[Path]) -> list[str]:
    """The table of a base-size model through every format and back, and of other sources."""
    from bigbird_cli.weights.convert import WRITTEN

    lines = ["| conversion | weights written | seconds | memory |", "|---|---:|---:|---:|"]
    base = folder / "base"
    write_base(base)
    for name in WRITTEN:
        lines.append(row(f"safetensors → {name}", base, folder / name, {"to": name}))
        if name != "safetensors":
            lines.append(row(f"{name} → safetensors", folder / name, folder / f"from-{name}", {}))
    lines.append(row("safetensors → bfloat16", base, folder / "bfloat16", {"dtype": "bfloat16"}))
    for n, source in enumerate(sources):
        lines.append(row(f"{source} → safetensors", source, folder / f"source-{n}", {}))
    return lines


def positions(encoder: Path, text: Path, folder: Path) -> list[str]:
    """The table of what a passage's hidden states keep at each depth."""
    import torch

    import bigbird_cli as bb
    from bigbird_cli import api
    from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer

    lines = [
        "| depth | positions | alone: cosine | alone: found | in the text: cosine | in the text: found |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for how in ("tile", "interpolate"):
        out = folder / how
        config = api.convert(encoder, out, positions=how).config
        model = bb.BigBirdModel.from_pretrained(out).eval()
        tokenizer = load_tokenizer(out)
        ids = tokenizer.encode(text.read_text(encoding="utf-8")).ids.astype(np.int64)
        ids = np.resize(ids, config.max_position_embeddings)  # a shorter text is begun again
        starts = range(0, len(ids) - PASSAGE + 1, PASSAGE)
        passages = torch.from_numpy(np.stack([ids[start : start + PASSAGE] for start in starts]))
        with torch.inference_mode():
            home = model(passages).last_hidden_state.mean(1)
            whole = model(torch.from_numpy(ids)[None]).last_hidden_state[0]
            for depth in DEPTHS:
                positions = torch.arange(depth, depth + PASSAGE)[None]
                alone = model(passages, position_ids=positions.expand_as(passages)).last_hidden_state.mean(1)
                near = [n for n, start in enumerate(starts) if abs(start - depth) <= 4 * PASSAGE]
                inside = torch.stack([whole[starts[n] : starts[n] + PASSAGE].mean(0) for n in near])
                own = torch.arange(len(home))
                lines.append(
                    f"| {depth:,} | {how} | {_scores(alone, home, own)} | {_scores(inside, home, torch.tensor(near))} |"
                )
    return lines


def _scores(found: Any, home: Any, own: Any) -> str:
    from torch.nn import functional as F

    cosines = F.normalize(found, dim=-1) @ F.normalize(home, dim=-1).T
    mine = cosines.gather(1, own[:, None])
    return f"{mine.mean():.3f} | {(cosines.argmax(1) == own).float().mean():.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, action="append", default=[])
    parser.add_argument("--positions", type=Path, metavar="FOLDER")
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        source, out, options = arguments.one
        print(json.dumps(measure(Path(source), Path(out), json.loads(options))))
        return
    with tempfile.TemporaryDirectory() as name:
        if arguments.positions is not None:
            lines = positions(arguments.positions, arguments.text, Path(name))
        else:
            lines = conversions(Path(name), arguments.source)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
