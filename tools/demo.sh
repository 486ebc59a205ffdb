#!/usr/bin/env bash
# The first minute: a server, a bucket, a training job on real data, its logs, the model, a prediction.
# Usage: tools/demo.sh [DIR]   (normally through ./run demo)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/build/release/bin
export PATH="$bin:$PATH"
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' reset=$'\e[0m'; else bold= dim= green= reset=; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$reset"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$reset"; "$@"; }
started=$SECONDS

if [ $# -gt 0 ]; then data=$1; keep=1; else data=$(mktemp -d "${TMPDIR:-/tmp}/hodei-demo-XXXXXX"); keep=; fi
# Built environments survive a temporary demo, so that the next one starts at once.
config=$data.yaml
printf 'runtimes:\n  cache_dir: %s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/hodei/environments" >"$config"

step "1. Start the server (data in $data)"
"$bin/hodeid" --data "$data" --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --config "$config" >"$data.out" 2>"$data.log" &
server=$!
finish() { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true
  rm -f "$config" "$data.out"; if [ -z "$keep" ]; then rm -rf "$data" "$data.log"; fi; }
trap finish EXIT
for _ in $(seq 600); do
  grep -q '^listening on http://' "$data.out" && break
  kill -0 "$server" 2>/dev/null || { cat "$data.log" >&2; exit 1; }
  sleep 0.05
done
url=$(sed -n 's/^listening on \(http:.*\)/\1/p' "$data.out" | head -1)
cat "$data.out"
eval "$("$bin/hodei" env --data "$data")"

step "2. Make a bucket"
bucket=demo-$(date +%s)
show hodei storage buckets create "gs://$bucket"

job=demo_$(date +%Y%m%d_%H%M%S)
arguments=()
census=../shared/data/census
if [ -f "$census/adult.data.csv" ]; then
  step "3. Upload the census data"
  show hodei storage cp "$census/adult.data.csv" "gs://$bucket/data/adult.data.csv"
  show hodei storage cp "$census/adult.test.csv" "gs://$bucket/data/adult.test.csv"
  arguments=(--train-files "gs://$bucket/data/adult.data.csv" --eval-files "gs://$bucket/data/adult.test.csv")
else
  step "3. No census files beside the checkout: the trainer uses a data set that comes with scikit-learn"
fi

step "4. Train, and follow the logs"
show hodei ml-engine jobs submit training "$job" \
  --staging-bucket "gs://$bucket" --job-dir "gs://$bucket/$job" --region us-central1 \
  --runtime-version 2.11 --python-version 3.7 \
  --package-path examples/demo/trainer --module-name trainer.task --stream-logs \
  -- "${arguments[@]}"

step "5. What it left in the bucket"
show hodei storage ls -r "gs://$bucket/$job"

step "6. Load the model back and score one row (as a job of its own)"
show hodei ml-engine jobs submit training "${job}_score" \
  --staging-bucket "gs://$bucket" --job-dir "gs://$bucket/$job" --region us-central1 \
  --runtime-version 2.11 --python-version 3.7 \
  --package-path examples/demo/trainer --module-name trainer.score --stream-logs >/dev/null

step "${green}Done in $((SECONDS - started)) s.${reset}"
hodei logging read "resource.labels.job_id=\"$job\" AND jsonPayload.message:accuracy" --limit 1 \
  --format 'value(jsonPayload.message)'
cat <<TEXT

The API is at $url while this demo runs; the job is
  $url/v1/projects/hodei-local/jobs/$job

Try next:
  hodei up                                    a server that stays
  hodei ml-engine jobs list                   every job and its state
  eval "\$(hodei env)"; gcloud ml-engine jobs list     the same with Google's own command
  hodei doctor                                what this machine can do
TEXT
