#!/usr/bin/env bash
# build.sh VERB: each verb is one line that can be typed without this script. The same verbs are in build.ps1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
case "${1:-build}" in
    build)   dotnet build -c Release ;;
    test)    dotnet test -c Release ;;
    compare) dotnet run -c Release --project src/Gimbal.Cli -- compare ;;
    bench)   dotnet run -c Release --project src/Gimbal.Cli -- bench ;;
    format)  cmake -P eng/Format.cmake ;;
    clean)   dotnet clean -c Release ;;
    *)       echo "unknown verb '$1'; known: build, test, compare, bench, format, clean" >&2; exit 2 ;;
esac
