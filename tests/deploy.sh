#!/usr/bin/env bash
# What is in deploy/ for systemd, Prometheus, Grafana and containers, as far as it can be run without them: units
# verified and scored, the server under the unit's system calls and in a file system like the unit's, rules tested,
# every query of the dashboard asked of a Prometheus that scrapes a server under load.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
. tests/support/deployed.sh
need curl curl
need jq jq
need strace strace
need promtool prometheus
need prometheus prometheus
need bwrap bubblewrap
need systemd-analyze systemd
# As `cargo test --workspace` builds them, else much is built twice.
[ -n "${ONSALE_BUILT:-}" ] || cargo build --workspace --locked --bins --tests || exit 1
built=${ONSALE_BUILT:-$(realpath "${CARGO_TARGET_DIR:-target}/debug")}
work=$(mktemp -d)
finish() {
  stop_all
  rm -rf "$work"
}
trap finish EXIT

say "systemd: the unit is read and scored"
mkdir -p "$work/unit"
# The program and the user are not installed here.
sed -e "s#/usr/bin/onsale#$built/onsale#" -e 's/^User=onsale/User=daemon/' -e 's/^Group=onsale/Group=daemon/' \
  deploy/systemd/onsale.service >"$work/unit/onsale.service"
systemd-analyze verify --man=no "$work/unit/onsale.service" >"$work/verify" 2>&1 || { cat "$work/verify"; fail "the unit"; }
grep -i 'onsale.service' "$work/verify" && fail "the unit is complained of"
systemd-analyze security --offline=true --threshold=15 --no-pager "$work/unit/onsale.service" >"$work/score" ||
  { cat "$work/score"; fail "less hardened than it was"; }
tail -1 "$work/score"

say "systemd: the server needs no system call that the unit refuses"
allowed() { # the system calls of a set, one a line
  systemd-analyze syscall-filter "$1" | sed '1d' | while read -r call; do
    case $call in '' | '#'*) ;; @*) allowed "$call" ;; *) echo "$call" ;; esac
  done
}
allowed @system-service | sort -u >"$work/service"
{ allowed @privileged; allowed @resources; } | sort -u >"$work/refused"
comm -23 "$work/service" "$work/refused" >"$work/may"
[ "$(wc -l <"$work/may")" -gt 200 ] || fail "the sets were not read"
cat >"$work/traced" <<END
#!/bin/sh
exec strace -f -qq -o "$work/calls" -e signal=none "$built/onsale" "\$@"
END
chmod +x "$work/traced"
mkdir -p "$work/traced-bin"
mv "$work/traced" "$work/traced-bin/onsale"
real=$built built=$work/traced-bin
start_onsale traced
built=$real
"$built/loadtest" flash-sale --target "$traced_url" --tickets 100 --buyers 300 --connections 8 --event traced --buy \
  --ledger "$work/traced-ledger" >"$work/traced-sale" || { cat "$work/traced-sale"; fail "the sale under strace"; }
server=$(pgrep -P "$traced_pid")
kill -TERM "$server"
wait "$traced_pid"
sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$work/calls" | sort -u >"$work/used"
echo "$(wc -l <"$work/used") system calls used, $(wc -l <"$work/may") allowed"
[ "$(wc -l <"$work/used")" -gt 30 ] || fail "nothing was traced"
comm -23 "$work/used" "$work/may" >"$work/beyond"
# Refused with EPERM and done without: strace tells what was asked, not what was needed.
[ ! -s "$work/beyond" ] || fail "the unit refuses: $(tr '\n' ' ' <"$work/beyond")"
grep -E 'mmap\(.*PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_WRITE\|PROT_EXEC' "$work/calls" && fail "memory that is written and run"
echo "no memory is both written and run"

say "systemd: the server in a file system that is like the unit's"
mkdir -p "$work/state"
bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /home --tmpfs /root --tmpfs /tmp --bind "$work/state" /var/lib \
  --ro-bind "$built" /mnt --ro-bind deploy /srv --unshare-user --unshare-ipc --unshare-uts --cap-drop ALL --uid 65534 \
  --gid 65534 --chdir /var/lib --setenv ONSALE__SERVER__LISTEN "127.0.0.1:$(free_port)" \
  --setenv ONSALE__ADMIN__LISTEN "127.0.0.1:$(free_port)" --setenv ONSALE__IDENTITY__MODE development \
  --setenv ONSALE__DEMO__EVENT true --setenv ONSALE__MAIL__DIRECTORY /var/lib/mails \
  --setenv ONSALE__STORAGE__DATA_DIR /var/lib/onsale/data --die-with-parent \
  /mnt/onsale --config /srv/onsale.toml \
  >"$work/boxed" 2>"$work/boxed-log" &
