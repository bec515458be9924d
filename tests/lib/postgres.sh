#!/bin/sh
# A throw-away PostgreSQL server for tests and for ./dev, in a temporary folder, on a free port.
#
#   postgres.sh start [--fsync] [--dir DIR]   prints two lines: DIR, then the server's URL
#   postgres.sh stop DIR                      stops the server and removes DIR
#   postgres.sh kill DIR                      ends it at once (as a crash would), keeps DIR
#   postgres.sh restart DIR                   starts it again after `kill`, on the same port
#   postgres.sh run [--fsync] COMMAND…        starts, runs the command with ROWHOUSE_TEST_POSTGRES
#                                             set to the URL, stops; exits as the command did
#
# The database "rowhouse" is UTF-8 with a linguistic collation where the machine has one. Roles:
# "rowhouse" (superuser, trust) and "secret" (password "s3cret", scram-sha-256). It listens on
# 127.0.0.1 and on a socket in DIR. Without --fsync it is fast and not durable. As root, the server
# runs as "postgres" or "nobody": it refuses to be root.
set -eu
name=postgres.sh
. "$(dirname "$0")/server.inc.sh"

find_bin() {
    for dir in ${PG_BIN:-} /usr/lib/postgresql/*/bin; do
        [ -x "$dir/initdb" ] && found=$dir
    done
    [ -n "${found:-}" ] || { echo "postgres.sh: no initdb found; set PG_BIN" >&2; exit 77; }
    echo "$found"
}

# Runs a command as somebody who is not root.
as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "$@"
    fi
}

pick_owner() {
    owner=$(id -un)
    if [ "$(id -u)" -eq 0 ]; then
        owner=nobody
        if id postgres >/dev/null 2>&1; then owner=postgres; fi
    fi
}

launch() {
    (cd "$dir" && as_server "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 30 \
        -o "-p $(cat "$dir/port")" start >/dev/null </dev/null 2>&1) || {
        cat "$dir/server.log" >&2
        exit 1
    }
}

start() {
    fsync=off
    dir=
    while [ $# -gt 0 ]; do
        case $1 in
        --fsync) fsync=on ;;
        --dir) dir=$2; shift ;;
        *) echo "postgres.sh: unknown option $1" >&2; exit 2 ;;
        esac
        shift
    done
    bin=$(find_bin)
    pick_owner
    if [ -n "$dir" ]; then mkdir -p "$dir"; else dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-pg.XXXXXX"); fi
    if [ "$(id -u)" -eq 0 ]; then chown "$owner" "$dir"; fi
    chmod 755 "$dir"
    locale=C.UTF-8
    if locale -a 2>/dev/null | grep -qi '^en_US.utf-\?8$'; then locale=en_US.UTF-8; fi
    (cd "$dir" && as_server "$bin/initdb" -D "$dir/data" -U rowhouse -A trust -E UTF8 \
        --locale="$locale" --no-sync >"$dir/log" 2>&1) || { cat "$dir/log" >&2; exit 1; }
    port=$(free_port)
    echo "$port" >"$dir/port"
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '$dir'"
        echo "fsync = $fsync"
        echo "synchronous_commit = $fsync"
        echo "full_page_writes = $fsync"
        echo "max_connections = 50"
        echo "shared_buffers = 128MB"
        echo "max_wal_size = 2GB"
        echo "autovacuum = off"
        echo "password_encryption = 'scram-sha-256'"
    } >>"$dir/data/postgresql.conf"
    {
        echo "local all secret scram-sha-256"
        echo "host all secret 127.0.0.1/32 scram-sha-256"
        echo "local all all trust"
        echo "host all all 127.0.0.1/32 trust"
    } >"$dir/data/pg_hba.conf"
    launch
    "$bin/psql" -X -q -h "$dir" -p "$port" -U rowhouse -d postgres -v ON_ERROR_STOP=1 \
        -c "CREATE ROLE secret LOGIN PASSWORD 's3cret'" -c "CREATE DATABASE rowhouse"
    url="postgres://rowhouse@127.0.0.1:$port/rowhouse"
}

stop() {
    dir=$1
    bin=$(find_bin)
    pick_owner
    [ -f "$dir/data/PG_VERSION" ] || { echo "postgres.sh: $dir holds no server" >&2; exit 2; }
    (cd "$dir" && as_server "$bin/pg_ctl" -D "$dir/data" -m "$2" -w stop >/dev/null 2>&1) || true
}

remove() {
    stop "$1" immediate
    rm -rf "$1"
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
start)
    start "$@"
    echo "$dir"
    echo "$url"
    ;;
stop)
    remove "$1"
    ;;
kill)
    stop "$1" immediate
    ;;
restart)
    dir=$1
    bin=$(find_bin)
    pick_owner
    launch
    ;;
run)
    fsync_flag=
    if [ "${1:-}" = --fsync ]; then fsync_flag=--fsync; shift; fi
    start $fsync_flag
    export ROWHOUSE_TEST_POSTGRES="$url" ROWHOUSE_TEST_POSTGRES_DIR="$dir"
    serve "remove $dir" "$@"
    ;;
*)
    usage
    ;;
esac
