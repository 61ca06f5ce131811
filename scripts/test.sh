#!/usr/bin/env bash
# test.sh: build, format check, every test project. The last line is 'N passed, N failed, N skipped', summed over the projects.
# APPLIANCE_TEST_PROFILE=soak runs the full counts of tests/counts.conf.
set -uo pipefail
cd "$(dirname "$0")/.."

results=out/test
rm -rf $results
mkdir -p $results
passed=0 failed=0 skipped=0
# Not a test, but as bad as a failed one.
broken() { echo "FAILED: $1"; failed=$((failed + 1)); }
# The names of what failed and the first line of why, in one place at the end.
failures() {
  for trx in $results/*.trx; do
    [ -s "$trx" ] || continue
    awk -v project="$(basename "$trx" .trx)" '
      /<UnitTestResult .*outcome="Failed"/ { match($0, /testName="[^"]*"/); name = substr($0, RSTART + 10, RLENGTH - 11) }
      name != "" && /<Message>/ { sub(/.*<Message>/, ""); print "FAILED: " project ": " name ": " substr($0, 1, 300); name = "" }' "$trx"
  done
}
finish() { failures; echo "$passed passed, $failed failed, $skipped skipped"; [ "$failed" -eq 0 ] && exit 0 || exit 1; }

# One compiler for all projects, warm after the first: it starts when the first is compiled, and ends with this.
export UseSharedCompilation=true SharedCompilationId=appliance-$$
trap 'pkill -f -- "-pipename:$SharedCompilationId"' EXIT

dotnet build Appliance.sln -c Release -v quiet || { broken "the build"; finish; }
# Style beyond white space is checked by the build.
dotnet format whitespace . --folder --verify-no-changes || broken "the format: run 'make format'"
# Tests start what operators get: compiled before it runs, a node is up in half the time.
make --no-print-directory build || { broken "the program: see 'make build'"; finish; }
export APPLIANCE_PROGRAM=$PWD/out/publish/appliance

export APPLIANCE_TEST_COUNTS_LOG=$PWD/$results/counts.log
: >"$APPLIANCE_TEST_COUNTS_LOG"
attribute() { grep -o "<Counters [^>]*" "$1" | grep -o " $2=\"[0-9]*\"" | tr -dc 0-9; }
for project in tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  echo "== $name"
  dotnet test "$project" -c Release --no-build --logger "console;verbosity=minimal" --logger "trx;LogFileName=$PWD/$results/$name.trx" || status=1
  trx=$results/$name.trx
  if [ ! -s "$trx" ]; then
    # A project without tests writes no results and does not fail.
    if [ "${status:-0}" -ne 0 ]; then broken "$name wrote no results"; fi
    status=0
    continue
  fi
  total=$(attribute "$trx" total) good=$(attribute "$trx" passed) executed=$(attribute "$trx" executed)
  bad=$((executed - good))
  if [ "${status:-0}" -ne 0 ] && [ $bad -eq 0 ]; then broken "$name ended with an error"; fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + total - executed))
  status=0
done

if [ "${APPLIANCE_TEST_PROFILE:-test}" = soak ]; then
  echo "== counts reached"
  awk '{ count = $NF; $NF = ""; sum[$0] += count } END { for (name in sum) print "  " name sum[name] }' "$APPLIANCE_TEST_COUNTS_LOG" | sort
fi
finish
