#!/usr/bin/env bash
# The comparison in short: every row with its database for a second, books asked, no time asserted. Then a
# database that dies in the middle: the rest of the run goes on, and the report says what lacks.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need jq jq
loadtest/peers/servers.sh install || exit 1
cargo clippy --locked -p peers --features etcd --all-targets -- -D warnings || exit 1
# With the tests, else features differ and much is built twice.
cargo build --workspace --locked --bins --tests --features peers/etcd || exit 1
built=${CARGO_TARGET_DIR:-target}/debug
work=$(mktemp -d)
run=''
finish() {
  [ -z "$run" ] || kill "$run" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "failed: $*"; exit 1; }
short=(compare --programs "$built" --rounds 1 --warm-up-seconds 0 --connections 16)

"$built/loadtest" "${short[@]}" --seconds 1 --out "$work/all" || fail "the comparison"
rows=$(jq '.summaries | length' "$work/all/compare.json")
[ "$rows" = 13 ] || fail "$rows rows instead of 13"
grep -q "<svg" "$work/all/compare.html" || fail "a report without plots"

"$built/loadtest" "${short[@]}" --seconds 3 --only redis-lua,memory --out "$work/dead" >"$work/log" 2>&1 &
run=$!
for _ in $(seq 600); do
  pgrep -P "$run" -f -- '--backend redis-lua' >"$work/peer" && break
  kill -0 "$run" || break
  sleep 0.1
done
[ -s "$work/peer" ] || fail "the row did not begin: $(cat "$work/log")"
sleep 1
pid=$(cat "$built/compare/databases/redis-always.pid")
kill -KILL "$pid"
wait "$run"
code=$?
run=''
cat "$work/log"
[ "$code" = 1 ] || fail "exit $code with a dead database"
grep -q "^missing: redis-lua " "$work/log" || fail "what lacks is not said"
jq -e '[.summaries[].row] | sort == ["echo", "memory"]' "$work/dead/compare.json" || fail "the rest did not go on"
[ ! -e "$built/compare/databases" ] || fail "something is left running"
