#!/usr/bin/env bash
# Packs what a machine with a GPU, nvcc and PyTorch, but without .NET and without a network, needs for scripts/gpu-check.sh:
#
#   scripts/pack-gpu.sh [FOLDER]        artifacts/gpu by default
#
# FOLDER then holds the test program and `gimbal`, each with the .NET runtime and the engine, and the sources of kernels and
# engine. The engine carries PTX, so nothing needs to be built there; gpu-check.sh also builds machine code with nvcc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-artifacts/gpu}
rm -rf "$out"
mkdir -p "$out"

publish=(-c Release -r linux-x64 --self-contained -p:DebugType=none -p:InvariantGlobalization=true)
dotnet publish "${publish[@]}" tests/Gimbal.Tests -o "$out/program"
dotnet publish "${publish[@]}" src/Gimbal.Cli -o "$out/program"

cp -r kernels native scripts CMakeLists.txt CMakePresets.json "$out/"
tar -C "$out" -cJf "$out.tar.xz" .
printf '%s: %s MB packed\n' "$out.tar.xz" "$(du -m "$out.tar.xz" | cut -f1)"
