#!/usr/bin/env bash
# Attacks from outside, on the server alone and behind nginx and HAProxy as deployed: smuggled requests, bodies and
# heads that are too much, slow clients in thousands. Everything is on loopback and ends with this script.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
. tests/support/deployed.sh
need curl curl
need jq jq
need openssl openssl
need slowhttptest slowhttptest
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
body_bytes_max=$(sed -n 's/^body_bytes_max = //p' deploy/onsale.toml)
slow_clients=5000
# A connection takes a descriptor here, in the proxy, and in the server.
[ "$(ulimit -Hn)" -ge 16384 ] || fail "ulimit -Hn is $(ulimit -Hn): 5,000 slow clients need 16,384"
ulimit -n "$(ulimit -Hn)"

start_onsale engine
start_nginx "$engine_url"
start_haproxy "$engine_url"

say "smuggling: a server that reads lengths as attackers wish is found out"
python3 tests/attacks/naive.py >"$work/naive" 2>/dev/null &
started+=("$!")
until_true 10 test -s "$work/naive" || fail "the naive server"
naive=http://127.0.0.1:$(cat "$work/naive")
python3 tests/attacks/smuggling.py naive "$naive" "$naive" >"$work/found" && fail "not noticed"
grep '^naive: 40 cases' "$work/found" || fail "the naive server did not stand through it"
[ "$(grep -c ' RAN$' "$work/found")" -ge 25 ] || fail "the cases have lost their point"

say "smuggling: 40 requests with a second one inside, direct and behind the proxies"
for target in "direct $engine_url" "nginx $nginx_tls" "haproxy $haproxy_tls"; do
  read -r name url <<<"$target"
  python3 tests/attacks/smuggling.py "$name" "$url" "$engine_url" >"$work/found" || { cat "$work/found"; fail "smuggling, $name"; }
  tail -1 "$work/found"
done

say "too much: bodies and heads"
for target in "direct $engine_url" "nginx $nginx_url" "haproxy $haproxy_url"; do
  read -r name url <<<"$target"
  echo "$name"
  python3 tests/attacks/bodies.py "$url" "$engine_pid" "$body_bytes_max" || fail "bodies, $name"
done

say "slow: $slow_clients clients at the server itself"
for kind in headers body read; do
  python3 tests/attacks/slow.py "$kind" "$engine_url" "${engine_listen##*:}" "$slow_clients" || fail "slow clients"
done
say "slow: $slow_clients clients at nginx"
python3 tests/attacks/slow.py headers "$nginx_url" "${nginx_url##*:}" "$slow_clients" || fail "slow clients at nginx"

say "slow: longer patience is noticed"
start_onsale patient ONSALE__SERVER__HEADER_TIMEOUT_MS=25000
python3 tests/attacks/slow.py headers "$patient_url" "${patient_listen##*:}" 200 >"$work/found" && fail "not noticed"
grep 'a slow connection lasted' "$work/found" || { cat "$work/found"; fail "not said"; }

say "after all of it"
stop_onsale engine
grep -E 'ERROR|panicked' "$work/engine/log" && fail "the server complained"
"$built/onsale" verify "$work/engine/data" | tail -1 | grep 'all laws hold' || fail "the books"
