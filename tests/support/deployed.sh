# Sourced by scripts that run what is in deploy/: starts the engine, nginx, HAProxy and Prometheus with those very
# files, changed only in addresses, paths and users. Everything is on loopback and below $work.
#
# Needs $built (directory of the program) and $work; `stop_all` in the script's trap ends what was started.

started=()
stop_all() {
  local process
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
  started=()
}
say() { printf '\n== %s\n' "$*"; }
fail() { echo "failed: $*"; exit 1; }
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
until_true() { # seconds, command...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# start_onsale NAME [VARIABLE=VALUE...]: with deploy/onsale.toml, on $work/NAME and free ports unless it ran
# before. Sets NAME_url, NAME_admin, NAME_pid. Loads come without keys, so identity is off unless it is given.
start_onsale() {
  local name=$1 listen=${1}_listen admin=${1}_admin_listen dir=$work/$1
  shift
  [ -n "${!listen:-}" ] || printf -v "$listen" '127.0.0.1:%s' "$(free_port)"
  [ -n "${!admin:-}" ] || printf -v "$admin" '127.0.0.1:%s' "$(free_port)"
  mkdir -p "$dir"
  cp deploy/onsale.toml "$dir/onsale.toml"
  : >"$dir/ready"
  env ONSALE__SERVER__LISTEN="${!listen}" ONSALE__ADMIN__LISTEN="${!admin}" \
    ONSALE__STORAGE__DATA_DIR="$dir/data" ONSALE__STORAGE__FREE_BYTES_MIN=1048576 \
    ONSALE__MAIL__DIRECTORY="$dir/mails" ONSALE__IDENTITY__MODE=development ONSALE__DEMO__EVENT=true \
    ONSALE__PAYMENT__SIMULATED_LATENCY_MS=20 ONSALE__PAYMENT__PER_SECOND=10000 ONSALE__PAYMENT__CONCURRENCY=1000 \
    "$@" "$built/onsale" --config "$dir/onsale.toml" >"$dir/ready" 2>>"$dir/log" &
  printf -v "${name}_pid" '%s' "$!"
  started+=("$!")
  until_true 30 grep -q '^listening' "$dir/ready" || { tail -20 "$dir/log"; fail "$name did not start"; }
  printf -v "${name}_url" 'http://%s' "${!listen}"
  printf -v "${name}_admin" 'http://%s' "${!admin}"
}
stop_onsale() { # NAME: in order, which must succeed
  local pid=${1}_pid
  kill -TERM "${!pid}"
  wait "${!pid}" || fail "$1 ended with $?"
}
value_of() { # ADMIN_URL, start of the line in /metrics as grep -E: the sum of the values
  curl -sS "$1/metrics" | grep -E "^$2" | awk '{ sum += $NF } END { printf "%d\n", sum }'
}

certificate() { # once: $work/tls with what deploy/ names
  [ -e "$work/tls/both.pem" ] && return
  mkdir -p "$work/tls"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=onsale -addext subjectAltName=DNS:onsale \
    -keyout "$work/tls/privkey.pem" -out "$work/tls/fullchain.pem" 2>/dev/null
  cat "$work/tls/fullchain.pem" "$work/tls/privkey.pem" >"$work/tls/both.pem"
}

# start_nginx ORIGIN [sed expressions...]: sets nginx_url (plain, for loads) and nginx_tls (as deployed).
start_nginx() {
  local origin=$1 dir=$work/nginx plain tls file
  shift
  certificate
  plain=$(free_port) tls=$(free_port)
  rm -rf "$dir"
  mkdir -p "$dir"/{onsale,cache,log}
  for file in deploy/nginx/*; do
    sed -e "s#127.0.0.1:8080#${origin#http://}#" -e "s#/etc/onsale/tls#$work/tls#" \
      -e "s#/etc/nginx/onsale/#$dir/onsale/#" -e "s#/var/log/nginx/#$dir/log/#" -e "s#/var/cache/nginx/onsale#$dir/cache#" \
      -e "s#/run/nginx.pid#$dir/pid#" -e "s#^user www-data#user $(id -un)#" \
      -e "s#worker_rlimit_nofile 65536#worker_rlimit_nofile $(ulimit -Hn)#" \
      -e "s#^    listen 80 default_server#    listen 127.0.0.1:$(free_port)#" -e '/listen \[::\]/d' \
      -e "s#^    listen 443 ssl http2 default_server;#    listen 127.0.0.1:$tls ssl http2 backlog=4096; listen 127.0.0.1:$plain backlog=4096; listen 127.0.0.2:$plain;#" \
      -e 's#^    default 1;#    default 1; 127.0.0.1 0;#' "$@" "$file" >"$dir/onsale/${file##*/}"
  done
  mv "$dir/onsale/nginx.conf" "$dir/nginx.conf"
  [ "$(ulimit -Hn)" -ge 65536 ] || sed -i 's/worker_connections 16384/worker_connections 12000/' "$dir/nginx.conf"
  nginx -t -q -c "$dir/nginx.conf" -e "$dir/log/error.log" || { cat "$dir/log/error.log"; fail "nginx does not take its settings"; }
  nginx -c "$dir/nginx.conf" -e "$dir/log/error.log" -g 'daemon off;' &
  nginx_pid=$!
  started+=("$!")
  nginx_url=http://127.0.0.1:$plain nginx_tls=https://127.0.0.1:$tls
  until_true 10 curl -sS -o /dev/null "$nginx_url/readyz" || { cat "$dir/log/error.log"; fail "nginx did not start"; }
}

# start_haproxy ORIGIN [sed expressions...]: sets haproxy_url, haproxy_tls and haproxy_socket.
start_haproxy() {
  local origin=$1 dir=$work/haproxy plain tls
  shift
  certificate
  plain=$(free_port) tls=$(free_port)
  mkdir -p "$dir"
  haproxy_socket=$dir/admin.sock
  sed -e "s#127.0.0.1:8080#${origin#http://}#" -e "s#/etc/onsale/tls#$work/tls#" -e "s#/run/haproxy/#$dir/#" \
    -e "s#bind :443#bind 127.0.0.1:$tls#" -e "s#bind :80#bind 127.0.0.1:$plain#" \
    -e 's#redirect scheme https code 308 unless.*#set-var(txn.plain) int(1)#' -e '/^    log /d' \
    -e 's#maxconn 16384#maxconn 8000#' "$@" deploy/haproxy/haproxy.cfg >"$dir/haproxy.cfg"
  haproxy -c -q -f "$dir/haproxy.cfg" || fail "HAProxy does not take its settings"
  haproxy -db -f "$dir/haproxy.cfg" >"$dir/log" 2>&1 &
  haproxy_pid=$!
  started+=("$!")
  haproxy_url=http://127.0.0.1:$plain haproxy_tls=https://127.0.0.1:$tls
  until_true 10 curl -sSf -o /dev/null "$haproxy_url/readyz" || { cat "$dir/log"; fail "HAProxy did not start"; }
}
