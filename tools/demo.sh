#!/usr/bin/env bash
# The first minute: a server, a bucket, a training job on real data, its logs, a model that answers and scores a file.
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
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hodei-demo-files-XXXXXX")
serving=
finish() {
  # A version's program outlives its server, so that a restart is not noticed; not this demo.
  if [ -n "$serving" ]; then hodei ml-engine versions delete v1 --model "$model" --quiet >/dev/null 2>&1 || true; fi
  kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true
  rm -rf "$config" "$data.out" "$scratch"; if [ -z "$keep" ]; then rm -rf "$data" "$data.log"; fi; }
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

# From here on with Google's own command where it is installed: it prints the same.
tool=hodei
if command -v gcloud >/dev/null; then tool=gcloud; fi
step "6. Serve the model (with $tool)"
model=income
show "$tool" ml-engine models create "$model" --regions us-central1
serving=yes
show "$tool" ml-engine versions create v1 --model "$model" --origin "gs://$bucket/$job/export/" \
  --runtime-version 2.11 --python-version 3.7 --framework scikit-learn

step "7. Ask it (with $tool)"
hodei storage cat "gs://$bucket/$job/rows.json" >"$scratch/rows.json"
head -3 "$scratch/rows.json" >"$scratch/three.json"
show cat "$scratch/three.json"
show "$tool" ml-engine predict --model "$model" --version v1 --json-instances "$scratch/three.json"

step "8. Score the whole file, $(wc -l <"$scratch/rows.json") rows"
show hodei ml-engine jobs submit prediction "${job}_batch" --model "$model" --version v1 --data-format TEXT \
  --region us-central1 --input-paths "gs://$bucket/$job/rows.json" --output-path "gs://$bucket/$job/scores"
show hodei ml-engine jobs stream-logs "${job}_batch"
hodei storage cat "gs://$bucket/$job/scores/prediction.results-00000-of-00001" >"$scratch/scores"
hodei storage cat "gs://$bucket/$job/labels.txt" >"$scratch/labels"
paste "$scratch/scores" "$scratch/labels" | awk '
  { right += $1 == $2 } END { printf "%.1f %% of %d predictions are what the data says.\n", 100 * right / NR, NR }'

step "9. How many requests for one row it answers in two seconds"
body="{\"instances\": [$(head -1 "$scratch/rows.json")]}"
path=/v1/projects/hodei-local/models/$model:predict
(umask 077 && printf 'POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s' \
  "$path" "$(cat "$data/credentials/owner.token")" "${#body}" "$body" >"$scratch/request")
printf '%s$ POST %s  %s%s\n' "$dim" "$path" "$body" "$reset"
"$bin/http_load" --port "${url##*:}" --connections 16 --requests 1000000 --seconds 2 "$scratch/request" >"$scratch/load"
rate() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$scratch/load"; }
printf '%s%.0f requests per second%s over 16 connections; half of them are answered within %.1f ms, 99 %% within %.1f ms.\n' \
  "$green" "$(rate rate)" "$reset" "$(echo "$(rate p50_us)" | awk '{ print $1 / 1000 }')" "$(echo "$(rate p99_us)" | awk '{ print $1 / 1000 }')"

step "${green}Done in $((SECONDS - started)) s.${reset}"
hodei logging read "resource.labels.job_id=\"$job\" AND jsonPayload.message:accuracy" --limit 1 \
  --format 'value(jsonPayload.message)'
cat <<TEXT

The job was      $url/v1/projects/hodei-local/jobs/$job
and the version  $url/v1/projects/hodei-local/models/$model/versions/v1

Try next:
  hodei up                                    a server that stays
  hodei ml-engine jobs list                   every job and its state
  eval "\$(hodei env)"; gcloud ml-engine jobs list     the same with Google's own command
  hodei doctor                                what this machine can do
TEXT
