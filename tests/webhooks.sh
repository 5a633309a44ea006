#!/usr/bin/env bash
# Webhooks as organizers receive them: a real HTTP server that checks each with the official library of
# Standard Webhooks, then with something changed. Everything stays on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
receiver=''
finish() {
  [ -z "$receiver" ] || kill "$receiver" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

cargo test --locked --test message --no-run
python3 -m venv "$work/python"
"$work/python/bin/pip" -q install standardwebhooks==1.0.1

secret=whsec_$(head -c 32 /dev/urandom | base64 -w 0)
: >"$work/ready"
"$work/python/bin/python" tests/support/webhook_receiver.py "$secret" "$work/ready" "$work/seen" \
  2>"$work/log" &
receiver=$!
for _ in $(seq 100); do
  [ -s "$work/ready" ] && break
  kill -0 "$receiver" || { cat "$work/log"; exit 1; }
  sleep 0.1
done

ONSALE_TEST_WEBHOOK_URL="http://127.0.0.1:$(cat "$work/ready")/hook" ONSALE_TEST_WEBHOOK_SECRET=$secret \
  cargo test --locked --test message webhook_real -- --ignored --nocapture || { cat "$work/log"; exit 1; }
diff - "$work/seen" <<'SEEN' && echo "all as the official library sees it"
msg_plain taken
msg_rotated taken
msg_foreign refused
msg_recent taken
msg_old refused
SEEN
