#!/usr/bin/env bash
# Compiles the kernels to the checked-in PTX: scripts/ptx.sh [FOLDER], kernels/ptx by default. Needs clang 19, no toolkit.
# The library carries these files; continuous integration compiles them anew and compares.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
clang=${CLANG:-clang++-19}
out=${1:-kernels/ptx}
mkdir -p "$out"
for source in kernels/*.cu; do
    "$clang" -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 --cuda-feature=+ptx70 -nocudainc -nocudalib -std=c++20 -O3 \
        -ffp-contract=off -fno-strict-aliasing -Wall -Wextra -Wconversion -Werror -Ikernels -S -o - "$source" |
        sed '/^\/\//d' >"$out/$(basename "$source" .cu).ptx"
done
