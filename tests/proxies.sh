#!/usr/bin/env bash
# What is in deploy/ for proxies, run: nginx as a CDN with the OWASP rules, a flash sale through it, HAProxy with an
# engine that is taken away. Everything is on loopback and ends with this script.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
. tests/support/deployed.sh
need curl curl
need jq jq
need wrk wrk
need openssl openssl
need socat socat
need haproxy haproxy
need nginx nginx
dpkg -s modsecurity-crs libnginx-mod-http-modsecurity >/dev/null 2>&1 ||
  need modsecurity-and-its-rules modsecurity-crs libnginx-mod-http-modsecurity
# As `cargo test --workspace` builds them, else much is built twice.
[ -n "${ONSALE_BUILT:-}" ] || cargo build --workspace --locked --bins --tests || exit 1
built=${ONSALE_BUILT:-$(realpath "${CARGO_TARGET_DIR:-target}/debug")}
work=$(mktemp -d)
finish() {
  stop_all
  rm -rf "$work"
}
trap finish EXIT

asked() { # route: requests of it that the engine has seen
  value_of "$engine_admin" "onsale_http_request_duration_seconds_count\{method=\"GET\",route=\"$1\","
}

start_onsale engine
start_nginx "$engine_url"

say "nginx: 10,000 readers of an event and of what is left"
page=/v1/events/\\{event\\} left=/v1/events/\\{event\\}/availability
cdn() { # seconds: sets page_rate and left_rate, in hundredths of a request per second
  local before_page before_left seconds
  before_page=$(asked "$page") before_left=$(asked "$left")
  wrk -t2 -c10000 -d"$1"s --timeout 20s -s tests/proxies/readers.lua "$nginx_url" >"$work/wrk" || fail "wrk"
  grep -E '^read' "$work/wrk"
  grep -q 'failed 0,' "$work/wrk" || { cat "$work/wrk"; fail "some readers got no page"; }
  seconds=$(sed -n 's/.*seconds \([0-9.]*\)/\1/p' "$work/wrk")
  page_rate=$(($(asked "$page") - before_page)) left_rate=$(($(asked "$left") - before_left))
  echo "the engine saw $page_rate requests for the page and $left_rate for what is left, in $seconds s"
  page_rate=$(awk "BEGIN { printf \"%d\", 100 * $page_rate / $seconds }")
  left_rate=$(awk "BEGIN { printf \"%d\", 100 * $left_rate / $seconds }")
}
# Sold all the while, so that what is left changes.
(while sleep 0.2; do
  curl -sS -o /dev/null -X POST "$engine_url/v1/events/concert-a/reservations" -H 'Content-Type: application/json' \
    -d '{"customer":"meanwhile","lines":[{"pool":"standing","quantity":1}]}'
done) &
meanwhile=$!
started+=("$meanwhile")
cdn 12
kill "$meanwhile"
for rate in "$page_rate" "$left_rate"; do
  { [ "$rate" -ge 30 ] && [ "$rate" -le 150 ]; } || fail "not about one request a second: $rate hundredths"
done

say "nginx: what is read is at most two seconds old"
sold_of() { curl -sS "$1/v1/events/concert-a/availability" | jq '.pools[0].held'; }
same() { [ "$(sold_of "$nginx_url")" = "$(sold_of "$engine_url")" ]; }
sleep 1.2
sold_of "$nginx_url" >/dev/null
until_true 2 same || fail "the cache does not follow"
echo "$(sold_of "$nginx_url") held, the same behind the cache and before it"

say "nginx: what is private is not kept"
id=$(curl -sS -X POST "$nginx_url/v1/events/concert-a/reservations" -H 'Content-Type: application/json' \
  -d '{"customer":"fan","lines":[{"pool":"standing","quantity":1}]}' | jq -r .id)
for _ in 1 2 3; do curl -sS -o /dev/null "$nginx_url/v1/events/concert-a/reservations/$id"; done
[ "$(asked '/v1/events/\{event\}/reservations/\{id\}')" = 3 ] || fail "a reservation was kept"
echo "three readers of a reservation, three requests at the engine"

