#!/usr/bin/env bash
# bench.sh [SCENARIO]: the macro benchmarks, each side by side with its peers; figures as text and as JSON in out/bench.
set -uo pipefail
cd "$(dirname "$0")/.."

mkdir -p out/bench
dotnet build perf/Macro -c Release -v quiet || exit 1
make --no-print-directory build || exit 1
export APPLIANCE_PROGRAM=$PWD/out/publish/appliance
macro=$(echo perf/Macro/bin/Release/net10.0/*Macro.dll)
scenarios=${1:-$(dotnet "$macro" 2>&1 | awk '/^  / { print $1 }')}
status=0
for scenario in $scenarios; do
  dotnet "$macro" "$scenario" --json "out/bench/$scenario.json" || status=1
done
exit $status
