#!/usr/bin/env bash
# Webhooks as organizers receive them: a real HTTP server that checks each with the official library of
# Standard Webhooks, then with something changed. First those of the channel alone, then those of a running
# server that sells. Everything stays on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need curl curl
need jq jq

work=$(mktemp -d)
receiver='' server=''
finish() {
  for process in $receiver $server; do kill "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# Builds the server, too.
cargo test --locked --test message --no-run
built=${CARGO_TARGET_DIR:-target}/debug
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

hook="http://127.0.0.1:$(cat "$work/ready")/hook"

ONSALE_TEST_WEBHOOK_URL=$hook ONSALE_TEST_WEBHOOK_SECRET=$secret \
  cargo test --locked --test message webhook_real -- --ignored --nocapture || { cat "$work/log"; exit 1; }
diff - "$work/seen" <<'SEEN'
msg_plain taken booking.confirmed
msg_rotated taken booking.confirmed
msg_foreign refused booking.confirmed
msg_recent taken booking.confirmed
msg_old refused booking.confirmed
SEEN

: >"$work/seen"
other=whsec_$(head -c 32 /dev/urandom | base64 -w 0)
ONSALE__STORAGE__DATA_DIR="$work/data" ONSALE__STORAGE__FREE_BYTES_MIN=1048576 \
  ONSALE__SERVER__LISTEN=127.0.0.1:0 ONSALE__ADMIN__LISTEN=127.0.0.1:0 ONSALE__MAIL__DIRECTORY="$work/mails" \
  ONSALE__WEBHOOKS__URL=$hook ONSALE__WEBHOOKS__SECRETS="$other $secret" \
  ONSALE__WEBHOOKS__ALLOW_PRIVATE=true "$built/onsale" >"$work/line" 2>"$work/server.log" &
server=$!
for _ in $(seq 200); do
  grep -q '^listening' "$work/line" && break
  kill -0 "$server" || { cat "$work/server.log"; exit 1; }
  sleep 0.1
done
read -r _ _ url _ <"$work/line"
event=$url/v1/events/concert-a
post() { curl -sS -f -X POST "$event/$1" -H 'Content-Type: application/json' -H "Idempotency-Key: $2" -d "$3"; }
buy() { # customer: gives the booking's id once it is confirmed
  local id
  id=$(post reservations "hold-$1" "{\"customer\":\"$1\",\"lines\":[{\"pool\":\"standing\",\"quantity\":2}]}" \
    | jq -r .id)
  post bookings "book-$1" \
    "{\"reservation\":\"$id\",\"payment\":{\"method\":\"card\",\"token\":\"tok_visa\"},\"contact\":{}}" >/dev/null
  until [ "$(curl -sS "$event/bookings/$id" | jq -r .status)" = CONFIRMED ]; do sleep 0.1; done
  echo "$id"
}
given_back=$(post reservations hold-0 '{"customer":"fan-0","lines":[{"pool":"standing","quantity":1}]}' | jq -r .id)
curl -sS -f -o /dev/null -X DELETE "$event/reservations/$given_back"
visited=$(buy fan-1)
cancelled=$(buy fan-2)
code=$(curl -sS "$event/bookings/$visited/tickets" | jq -r '.items[0].code')
post checkins scan-1 "{\"code\":\"$code\",\"nonce\":\"gate-1\"}" >/dev/null
curl -sS -f -o /dev/null -X POST "$event/bookings/$cancelled/cancel"
for _ in $(seq 100); do
  [ "$(wc -l <"$work/seen")" -lt 10 ] || break
  sleep 0.1
done
awk '{print $2, $3}' "$work/seen" | sort | uniq -c | diff -b - <(cat <<'SEEN'
      1 taken booking.cancelled
      2 taken booking.confirmed
      2 taken booking.created
      3 taken reservation.held
      1 taken reservation.released
      1 taken ticket.redeemed
SEEN
) && echo "all as the official library sees it"
