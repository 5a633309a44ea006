#!/usr/bin/env bash
# The databases that peers need, on loopback, fully durable, with their data under one directory.
#
#   servers.sh install                       installs what is missing (Debian packages)
#   servers.sh start DIR NAME...             postgres, redis-always, redis-everysec, redis-locks, etcd
#   servers.sh stop DIR                      stops what was started there, and removes its data
#
# For each NAME one line on standard output: `NAME ready URL[,URL...] PID[,PID...]` or `NAME failed WHY`.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# PostgreSQL refuses to run as root. Directories that only root may enter must not keep it out.
as=()
[ "$(id -u)" != 0 ] || as=(setpriv --reuid=postgres --regid=postgres --clear-groups
  --inh-caps=+dac_override --ambient-caps=+dac_override)

wait_for() { # seconds, pid, command...: until the command succeeds while the process lives
  local tries=$(($1 * 10)) pid=$2
  shift 2
  for _ in $(seq "$tries"); do
    "$@" >/dev/null 2>&1 && return
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

failed() { # name, log
  echo "$1 failed $(grep -v '^ *$' "$2" 2>/dev/null | tail -n 1 | tr -s ' \t' ' ' | grep . || echo 'it said nothing')"
}

start_postgres() {
  local data=$dir/postgres log=$dir/postgres.log port bin
  bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  [ -n "$bin" ] || { echo "postgres failed not installed: servers.sh install"; return; }
  port=$(port)
  mkdir -p "$data"
  [ "$(id -u)" != 0 ] || chown postgres "$data"
  : >"$log"
  (cd / && "${as[@]}" "$bin/initdb" -D "$data" -U onsale --auth=trust -E UTF8 --locale=C) >"$log" 2>&1 ||
    { failed postgres "$log"; return; }
  # Durability as it comes (fsync, synchronous_commit, full_page_writes all on); memory for a small machine.
  (cd / && exec setsid "${as[@]}" "$bin/postgres" -D "$data" -p "$port" -h 127.0.0.1 -k '' -c shared_buffers=512MB \
    -c max_wal_size=4GB -c checkpoint_timeout=30min -c jit=off) >"$log" 2>&1 &
  local pid=$!
  echo "$pid" >"$dir/postgres.pid"
  wait_for 20 "$pid" "$bin/pg_isready" -h 127.0.0.1 -p "$port" || { failed postgres "$log"; return; }
  echo "postgres ready postgresql://onsale@127.0.0.1:$port/postgres $pid"
}

redis() { # name, arguments...: sets redis_url and redis_pid
  local name=$1 port
  shift
  command -v redis-server >/dev/null || { echo "not installed: servers.sh install" >"$dir/$name.log"; return 1; }
  port=$(port)
  mkdir -p "$dir/$name"
  redis-server --port "$port" --bind 127.0.0.1 --dir "$dir/$name" --save '' --appendonly yes \
    --auto-aof-rewrite-percentage 0 "$@" >"$dir/$name.log" 2>&1 &
  redis_pid=$! redis_url=redis://127.0.0.1:$port/
  echo "$redis_pid" >"$dir/$name.pid"
  wait_for 10 "$redis_pid" redis-cli -p "$port" ping
}

start_redis() { # name, appendfsync
  if redis "$1" --appendfsync "$2"; then echo "$1 ready $redis_url $redis_pid"; else failed "$1" "$dir/$1.log"; fi
}

start_redis_locks() { # the server with the data first, then the three that hold the lock
  local urls='' pids=''
  for name in redis-data redis-lock-1 redis-lock-2 redis-lock-3; do
    redis "$name" --appendfsync always || { failed redis-locks "$dir/$name.log"; return; }
    urls+=,$redis_url pids+=,$redis_pid
  done
  echo "redis-locks ready ${urls#,} ${pids#,}"
}

start_etcd() {
  local client peer log=$dir/etcd.log pid
  command -v etcd >/dev/null || { echo "etcd failed not installed: servers.sh install"; return; }
  client=http://127.0.0.1:$(port) peer=http://127.0.0.1:$(port)
  etcd --data-dir "$dir/etcd" --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
    --quota-backend-bytes 4294967296 --log-level error >"$log" 2>&1 &
  pid=$!
  echo "$pid" >"$dir/etcd.pid"
  ETCDCTL_API=3 wait_for 20 "$pid" etcdctl --endpoints "$client" endpoint health || { failed etcd "$log"; return; }
  echo "etcd ready $client $pid"
}

install() {
  . "$here/../../tests/support/need.sh"
  [ -d /usr/lib/postgresql ] || need initdb postgresql
  need redis-server redis-server
  need etcd etcd-server
  need etcdctl etcd-client
  need protoc protobuf-compiler
  # What protoc includes is in a package of its own.
  [ -e /usr/include/google/protobuf/descriptor.proto ] || need descriptor.proto libprotobuf-dev
}

stop() {
  for file in "$dir"/*.pid; do
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    # INT is the fast shutdown of PostgreSQL and ends the others as well.
    kill -INT "$pid" 2>/dev/null
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null
  done
  rm -rf "$dir"
}

verb=${1:-} dir=${2:-}
case $verb in
  install) install ;;
  start)
    shift 2
    mkdir -p "$dir" && dir=$(cd "$dir" && pwd)
    for name in "$@"; do
      case $name in
        postgres) start_postgres ;;
        redis-always) start_redis redis-always always ;;
        redis-everysec) start_redis redis-everysec everysec ;;
        redis-locks) start_redis_locks ;;
        etcd) start_etcd ;;
        *) echo "$name failed no such server" ;;
      esac
    done
    ;;
  stop) stop ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
