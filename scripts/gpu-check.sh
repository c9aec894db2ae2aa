#!/usr/bin/env bash
# Everything that only a real GPU can prove, in one command:
#
#   scripts/gpu-check.sh OUT_DIR
#
# Run it in what scripts/pack-gpu.sh packed, on a machine with the NVIDIA driver; a toolkit (nvcc, ptxas, compute-sanitizer)
# and PyTorch add their parts, and what is missing is said. Without a GPU the same tests run against the emulated driver, named
# by GIMBAL_CUDA_DRIVER. Results: OUT_DIR/results.json, one log a step, and a short table last. Exit status 1 if a step failed.
set -uo pipefail
[[ $# -eq 1 ]] || { echo "usage: scripts/gpu-check.sh OUT_DIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
rm -rf "$out/sft" "$out/compare" "$out/cubin" # of an earlier call
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${GIMBAL_PROGRAM:-$PWD/program}
tests=$program/Gimbal.Tests
gimbal=$program/gimbal
[[ -x $tests && -x $gimbal ]] || { echo "$program lacks Gimbal.Tests or gimbal: run scripts/pack-gpu.sh first" >&2; exit 2; }

steps=() outcomes=() seconds=() failed=0
has() { command -v "$1" >/dev/null; }

# step NAME COMMAND...: runs it with its own log; the last lines of a failure are shown.
step() {
    local name=$1 began=$SECONDS outcome=passed
    shift
    if ! "$@" >"$out/$name.log" 2>&1; then
        outcome=FAILED failed=1
        tail -n 20 "$out/$name.log" | sed "s/^/$name: /"
    fi
    steps+=("$name") outcomes+=("$outcome") seconds+=($((SECONDS - began)))
}
without() { # NAME REASON
    steps+=("$1") outcomes+=("skipped: $2") seconds+=(0)
}

if "$gimbal" doctor 2>/dev/null | grep -q '^cuda:0 .*sm_'; then
    device=$("$gimbal" doctor | sed -n 's/^cuda:0 *//p')
else
    echo "no CUDA device: install the NVIDIA driver, or name the emulated driver in GIMBAL_CUDA_DRIVER"
    exit 1
fi
emulated=${GIMBAL_CUDA_DRIVER:+yes}
export GIMBAL_TEST_DEVICE=cuda:0
architecture=$(sed -n 's/.*\(sm_[0-9]*\).*/\1/p' <<<"$device")

# --- What the toolkit can say of the kernels before they run.
ptxas_all() {
    local file
    for file in kernels/ptx/*.ptx; do
        printf '== %s\n' "$file"
        ptxas -arch="$architecture" -v "$file" -o /dev/null || return 1
    done
    ! grep -qE '[1-9][0-9]* bytes spill' "$out/ptxas.log"
}
machine_code() {
    local file
    mkdir -p "$out/cubin"
    for file in kernels/*.cu; do
        nvcc -std=c++20 -arch="$architecture" -O3 -fmad=false -lineinfo -Ikernels -cubin -o "$out/cubin/$(basename "$file" .cu).cubin" "$file" || return 1
    done
}
constants() {
    local home
    home=$(dirname "$(dirname "$(command -v nvcc)")")
    g++ -std=c++20 -fsyntax-only -Inative/include -Inative/src "-I$home/include" native/check/driver_constants.cpp &&
        g++ -std=c++20 -fsyntax-only -Inative/include -Inative/src "-I$home/include" native/check/cublaslt_constants.cpp
}
if has ptxas; then step ptxas ptxas_all; else without ptxas "no ptxas"; fi
if has nvcc && has g++; then step constants constants; else without constants "no nvcc or g++"; fi
if has nvcc; then step machine_code machine_code; else without machine_code "no nvcc"; fi

# --- The suite on the device; a test that skips there has not been run, so it counts as failed.
devices() { "$tests" --no-progress --fail-skips on --filter-method '*.DevicesAgree' --filter-method '*.DeviceTrainingTests.*' --filter-method '*.CudaDeviceTests.*'; }
step devices_agree devices
if [[ -z $emulated ]]; then
    step suite "$tests" --no-progress --filter-namespace Gimbal.Tests
else
    without suite "emulated: the kernels' own tests stand above"
fi
if [[ -d $out/cubin ]]; then
    step machine_code_agrees env GIMBAL_CUDA_KERNELS="$out/cubin" "$tests" --no-progress --fail-skips on --filter-method '*.DevicesAgree'
else
    without machine_code_agrees "no machine code was built"
fi

# --- Memory, races, barriers, uninitialised reads.
quick=(--no-progress --filter-class '*.SkeletonTests' --filter-class '*.GaeTests' --filter-class '*.MatmulTests' --filter-class '*.LogprobGatherTests' --filter-method '*.DevicesAgree')
for tool in memcheck racecheck synccheck initcheck; do
    if has compute-sanitizer && [[ -z $emulated ]]; then
        step "$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all "$tests" "${quick[@]}"
    else
        without "$tool" "compute-sanitizer needs a GPU"
    fi
done

# --- Speed. Under the emulator the times mean nothing, and the quick sizes show that the commands run.
quickly=${emulated:+--quick}
step bench_ops bash -c "'$gimbal' bench --device cuda:0 $quickly --json >'$out/bench_ops.json'"
step training bash -c "'$gimbal' sft --quick --device cuda:0 --seed 1 --out '$out/sft' --json >'$out/training.json'"
step generation bash -c "'$gimbal' generate --device cuda:0 --model '$out/sft/model' --prompt '12+3=' >'$out/generation.txt'"
step compare bash -c "'$gimbal' compare --quick --device cuda:0 --seed 1 --out '$out/compare' --json >'$out/compare.json'"
peer=${GIMBAL_PEER:-}
if [[ -n $peer && -z $emulated ]] && python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    step peer bash -c "python3 '$peer' --what ops >'$out/peer.json'"
else
    without peer "needs a GPU, PyTorch and GIMBAL_PEER, the file of the benchmark"
fi

{
    printf '{"schema": 1, "date": "%s", "device": "%s", "emulated": %s, "steps": [' "$(date -u +%FT%TZ)" "$device" "$([[ -n $emulated ]] && echo true || echo false)"
    for i in "${!steps[@]}"; do
        printf '%s{"name": "%s", "outcome": "%s", "seconds": %d}' "$([[ $i -gt 0 ]] && echo ', ')" "${steps[i]}" "${outcomes[i]}" "${seconds[i]}"
    done
    printf ']}\n'
} >"$out/results.json"
printf '\n%s%s\n' "$device" "${emulated:+ (emulated)}"
for i in "${!steps[@]}"; do printf '%-22s %4ds  %s\n' "${steps[i]}" "${seconds[i]}" "${outcomes[i]}"; done
exit "$failed"
