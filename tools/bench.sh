#!/usr/bin/env bash
# Runs every benchmark and shows one table of one run. Usage: tools/bench.sh [NAME…]   (normally ./run bench [NAME…])
#
# How to add a row: print lines of this form from a program that is found by its place:
#   build/release/bin/NAME_benchmark   (src/**/x_benchmark.cc)        run as NAME
#   test/load/NAME.py                  (one that is only imported starts with "_")   run as NAME
#
#   bench ROW VALUE UNIT [peer=LABEL:VALUE] [max=N] [min=N] [max_ratio=N] [min_ratio=N] [skip=REASON] [note=TEXT]
#
#   ROW        one word, unique over all benchmarks; what a lower or higher VALUE of UNIT is measured for
#   peer       what ours is held against, in the same UNIT and from the same run: a floor (epoll, fdatasync, dd)
#              or another program (nginx, slurm, bwrap); LABEL is one word
#   max, min   VALUE must be at most, at least N
#   max_ratio, min_ratio   VALUE divided by the peer's value must be at most, at least N
#   skip       why the peer could not be had here (a missing package): the ratio is then not judged; to the end of the line
#   note       a few words for the reader; to the end of the line, so it comes last
#
# A program that measures in rounds prints the row once a round, ours and the peer's measured side by side (interleaved,
# five rounds or more); the table shows the median of ours, the median of the peer's and the ratio of the two medians.
# Without a target the row is only shown. `bench ROW VALUE UNIT target TEXT` (TEXT free, not judged) is read as a note.
# A benchmark's extra Debian packages stand in packaging/bench-packages.txt, Python packages in
# packaging/bench-requirements.txt; ./run bench installs them. One that cannot be had is no failure: print skip=REASON.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=build/release/bin
rows=build/bench.txt
: >"$rows"
: >build/bench.raw
wanted() { [ $# -eq 1 ] || { local n=$1; shift; for w in "$@"; do [ "$w" = "$n" ] && return 0; done; return 1; }; }
found=0
measure() { # NAME COMMAND…
  local name=$1 start=$SECONDS; shift
  found=1
  printf '==> bench: %s' "$name" >&2
  local code=0
  "$@" >build/bench.one 2>build/bench.err || code=$?
  cat build/bench.one >>build/bench.raw
  local count; count=$(grep -c '^bench ' build/bench.one || true)
  grep '^bench ' build/bench.one >>"$rows" || true
  if [ "$code" != 0 ]; then
    printf ' FAILED (%s): %s\n' "$code" "$(tail -1 build/bench.err)" >&2
    printf 'failed %s %s\n' "$name" "$(tail -1 build/bench.err)" >>"$rows"
  else printf ', %s lines in %s s\n' "$count" "$((SECONDS - start))" >&2; fi
}
ninja -C build/release >build/release.build.log 2>&1 || { tail -30 build/release.build.log >&2; exit 1; }
for program in "$bin"/*_benchmark; do
  name=$(basename "$program" _benchmark)
  wanted "$name" "$@" && measure "$name" "$program"
done
for script in test/load/*.py; do
  name=$(basename "$script" .py)
  case $name in _*) continue;; esac
  wanted "$name" "$@" && measure "$name" build/venv/bin/python "$script"
done
[ "$found" = 1 ] || { echo "bench: no benchmark is called so; there are:" \
  $(ls "$bin" | sed -n 's/_benchmark$//p') $(ls test/load | sed -n 's/^\([^_].*\)\.py$/\1/p') >&2; exit 2; }
echo
exec python3 tools/bench_table.py "$rows"
