#!/usr/bin/env bash
# Runs every benchmark that prints `bench NAME VALUE UNIT target TEXT` and shows one table.
# Usage: tools/bench.sh [NAME…]   (normally through ./run bench)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=build/release/bin
out=build/bench.txt
: >"$out"
wanted() { [ $# -eq 1 ] || { local n=$1; shift; for w in "$@"; do [ "$w" = "$n" ] && return 0; done; return 1; }; }
measure() { # NAME COMMAND…
  local name=$1; shift
  printf '==> bench: %s\n' "$name" >&2
  "$@" 2>build/bench.err | tee -a build/bench.raw | grep '^bench ' >>"$out" ||
    { printf '    %s printed no figure: %s\n' "$name" "$(tail -1 build/bench.err)" >&2; }
}
: >build/bench.raw
ninja -C build/release >build/release.build.log 2>&1 || { tail -30 build/release.build.log >&2; exit 1; }
for program in "$bin"/*_benchmark; do
  name=$(basename "$program" _benchmark)
  wanted "$name" "$@" && measure "$name" "$program"
done
wanted idle "$@" && measure idle build/venv/bin/python test/load/idle_server.py
wanted api "$@" && measure api build/venv/bin/python test/load/api_requests.py
wanted jobs "$@" && measure jobs build/venv/bin/python test/load/noop_jobs.py
echo
awk '{ name=$2; value=$3; unit=$4; $1=$2=$3=$4=""; sub(/^ *target */, ""); printf "%-34s %12s %-12s %s\n", name, value, unit, $0 }' "$out"
