"""Print the lines that run.sh has written as short tables.

python benchmarks/gpu/table.py RESULTS
"""

import json
import sys
from pathlib import Path
from typing import Any


def checks(rows: list[dict[str, Any]]) -> None:
    good = [row for row in rows if row.get("good")]
    tried = [row for row in rows if "good" in row or "error" in row]
    print(f"\nChecks: {len(good)} of {len(tried)} good, {sum('skipped' in row for row in rows)} skipped")
    for row in rows:
        if not row.get("good") and "skipped" not in row:
            print("  wrong:", json.dumps({key: value for key, value in row.items() if key != "part"}))


def speeds(rows: list[dict[str, Any]]) -> None:
    timed = [row for row in rows if "tokens_per_second" in row]
    for row in rows:
        if row.get("what") == "peak":
            print(f"\n{row.get('device')}, torch {row.get('torch')}, bf16 product {row.get('teraflops')} TFLOP/s")
    print("\n| shape | length | contender | pass | 1,000 tokens/s | GB | share of peak |")
    print("|---|---:|---|---|---:|---:|---:|")
    for row in sorted(timed, key=lambda row: (row["shape"], str(row["length"]).rjust(9), row["what"])):
        share = f"{row['share_of_peak']:.1%}" if "share_of_peak" in row else ""
        print(
            f"| {row['shape']} | {row['length']} | {row['contender']} | {row['what']} "
            f"| {row['tokens_per_second'] / 1000:,.0f} | {row.get('gigabytes', '')} | {share} |"
        )
    for row in rows:
        if "error" in row:
            print("failed:", row.get("shape"), row.get("length"), row.get("contender"), row["what"], row["error"][:200])
    skipped = [f"{row['contender']} {row['shape']} {row['length']}" for row in rows if "skipped" in row]
    if skipped:
        print("skipped:", "; ".join(skipped))


def main() -> None:
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    checks([row for row in rows if row["part"] == "check"])
    speeds([row for row in rows if row["part"] == "speed"])


if __name__ == "__main__":
    main()
