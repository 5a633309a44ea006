#!/usr/bin/env bash
# Follows docs/operations.md, "From nothing to a locked-down server", word for word: a machine of its own made of
# namespaces over a copy of this one's files, with systemd as its first process; each block of commands is taken from the
# document. Needs root, and the packages that the document installs, since the machine reaches no network.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
. tests/support/deployed.sh # for `say` and `until_true`
need curl curl
need jq jq
need openssl openssl
need systemctl systemd
need dbus-daemon dbus
need nginx nginx
need promtool prometheus
dpkg -s modsecurity-crs libnginx-mod-http-modsecurity >/dev/null 2>&1 ||
  need modsecurity-and-its-rules modsecurity-crs libnginx-mod-http-modsecurity
[ "$(id -u)" = 0 ] || { echo "failed: making a machine of namespaces needs root"; exit 1; }
[ -n "${ONSALE_BUILT:-}" ] || cargo build --workspace --locked --bins --tests || exit 1
built=${ONSALE_BUILT:-$(realpath "${CARGO_TARGET_DIR:-target}/debug")}
work=$(mktemp -d)
first='' # the process number of systemd
finish() {
  [ -z "$first" ] || kill -KILL "$first" 2>/dev/null # and with it everything on that machine
  wait 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
exec 3>&1 # what a step says may be looked at first; why it failed is always shown
fail() {
  {
    echo "failed: $*"
    [ ! -e "$work/said" ] || tail -5 "$work/said"
    [ -z "$first" ] || on 'systemctl status --no-pager onsale || journalctl --no-pager -n 30' || tail -30 "$work/console"
  } >&3 2>&1
  exit 1
}

say "a machine with systemd"
cat >"$work/boot" <<'END'
set -e
mount --make-rprivate /
mkdir -p "$work/disk"
mount -t tmpfs -o size=4g tmpfs "$work/disk"
mkdir "$work/disk/upper" "$work/disk/scratch" "$work/disk/root"
root=$work/disk/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/disk/upper,workdir=$work/disk/scratch" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys" # so that nothing of the real kernel is set
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup" 2>/dev/null || true
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/srv/onsale" "$root/srv/built"
mount --bind "$PWD" "$root/srv/onsale"
mount --bind "$built" "$root/srv/built"
ip link set lo up
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lxc /usr/lib/systemd/systemd --log-target=kmsg --show-status=0 \
  --unit=basic.target
END
work=$work built=$built setsid unshare --pid --fork --mount --uts --ipc --net --cgroup bash "$work/boot" \
  >"$work/console" 2>&1 </dev/null &
outer=$!
until_true 10 pgrep -P "$outer" || fail "no machine"
first=$(pgrep -P "$outer")
on() { nsenter --target "$first" --mount --pid --uts --ipc --net --cgroup \
  env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -euo pipefail -c "cd /srv/onsale; $1"; }
until_true 60 on 'systemctl is-active basic.target' || fail "systemd did not come up"
on 'systemctl --version | head -1'

# block N: the Nth block of commands of the section, as it stands there.
block() {
  awk -v wanted="$1" '/^## /{ inside = /From nothing/ } inside && /^```text/{ n++; taking = (n == wanted); next }
    /^```$/{ taking = 0 } taking' docs/operations.md
}
follow() { # N, what it begins with, sed expressions: what differs on this machine
  local number=$1 begins=$2 text
  shift 2
  text=$(block "$number")
  case $text in "$begins"*) ;; *) fail "block $number of docs/operations.md does not begin with $begins" ;; esac
  text=$(sed "$@" <<<"$text")
  printf '%s\n' "$text" | sed 's/^/$ /'
  on "$text" || fail "block $number of docs/operations.md"
}

say "1. the program, its user, its settings"
# It is built already.
follow 1 'cargo build' -e '/^cargo build/d' -e 's#target/release/onsale#/srv/built/onsale#'

say "2. the service"
follow 2 'install -m 0644 deploy/systemd' -e 's#^curl -s http#curl -s --retry 20 --retry-delay 1 --retry-connrefused http#' >"$work/said"
cat "$work/said"
tail -1 "$work/said" | grep -q ready || fail "not ready"
on 'systemd-analyze security onsale --no-pager | tail -1'
pid=$(on 'systemctl show -p MainPID --value onsale')
on "grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/$pid/status" | tee "$work/status"
grep -Eq '^CapEff:\s+0+$' "$work/status" && grep -Eq '^NoNewPrivs:\s+1' "$work/status" && grep -Eq '^Seccomp:\s+2' "$work/status" &&
  ! grep -Eq '^Uid:\s+0' "$work/status" || fail "it has rights that it does not need"
on 'ss -ltnH | grep -E ":(8080|9464) "' | tee "$work/ports"
grep -vq '127\.0\.0\.1:' "$work/ports" && fail "it listens for strangers"

say "3. keys"
follow 3 'cd /var/lib/onsale' -e '' >"$work/said"
cat "$work/said"
grep -q unauthorized "$work/said" || fail "a stranger was not refused"
operator=$(grep -oE '^onsale_[a-z0-9_A-Z-]+' "$work/said" | sed -n 1p)
organizer=$(grep -oE '^onsale_[a-z0-9_A-Z-]+' "$work/said" | sed -n 2p)
[ -n "$operator" ] && [ -n "$organizer" ] || fail "no keys were shown"
sleep 1.5
follow 4 'curl -s http://127.0.0.1:8080/v1/events' -e "s/\\\$KEY/$organizer/" >"$work/said"
grep -o '"id":"concert-a"' "$work/said" || fail "the event was not made: $(cat "$work/said")"

say "4. nginx"
on 'install -d /etc/onsale/tls && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=onsale \
  -addext subjectAltName=DNS:onsale -keyout /etc/onsale/tls/privkey.pem -out /etc/onsale/tls/fullchain.pem 2>/dev/null
  install -d /etc/systemd/system/nginx.service.d
  printf "[Service]\nLimitNOFILE=65536\n" >/etc/systemd/system/nginx.service.d/override.conf
  systemctl daemon-reload'
follow 5 'apt-get install nginx' -e '/^apt-get/d' -e 's#^curl -s https://YOUR.NAME#curl -sk https://127.0.0.1#' >"$work/said" 2>&1
cat "$work/said"
tail -1 "$work/said" | grep -q ready || fail "not ready behind nginx"

say "6. somebody who is woken"
follow 6 'apt-get install prometheus' -e '/^apt-get/d'
scraped() { on 'curl -s http://127.0.0.1:9090/api/v1/targets' | jq -e '[.data.activeTargets[] | select(.labels.job == "onsale")] | length > 0 and all(.health == "up")'; }
until_true 40 scraped || { on 'curl -s http://127.0.0.1:9090/api/v1/targets' | jq -c '.data.activeTargets[] | [.labels.job, .health, .lastError]'; fail "Prometheus does not see it"; }
on 'curl -s http://127.0.0.1:9090/api/v1/rules' | jq '"\([.data.groups[].rules[]] | length) rules, of which \([.data.groups[].rules[] | select(.health == "err")] | length) cannot be evaluated"'

say "7. before you believe it"
ask() { on "curl -sk -o /dev/null -w '%{http_code}' $1"; }
on 'curl -skI https://127.0.0.1/v1/events >/dev/null; curl -skI https://127.0.0.1/v1/events' | grep -i '^x-cache: HIT' || fail "not from the cache"
for case in "https://127.0.0.1/metrics 404" "https://127.0.0.1/v1/events?limit=1%27%20OR%20%271%27=%271 403" "-X_POST_https://127.0.0.1/v1/events 401"; do
  read -r what wanted <<<"$case"
  told=$(ask "${what//_/ } ${what:+-H 'Content-Type: application/json'} $([[ $what == -X* ]] && echo "-d '{}'")")
  echo "$told ${what//_/ }"
  [ "$told" = "$wanted" ] || fail "$told in place of $wanted: $what"
done

say "what was sold stays sold when the process is killed, and it comes back by itself"
reservation=$(on "curl -sk https://127.0.0.1/v1/events/concert-a/reservations -H 'Authorization: Bearer $organizer' -H 'Content-Type: application/json' \
  -d '{\"customer\":\"ann\",\"lines\":[{\"pool\":\"standing\",\"quantity\":2}]}'" | jq -r .id)
on "kill -KILL $pid"
until_true 40 on 'curl -sf http://127.0.0.1:8080/readyz' || fail "it did not come back"
on "curl -sk https://127.0.0.1/v1/events/concert-a/reservations/$reservation -H 'Authorization: Bearer $organizer'" |
  jq -e '.status == "HELD"' >/dev/null || fail "the reservation is lost"
on 'systemctl show -p NRestarts onsale'
on "curl -s -H 'Authorization: Bearer $operator' http://127.0.0.1:9464/v1/audit" | jq -c '.items[] | [.who, .action, .object, .outcome]'
on 'systemctl stop onsale; systemctl show -p Result --value onsale' | grep -qx success || fail "it did not stop in order"
on 'runuser -u onsale -- onsale verify /var/lib/onsale/data' | tail -1
