#!/usr/bin/env bash
# sweep, overload, bulk and waiting-room in short: books and laws asked, plots there, no time asserted. Then a
# server that loses a record and two that die in the middle: said in a line, and nothing is left running.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need jq jq
# As `cargo test --workspace` builds them, else much is built twice.
cargo build --workspace --locked --bins --tests || exit 1
built=$(realpath "${CARGO_TARGET_DIR:-target}/debug")
loadtest=$built/loadtest
work=$(mktemp -d)
run=''
finish() {
  [ -z "$run" ] || kill "$run" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "failed: $*"; [ ! -e "$work/log" ] || cat "$work/log"; exit 1; }
# Where no group can be made, the loads are the same, only of less meaning.
group=()
[ "$(id -u)" = 0 ] || group=(--no-cgroup)

good() { # scenario, rows, plots, options
  local scenario=$1 rows=$2 plots=$3
  shift 3
  "$loadtest" "$scenario" --programs "$built" --out "$work/$scenario" "$@" >"$work/log" 2>&1 ||
    fail "$scenario: exit $?"
  local found
  found=$(jq '[.rows[] | select(.figures | length > 0)] | length' "$work/$scenario/$scenario.json")
  [ "$found" = "$rows" ] || fail "$scenario: $found rows instead of $rows"
  jq -e '[.samples[].complaints[]] == []' "$work/$scenario/$scenario.json" >/dev/null || fail "$scenario: books"
  found=$(grep -o '<svg' "$work/$scenario/$scenario.html" | wc -l)
  [ "$found" = "$plots" ] || fail "$scenario: $found plots instead of $plots"
  echo "$scenario: $rows rows, $plots plots, books agree"
}
nothing_left() {
  ! pgrep -f "^$built/onsale" || fail "$1: a server is left running"
  ! ls -d "$built"/{sweep,overload,bulk,refusals,waiting-room}/data 2>/dev/null || fail "$1: data are left"
  ! find /sys/fs/cgroup -maxdepth 3 -name 'onsale-loadtest-*' 2>/dev/null | grep . || fail "$1: a cgroup is left"
}

good sweep 9 18 --quick
good overload 6 6 --quick --lines 200 --share 100 "${group[@]}"
good bulk 1 1 --reservations 20000 --connections 2 --rounds 1
# A refusal costs less than what it refuses, also in a debug build.
"$loadtest" refusals --programs "$built" --rounds 1 --requests 3000 >"$work/log" 2>&1 || fail "refusals: exit $?"
cat "$work/log"

# Killed twice in the middle.
"$loadtest" waiting-room --fans 20000 --units 400 --join-seconds 15 --sale-seconds 25 --pass-seconds 10 \
  --absent-seconds 10 --hold-seconds 10 --kills 2 --programs "$built" --out "$work/room" >"$work/log" 2>&1 ||
  fail "waiting-room: exit $?"
[ "$(grep -c '^L[0-9]* *PASS' "$work/log")" = 17 ] || fail "waiting-room: not all of 17 laws were tried"
[ "$(grep -o '<svg' "$work/room/waiting-room.html" | wc -l)" = 6 ] || fail "waiting-room: not 6 plots"
jq -e '.holds' "$work/room/waiting-room.json" >/dev/null || fail "waiting-room: the report does not hold"
echo "waiting-room: 20,000 fans, 2 kills, 17 laws hold"
nothing_left "all in short"

ONSALE_FAULT=forget_last_record "$loadtest" sweep --quick --only journal --programs "$built" \
  --out "$work/lost" >"$work/log" 2>&1
[ $? = 1 ] || fail "a lost record: exit $?"
grep -q '^WRONG: journal 10000, round 1: .* taken, but 10000 were told so' "$work/log" ||
  fail "a lost record is not said"
echo "noticed: a lost record"

killed() { # scenario, options
  local scenario=$1 server='' code
  shift
  "$loadtest" "$scenario" --programs "$built" --out "$work/dead" "$@" >"$work/log" 2>&1 &
  run=$!
  for _ in $(seq 600); do
    server=$(pgrep -P "$run" -f "$built/onsale") && grep -q listening "$built/$scenario/server.out" && break
    kill -0 "$run" || fail "$scenario did not begin"
    sleep 0.1
  done
  sleep 0.5
  kill -KILL "$server" || fail "$scenario: the server had ended"
  wait "$run"
  code=$?
  run=''
  [ "$code" = 1 ] || fail "$scenario: exit $code with a dead server"
  [ "$(grep -c '^missing: .*: the server ended in the middle: signal: 9' "$work/log")" = 1 ] ||
    fail "$scenario: the dead server is not said, or more than once"
  nothing_left "$scenario"
  echo "noticed: a server killed under $scenario"
}

killed bulk --reservations 400000 --rounds 1
killed overload --quick --only pushy --lines 200 --share 100 "${group[@]}"
