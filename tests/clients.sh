#!/usr/bin/env bash
# The programs that users already have, against a running server: curl, promtool, wrk, Locust, and the
# bundled load test with a kill in the middle. Everything stays on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need curl curl
need jq jq
need wrk wrk
need promtool prometheus

work=$(mktemp -d)
server='' sale=''
finish() {
  for process in $server $sale; do kill "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# With the tests, else features differ and much is built twice.
cargo build --workspace --locked --bins --tests
built=${CARGO_TARGET_DIR:-target}/debug
python3 -m venv "$work/python"
"$work/python/bin/pip" -q install locust==2.47.0

start() { # starts the server on the same directory and ports as before
  : >"$work/ready"
  ONSALE__STORAGE__DATA_DIR="$work/data" ONSALE__STORAGE__FREE_BYTES_MIN=1048576 \
    ONSALE__SERVER__LISTEN="${address:-127.0.0.1:0}" ONSALE__ADMIN__LISTEN="${admin:-127.0.0.1:0}" \
    ONSALE__MAIL__DIRECTORY="$work/mails" ONSALE__PAYMENT__CONCURRENCY=1000 ONSALE__PAYMENT__PER_SECOND=10000 \
    ONSALE__PAYMENT__SIMULATED_LATENCY_MS=50 ONSALE__PAYMENT__TIMEOUT_MS=1000 \
    ONSALE__PAYMENT__SIMULATED_TIMEOUTS_PERMILLE=100 ONSALE__PAYMENT__SIMULATED_DUPLICATES_PERMILLE=200 \
    "$built/onsale" >"$work/ready" 2>>"$work/log" &
  server=$!
  for _ in $(seq 200); do
    grep -q "^listening" "$work/ready" && break
    kill -0 "$server" || { cat "$work/log"; exit 1; }
    sleep 0.1
  done
  read -r _ _ url _ _ admin_url <"$work/ready"
  address=${url#http://} admin=${admin_url#http://}
}
say() { printf '\n== %s\n' "$*"; }
must() { "$@" || { echo "failed: $*"; exit 1; }; }

start
say "curl: one purchase as the README tells it"
body='{"customer":"fan-1","lines":[{"pool":"standing","quantity":2}]}'
reserve=(curl -sS -X POST "$url/v1/events/concert-a/reservations" -H 'Content-Type: application/json'
  -H 'Idempotency-Key: k1' -d "$body")
first=$("${reserve[@]}")
must jq -e '.status == "HELD"' <<<"$first"
must test "$first" = "$("${reserve[@]}")"
must test "$(curl -sS -o /dev/null -w '%{http_code}' "$url/readyz")" = 200
must test "$(curl -sS "$url/openapi.json" | jq -r .openapi)" = 3.1.0
must test "$(curl -sSL -o /dev/null -w '%{http_code}' "$url/docs")" = 200

say "wrk"
curl -sS -o /dev/null -X PATCH "$url/v1/events/concert-a" -H 'Content-Type: application/json' \
  -d '{"pools":[{"id":"standing","capacity":100000000}]}'
wrk -t2 -c64 -d5s --latency -s loadtest/wrk/reserve.lua "$url" -- concert-a standing | tee "$work/wrk"
must grep -Eq '^reserved [1-9][0-9]* .* refused 0, failed 0$' "$work/wrk"

say "Locust"
must "$work/python/bin/locust" -f loadtest/locustfile.py --host "$url" --headless -u 20 -r 20 -t 8s \
  --only-summary --exit-code-on-error 1

say "promtool"
curl -sS "$admin_url/metrics" >"$work/metrics"
must promtool check metrics <"$work/metrics"
must grep -q '^onsale_commands_total{command="reserve",outcome="done"} [1-9]' "$work/metrics"

rush() { # a flash sale whose server is killed once the ledger ($1) has so many lines ($2), and starts again
  local ledger=$1 lines=$2
  shift 2
  "$built/loadtest" flash-sale --target "$url" --ledger "$ledger" "$@" &
  sale=$!
  until [ "$(cat "$ledger" 2>/dev/null | wc -l)" -gt "$lines" ]; do
    must kill -0 "$sale"
    sleep 0.02
  done
  kill -9 "$server"
  wait "$server" || true
  start
  must wait "$sale"
  sale=''
  must "$built/loadtest" check-ledger "$ledger" --target "$url"
}

say "flash sale, with kill -9 in the middle"
rush "$work/ledger" 200 --tickets 2000 --buyers 20000 --event sale

say "the whole journey, with kill -9 in the middle"
rush "$work/journey" 500 --tickets 300 --buyers 1000 --connections 64 --event journey \
  --buy --abandon 10 --declines 10 --timeouts 5 --cancel 10
must jq -se 'map(select(.step == "told") | .status) | unique == ["CANCELLED", "CONFIRMED", "FAILED"]' \
  "$work/journey"

say "a confirmation that was taken back"
jq -c 'select(.step == "told" and .status == "FAILED")' "$work/journey" | head -1 |
  jq -c '.status = "CONFIRMED" | .reason = null' >"$work/taken-back"
cat "$work/journey" "$work/taken-back" >"$work/lying-journey"
"$built/loadtest" check-ledger "$work/lying-journey" --target "$url" >"$work/found" &&
  { echo "not noticed"; exit 1; }
must grep "was told CONFIRMED, then is FAILED" "$work/found"

say "a ledger with a lie in it"
lie='{"key":"never","id":"000000000000000100000000","quantity":1}'
{ cat "$work/ledger"; echo "$lie"; } >"$work/lying"
"$built/loadtest" check-ledger "$work/lying" --target "$url" && { echo "not noticed"; exit 1; }

say "SIGTERM, then the audit of what is on disk"
kill -TERM "$server"
must wait "$server"
server=''
must "$built/onsale" verify "$work/data"