say "nginx: a flood from one address"
flood=$(curl -sS --interface 127.0.0.2 -o /dev/null -w '%{http_code} after %header{retry-after}\n' --parallel \
  --parallel-max 50 "http://127.0.0.2:${nginx_url##*:}/v1/events?limit=[1-900]" 2>/dev/null | sort | uniq -c)
echo "$flood"
grep -q ' 429 after 1$' <<<"$flood" || fail "no limit for one address, or no Retry-After"
grep -q ' 200 after' <<<"$flood" || fail "a limit that lets nobody through"

say "nginx: the flash sale through it, firewall and all"
"$built/loadtest" flash-sale --target "$nginx_url" --tickets 1000 --buyers 4000 --connections 128 --event through-nginx \
  --ledger "$work/ledger" || fail "the flash sale through nginx"

say "nginx: firewall"
python3 tests/proxies/firewall.py "$nginx_url" || fail "the firewall"
grep -q customer "$work/nginx/log/modsecurity.log" && fail "the firewall's log has bodies in it"
kill "$nginx_pid"
wait "$nginx_pid"

say "nginx: the flash sale again, with the line for a rush"
start_nginx "$engine_url" -e 's/^    # \(location .*modsecurity off; proxy_pass\)/    \1/'
"$built/loadtest" flash-sale --target "$nginx_url" --tickets 2000 --buyers 20000 --connections 128 --event in-a-rush \
  --ledger "$work/ledger-2" || fail "the flash sale in a rush"
kill "$nginx_pid"
wait "$nginx_pid"

say "HAProxy: an engine is taken away, by its operator and without a word"
start_onsale other
event='{"id":"drain","name":"Drain","pools":[{"id":"standing","kind":"general","name":"Standing","capacity":1000000,"price":{"amount":1,"currency":"EUR"}}]}'
for each in "$engine_url" "$other_url"; do
  curl -sSf -o /dev/null -X POST "$each/v1/events" -H 'Content-Type: application/json' -d "$event" || fail "no event"
done
start_haproxy "$engine_url" -e "/^backend onsale$/,/^backend onsale_bulk/s#^    server one .*#&\n    server two $other_listen#"
tell() { socat - "UNIX-CONNECT:$haproxy_socket" <<<"$1" | grep . || true; }
reserved() { value_of "$1" 'onsale_http_request_duration_seconds_count\{method="POST",route="/v1/events/\{event\}/reservations"'; }
python3 tests/proxies/drain.py "$haproxy_url" 14 8 >"$work/drain" &
buyers=$!
started+=("$buyers")
sleep 2
[ "$(reserved "$engine_admin")" -gt 0 ] && [ "$(reserved "$other_admin")" -gt 0 ] || fail "not both are used"
tell "set server onsale/one state drain"
sleep 0.5
before=$(reserved "$engine_admin")
sleep 1.5
after=$(reserved "$engine_admin")
echo "requests at the drained engine: $before, a second and a half later $after"
[ "$before" = "$after" ] || fail "a draining server got new requests"
stop_onsale engine
start_onsale engine
tell "set server onsale/one state ready"
until_true 5 test "$(reserved "$engine_admin")" -gt 0 || sleep 1
[ "$(reserved "$engine_admin")" -gt 0 ] || fail "the engine that came back is not used"
stop_onsale other
echo "the other one ended without a word"
wait "$buyers" || { cat "$work/drain"; fail "buyers noticed"; }
cat "$work/drain"
taken=$(sed -n 's/^taken \([0-9]*\),.*/\1/p' "$work/drain")
start_onsale other
held=$(for each in "$engine_url" "$other_url"; do curl -sS "$each/v1/events/drain/availability"; done |
  jq -s 'map(.pools[0].held) | add')
[ "$held" = "$taken" ] || fail "$held units are held, $taken were taken"
echo "$held units are held, $taken were taken"
