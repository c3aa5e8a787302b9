#!/usr/bin/env bash
# Measure this version on a GPU in two and a half minutes, and train in what time is left.
#
#   bash benchmarks/gpu/run.sh OUT                         checks, then times, then the tests marked gpu: 140 s at most
#   bash benchmarks/gpu/run.sh OUT --train pretrain RECIPE [--set optim.steps=1000 ...]     and then `bigbird pretrain`
#   bash benchmarks/gpu/run.sh OUT --tiny                  the same on a processor, at tiny sizes
#
# It installs nothing: python3 must have what pyproject.toml names, and transformers for the peers. Each figure is a
# line of OUT/results.jsonl as soon as it is there. A part that fails or outlasts its seconds ends alone.
set -u
out=$1
shift
tiny= device=cuda slow=1
if [ "${1:-}" = --tiny ]; then
    tiny=--tiny device=cpu slow=4
    shift
fi
cd "$(dirname "$0")/../.."
mkdir -p "$out"
: >"$out/results.jsonl"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

part() { # NAME SECONDS COMMAND...
    local name=$1 seconds=$2 started=$SECONDS
    shift 2
    echo "== $name, $seconds s"
    timeout --kill-after=5 $((seconds * slow)) "$@" 2>&1 | tee "$out/$name.log"
    echo "== $name took $((SECONDS - started)) s, exit ${PIPESTATUS[0]}" | tee -a "$out/$name.log"
}

part check 30 python3 benchmarks/gpu/check.py "$out/results.jsonl" --seconds $((24 * slow)) --device $device $tiny
part speed 75 python3 benchmarks/gpu/speed.py "$out/results.jsonl" --seconds $((68 * slow)) --device $device $tiny
part tests 35 python3 -m pytest -q -m gpu -p no:cacheprovider tests/pytorch/test_gpu.py
python3 benchmarks/gpu/table.py "$out/results.jsonl" | tee "$out/table.md"

if [ "${1:-}" = --train ]; then
    shift
    python3 -m bigbird_cli "$@" --out "$out/run" --device $device 2>&1 | tee "$out/train.log"
fi
