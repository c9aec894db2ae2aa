#!/usr/bin/env bash
# Compares whole workloads and single ops with another system's on the same machine.
#
#   bench/compare-peer.sh PEER.py [OUT_DIR]
#
# PEER.py is a program that prints one JSON line for each measurement, with the keys what, batch, median_s, peak_rss_mib, and
# takes --model, --batch, --seq, --what, --gen-batch, --group, --threads, --reps and --dtype as `gimbal bench --work` does. It
# is not part of this repository; where it is missing this script cannot run.
#
# Each measurement is a process of its own, ours and theirs in turn, ROUNDS times (3); a figure is the median of the rounds'
# medians. Standard output gets the table, OUT_DIR (artifacts/compare-peer) the JSON lines of every round and table.json.
#
#   THREADS (2)   PYTHON (/usr/bin/python3)   REPS (3)   ONLY (all): a part of a row's name   RUN: what to start each process with
#   DTYPE (fp32): bf16 for both sides in bfloat16, whole workloads alone
set -euo pipefail
peer=$(realpath "${1:?the path of the peer program}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${2:-artifacts/compare-peer}
threads=${THREADS:-2} rounds=${ROUNDS:-3} reps=${REPS:-3} only=${ONLY:-} dtype=${DTYPE:-fp32} python=${PYTHON:-/usr/bin/python3}
read -ra run <<<"${RUN:-}"
ours=(src/Gimbal.Cli/bin/Release/net10.0/gimbal bench --threads "$threads" --json)
[[ -x ${ours[0]} ]] || { echo "build first: dotnet build -c Release src/Gimbal.Cli" >&2; exit 2; }
mkdir -p "$out"
rm -f "$out"/*.jsonl

# name | arguments that both sides take
rows=(
    "train small 8x256|--work train --model small --batch 8 --seq 256"
    "train tiny 8x256|--work train --model tiny --batch 8 --seq 256"
    "train gpt2 4x512|--work train --model gpt2 --batch 4 --seq 512"
    "dpo small 8 pairs x 256|--work dpo --model small --batch 8 --seq 256"
    "grpo small 8x128|--work grpo --model small --batch 8"
    "grpo small 32x128|--work grpo --model small --batch 32"
    "ppo small 8x128|--work ppo-shared --model small --batch 8"
    "ppo small 32x128|--work ppo-shared --model small --batch 32"
    "gen small|--work gen --model small --gen-batch 1,8,32"
)
[[ $dtype == bf16 ]] && rows=("${rows[@]/%/ --dtype bf16}") || rows+=("ops|--work ops")

for ((round = 1; round <= rounds; round++)); do
    "${ours[@]}" --op skeleton 2>/dev/null >>"$out/ceilings.jsonl"
    for row in "${rows[@]}"; do
        name=${row%%|*} arguments=${row#*|}
        [[ $name == *"$only"* ]] || continue
        read -ra list <<<"$arguments"
        echo "round $round: $name" >&2
        file="$out/${name// /_}"
        # The clock of a peer that starts an interpreter is its own: both sides time inside their process.
        ${run[@]+"${run[@]}"} "${ours[@]}" "${list[@]}" --reps "$reps" >>"$file.ours.jsonl"
        theirs=("${list[@]/--work/--what}") # whose PPO has one trunk for policy and values in any case
        ${run[@]+"${run[@]}"} "$python" "$peer" "${theirs[@]/ppo-shared/ppo}" --threads "$threads" --reps "$reps" >>"$file.theirs.jsonl"
    done
done
"$python" bench/compare_peer.py "$out"
