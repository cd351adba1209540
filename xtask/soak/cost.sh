#!/usr/bin/env bash
# What it costs to keep the books: the product, and a build of it that writes neither the usage journal nor the request log,
# serve the same load by turns, on one core each, before the same upstream. To hold: at least 0.9 of the throughput, with
# the request log as it is configured by default, and as it is when every success is kept.
#
#   xtask/soak/cost.sh [ROUNDS [SECONDS]]    by default 7 rounds of 4 seconds each
set -euo pipefail

cd "$(dirname "$0")/../.."
. xtask/soak/scratch.sh
rounds=${1:-7}
seconds=${2:-4}
scratch=$PWD/target/cost
tree=$scratch/tree
mkdir -p "$scratch"
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done' EXIT

cargo build --quiet --release --locked --package tollbar
copy_workspace "$tree"
change "$tree/crates/tollbar-store/src/journal/writer.rs" 's/(fn append\(&self, records: &\[JournalRecord\]\) -> Result<\(\), StoreFailure> \{\s*if) records\.is_empty\(\)/$1 true || records.is_empty()/'
change "$tree/crates/tollbar-gateway/src/log_budget.rs" 's/(impl SuccessBudget \{.*?pub\(crate\) fn take\(&self\) -> bool \{)/$1 if true { return false; }/s'
(cd "$tree" && CARGO_TARGET_DIR=$scratch/build cargo build --quiet --release --locked --package tollbar 2>"$scratch/build.log") ||
    { cat "$scratch/build.log"; exit 1; }

# The upstream: 1 KiB of JSON, from memory.
upstream=$scratch/upstream
rm -rf "$upstream"
mkdir -p "$upstream"
body=$(printf '{"text":"%1012s"}' x)
cat >"$upstream/nginx.conf" <<CONF
daemon off; worker_processes 1; pid $upstream/pid; error_log $upstream/errors.log;
events { worker_connections 512; }
http {
    access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path $upstream/b; proxy_temp_path $upstream/p; fastcgi_temp_path $upstream/f;
    uwsgi_temp_path $upstream/u; scgi_temp_path $upstream/s;
    server { listen 127.0.0.1:18900; default_type application/json; location / { return 200 '$body'; } }
}
CONF
taskset -c 1 nginx -c "$upstream/nginx.conf" &
pids+=($!)

# serve NAME BINARY PORT SUCCESSES: a platform with a client, whose key is in NAME.key.
serve() {
    local name=$1 binary=$2 port=$3 folder=$scratch/$1
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && TOLLBAR__REQUESTS__SUCCESSES_PER_SECOND=$4 TOLLBAR__GATEWAY__THREADS=1 TOLLBAR__LOG__LEVEL=warn \
        exec taskset -c 0 "$binary" serve --gateway 127.0.0.1:"$port" --admin 127.0.0.1:0 --ops 127.0.0.1:0 \
        --ready-file "$folder/ready") >"$folder/log.txt" 2>&1 &
    echo $! >"$folder/pid"
    pids+=($!)
    timeout 20 bash -c "until [ -e '$folder/ready' ]; do read -rt 0.05 <> <(:) || true; done"
    local run="$binary --data $folder/tollbar-data"
    cat >"$folder/api.yaml" <<'YAML'
openapi: 3.0.3
info: { title: Cost, version: "1" }
paths:
  /things/{id}:
    get:
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
YAML
    $run import "$folder/api.yaml" --base /v1 --upstream http://127.0.0.1:18900 >/dev/null
    $run tier set boundless --rate 4000000 >/dev/null
    $run client create load --tier boundless --allowance 1000000000 --scope things:read >/dev/null
    $run --json key create load --env live | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])' >"$folder/key"
}

# Milliseconds of processor time that a process has had.
processor() {
    awk '{ print ($14 + $15) * 10 }' "/proc/$(cat "$scratch/$1/pid")/stat"
}

# load NAME PORT SECONDS: prints requests per second, and microseconds of processor time for each.
load() {
    local before after
    before=$(processor "$1")
    taskset -c 1 h2load --h1 -c 32 -t 1 -D "$3" -H "X-API-Key: $(cat "$scratch/$1/key")" \
        "http://127.0.0.1:$2/v1/things/1" >"$scratch/load.txt"
    after=$(processor "$1")
    grep -q ' 0 failed, 0 errored' "$scratch/load.txt" || { cat "$scratch/load.txt"; exit 1; }
    awk -v used=$((after - before)) '
        /^finished in/ { rate = $4 } /^requests:/ { done = $6 } /^status codes:/ { ok = $3 }
        END { if (ok == 0 || ok < done) { print "not all were answered by 200" > "/dev/stderr"; exit 1 } printf "%.0f %.1f\n", rate, used * 1000 / done }' "$scratch/load.txt"
}

serve off "$scratch/build/release/tollbar" 18901 20
serve on "$PWD/target/release/tollbar" 18902 20
serve all "$PWD/target/release/tollbar" 18903 1000000
for name in off:18901 on:18902 all:18903; do load "${name%:*}" "${name#*:}" 2 >/dev/null; done
: >"$scratch/rows.txt"
for round in $(seq "$rounds"); do
    order="off:18901 on:18902 all:18903"
    [ $((round % 2)) -eq 0 ] && order="all:18903 on:18902 off:18901"
    for name in $order; do
        echo "$round ${name%:*} $(load "${name%:*}" "${name#*:}" "$seconds")" | tee -a "$scratch/rows.txt"
    done
done
python3 - "$scratch/rows.txt" <<'PYTHON'
import statistics, sys
rounds = {}
for line in open(sys.argv[1]):
    number, name, rate, micros = line.split()
    rounds.setdefault(number, {})[name] = (float(rate), float(micros))
bad = False
for name, what in (("on", "journal, audit and request log as configured by default"), ("all", "the same, and every success kept in the request log")):
    rate = statistics.median(row[name][0] / row["off"][0] for row in rounds.values())
    cost = statistics.median(row[name][1] / row["off"][1] for row in rounds.values())
    print(f"{what}: {rate:.3f} of the throughput, {cost:.3f} times the processor time (medians of {len(rounds)} rounds)")
    bad |= name == "on" and rate < 0.9
sys.exit(bad)
PYTHON
