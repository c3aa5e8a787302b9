"""Draw time and memory against length, from the lines that encoder.py writes.

    python benchmarks/encoder.py --all --tokens 1024 4096 16384 --lines lines.jsonl
    python benchmarks/plot.py lines.jsonl --out benchmarks/results/encoder.svg

It needs matplotlib (`pip install -e .[bench]`).
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib
from encoder import BOUND, BOUNDS, INT8, OURS, PASSES

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, LogLocator

STYLES = {OURS: {"color": "#c1440e", "linewidth": 2.6, "zorder": 3}, INT8: {"color": "#e39a6f", "linewidth": 1.6}}
PEERS = ("#2b5c8a", "#5b8c5a", "#7d5ba6", "#8a8a2b", "#4aa3a2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=["forward", "backward"])
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.lines.read_text(encoding="utf-8").splitlines()]
    pyplot.rcParams |= {"svg.hashsalt": "bigbird", "font.size": 9, "font.family": "sans-serif"}
    figure, axes = pyplot.subplots(2, len(args.passes), figsize=(9.5, 7), sharex=True, squeeze=False)
    named = dict.fromkeys(row["contender"] for row in rows)
    peers = [name for name in named if name not in (OURS, INT8, *BOUNDS)]
    styles = STYLES | {name: {"color": color, "linewidth": 1.3} for name, color in zip(peers, PEERS, strict=False)}
    styles[BOUND] = {"color": "#999999", "linewidth": 1.2, "linestyle": "--"}
    for column, what in enumerate(args.passes):
        for line, (key, unit) in enumerate((("seconds", "ms per 1,000 tokens"), ("megabytes", "MB above the model"))):
            axis = axes[line][column]
            for name, style in styles.items():
                points = defaultdict(float)
                for row in rows:
                    if row["contender"] == name and row["pass"] == what and not (name == BOUND and line):
                        points[row["tokens"]] = row[key] * 1e6 / row["tokens"] if key == "seconds" else row[key]
                if points:
                    axis.plot(*zip(*sorted(points.items()), strict=True), marker="o", markersize=3, label=name, **style)
            axis.set(xscale="log", yscale="log", ylabel=unit)
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_xticks(sorted({row["tokens"] for row in rows}))
            axis.minorticks_off()
            axis.grid(alpha=0.25)
        axes[0][column].set_title(PASSES[what])
        axes[1][column].set_xlabel("tokens")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(args.out, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