boxed=$!
started+=("$boxed")
until_true 15 grep -q '^listening' "$work/boxed" || { cat "$work/boxed-log"; fail "not in the box"; }
read -r _ _ url _ <"$work/boxed"
curl -sSf -X POST "$url/v1/events/concert-a/reservations" -H 'Content-Type: application/json' \
  -d '{"customer":"boxed","lines":[{"pool":"standing","quantity":1}]}' | jq -e '.status == "HELD"' >/dev/null || fail "no sale in the box"
find "$work/state" -newer "$work/boxed" -type f | grep -q data/ || fail "the journal is elsewhere"
echo "sells, and writes below its state directory only"
pkill_children() { local child; for child in $(pgrep -P "$1"); do kill "$child" 2>/dev/null; done; }
pkill_children "$boxed"
kill "$boxed" 2>/dev/null
wait "$boxed" 2>/dev/null

say "Prometheus: settings and rules"
promtool check config deploy/prometheus/prometheus.yml || fail "prometheus.yml"
promtool test rules deploy/prometheus/onsale.rules.test.yml || fail "the rules do not wake whom they should"
python3 tests/support/observed.py names || fail "rules or dashboard"
sed 's/onsale_journal_bytes/onsale_journal_bites/' deploy/grafana/onsale.json >"$work/wrong.json"
ONSALE_DASHBOARD=$work/wrong.json python3 tests/support/observed.py names >"$work/noticed" && fail "a wrong name is not noticed"
grep -m1 'no metric onsale_journal_bites' "$work/noticed" || fail "a wrong name is not named"

say "Grafana: every query of the dashboard against a server under load"
start_onsale watched ONSALE__PAYMENT__SIMULATED_DECLINES_PERMILLE=100
mkdir -p "$work/prometheus"
cp deploy/prometheus/*.yml "$work/prometheus/"
sed -i -e "s#127.0.0.1:9464#${watched_admin#http://}#" -e 's/scrape_interval: 5s/scrape_interval: 1s/' "$work/prometheus/prometheus.yml"
prometheus_listen=127.0.0.1:$(free_port)
prometheus --config.file="$work/prometheus/prometheus.yml" --storage.tsdb.path="$work/prometheus/data" \
  --web.listen-address="$prometheus_listen" --log.level=warn >"$work/prometheus/log" 2>&1 &
started+=("$!")
until_true 20 curl -sSf "http://$prometheus_listen/-/ready" || { cat "$work/prometheus/log"; fail "Prometheus did not start"; }
curl -sS -o /dev/null -X PATCH "$watched_url/v1/events/concert-a/waiting-room" -H 'Content-Type: application/json' -d '{}'
for round in 1 2 3; do
  "$built/loadtest" flash-sale --target "$watched_url" --tickets 200 --buyers 600 --connections 16 --event "watched-$round" \
    --buy --declines 10 --cancel 10 --ledger "$work/watched-$round" >"$work/watched-log" || { cat "$work/watched-log"; fail "the sale"; }
  curl -sS -o /dev/null -X POST "$watched_url/v1/events/concert-a/waiting-room/places" \
    -H 'Content-Type: application/json' -d "{\"customer\":\"fan-$round\"}"
  sleep 1.5
done
sleep 2
python3 tests/support/observed.py queries "http://$prometheus_listen" || fail "the dashboard"
curl -sS "http://$prometheus_listen/api/v1/rules" | jq -e '[.data.groups[].rules[] | select(.health == "err")] == []' >/dev/null ||
  fail "a rule cannot be evaluated"
curl -sS "http://$prometheus_listen/api/v1/alerts" | jq -c '[.data.alerts[] | {alert: .labels.alertname, state}]'

say "Dockerfile: what can be checked without a registry"
# Every file it copies is there, and the health check works against a server that lives and fails against none.
sed -n 's/^COPY \(.*\) [^ ]*$/\1/p' deploy/Dockerfile | grep -v -- '--from' | tr ' ' '\n' | while read -r path; do
  [ -e "$path" ] || echo "$path"
done >"$work/missing"
[ ! -s "$work/missing" ] || fail "COPY of what is not there: $(cat "$work/missing")"
for member in $(sed -n 's/^members = \[\(.*\)\]/\1/p' Cargo.toml | tr -d '",'); do
  grep -Eq "^COPY ${member%%/*} " deploy/Dockerfile || fail "the workspace member $member is not copied"
done
grep -q '^USER 10001' deploy/Dockerfile || fail "it runs as root"
rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -1)
grep -q "^ARG RUST=$rust" deploy/Dockerfile || fail "another Rust than Cargo.toml has"
health=$(sed -n 's/^ *CMD \["bash", "-c", "\(.*\)"\]$/\1/p' deploy/Dockerfile | sed 's/\\\\/\\/g')
ONSALE_HEALTH_PORT=${watched_admin##*:} bash -c "$health" || fail "the health check does not see a server that lives"
stop_onsale watched
ONSALE_HEALTH_PORT=${watched_admin##*:} bash -c "$health" 2>/dev/null && fail "the health check sees a server that is not there"
echo "files are there, not root, Rust $rust, health check tells a living server from none; never built: no registry is reached here"
