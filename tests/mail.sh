#!/usr/bin/env bash
# Mails to a real server (aiosmtpd) with STARTTLS, TLS and a login, under an authority of our own; what
# arrives is read by another program. Everything stays on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need openssl openssl

work=$(mktemp -d)
server=''
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

cargo test --locked --test message --no-run
python3 -m venv "$work/python"
"$work/python/bin/pip" -q install aiosmtpd==1.4.6

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=tests of onsale' \
  -addext 'basicConstraints=critical,CA:TRUE' -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$work/key.pem" \
  -out "$work/request.pem" 2>/dev/null
openssl x509 -req -days 2 -in "$work/request.pem" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
  -CAcreateserial -extfile <(echo 'subjectAltName=DNS:localhost') -out "$work/cert.pem" 2>/dev/null

password=$(openssl rand -hex 12)
mkdir "$work/mails"
"$work/python/bin/python" tests/support/mail_server.py "$work/cert.pem" "$work/key.pem" "$password" \
  "$work/mails" "$work/ready" 2>"$work/log" &
server=$!
for _ in $(seq 100); do
  [ -s "$work/ready" ] && break
  kill -0 "$server" || { cat "$work/log"; exit 1; }
  sleep 0.1
done
read -r starttls wrapped <"$work/ready"

ONSALE_TEST_SMTP_PORT=$starttls ONSALE_TEST_SMTPS_PORT=$wrapped ONSALE_TEST_SMTP_PASSWORD=$password \
  ONSALE_TEST_SMTP_ROOTS="$work/ca.pem" \
  cargo test --locked --test message mail_real -- --ignored --nocapture || { cat "$work/log"; exit 1; }
"$work/python/bin/python" tests/support/check_mails.py "$work/mails"
