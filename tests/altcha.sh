#!/usr/bin/env bash
# Challenges of the waiting room as a browser meets them: the official library of npm solves two and joins
# with them. Everything stays on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need curl curl
need node nodejs
need npm npm

work=$(mktemp -d)
server=''
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# With the tests, else features differ and much is built twice.
cargo build --workspace --locked --bins --tests
built=${CARGO_TARGET_DIR:-target}/debug
cp tests/support/altcha.mjs "$work/"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" altcha-lib@2.8.0

ONSALE__STORAGE__DATA_DIR="$work/data" ONSALE__STORAGE__FREE_BYTES_MIN=1048576 \
  ONSALE__SERVER__LISTEN=127.0.0.1:0 ONSALE__ADMIN__LISTEN=127.0.0.1:0 ONSALE__MAIL__DIRECTORY="$work/mails" \
  "$built/onsale" >"$work/ready" 2>"$work/log" &
server=$!
for _ in $(seq 200); do
  grep -q "^listening" "$work/ready" && break
  kill -0 "$server" || { cat "$work/log"; exit 1; }
  sleep 0.1
done
read -r _ _ url _ <"$work/ready"
room=$url/v1/events/concert-a/waiting-room
curl -sSf -o /dev/null -X PATCH "$room" -H 'Content-Type: application/json' \
  -d '{"method":"fifo","paused":true,"challenge":true}'
node "$work/altcha.mjs" "$room"
