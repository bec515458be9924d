#!/bin/sh
# A throw-away MariaDB server for tests and for ./dev, in a temporary folder, on a free port.
#
#   mariadb.sh start [--fsync] [--as-mysql] [--dir DIR]   prints two lines: DIR, the server's URL
#   mariadb.sh stop DIR                      stops the server and removes DIR
#   mariadb.sh kill DIR                      ends it at once (as a crash would), keeps DIR
#   mariadb.sh restart DIR                   starts it again after `kill`, on the same port
#   mariadb.sh run [--fsync] [--as-mysql] COMMAND…   starts, runs the command with
#                                            ROWHOUSE_TEST_MARIADB set to the URL, stops; exits as
#                                            the command did
#
# The database "rowhouse" is utf8mb4 with a collation that ignores case and accents. Users:
# "rowhouse" (all rights, no password) and "secret" (password "s3cret"). It listens on 127.0.0.1 and
# on the socket DIR/socket; LOAD DATA LOCAL is allowed. Without --fsync it is fast and not durable.
# With --as-mysql it calls itself MySQL 8.0, so that clients leave out what only MariaDB has. As root,
# the server runs as "mysql" or "nobody".
set -eu
name=mariadb.sh
. "$(dirname "$0")/server.inc.sh"

find_bin() { # find_bin NAME…
    for program in "$@"; do
        for folder in ${MARIADB_BIN:-} $(echo "$PATH" | tr : ' ') /usr/sbin /usr/libexec; do
            [ -x "$folder/$program" ] && { echo "$folder/$program"; return; }
        done
    done
    echo "mariadb.sh: no $1 found; set MARIADB_BIN" >&2
    exit 77
}

pick_owner() {
    owner=$(id -un)
    if [ "$(id -u)" -eq 0 ]; then
        owner=nobody
        if id mysql >/dev/null 2>&1; then owner=mysql; fi
    fi
}

client() {
    "$(find_bin mariadb mysql)" --no-defaults --socket="$dir/socket" -u "$@"
}

# Starts the server of $dir in the background and waits until it answers.
launch() {
    server=$(find_bin mariadbd mysqld)
    (cd "$dir" && exec setsid "$server" --defaults-file="$dir/my.cnf" --port="$(cat "$dir/port")" \
        --user="$owner" >>"$dir/server.log" 2>&1 </dev/null) &
    pid=$!
    tries=0
    until [ -S "$dir/socket" ] && client rowhouse -e 'DO 0' >/dev/null 2>&1 ||
        client root -e 'DO 0' >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
            cat "$dir/server.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

start() {
    fsync=0
    version=
    dir=
    while [ $# -gt 0 ]; do
        case $1 in
        --fsync) fsync=1 ;;
        --as-mysql) version='version = 8.0.36' ;;
        --dir) dir=$2; shift ;;
        *) echo "mariadb.sh: unknown option $1" >&2; exit 2 ;;
        esac
        shift
    done
    install=$(find_bin mariadb-install-db mysql_install_db)
    pick_owner
    if [ -n "$dir" ]; then mkdir -p "$dir"; else dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-my.XXXXXX"); fi
    if [ "$(id -u)" -eq 0 ]; then chown "$owner" "$dir"; fi
    chmod 755 "$dir"
    free_port >"$dir/port"
    cat >"$dir/my.cnf" <<END
[mysqld]
datadir = $dir/data
socket = $dir/socket
pid-file = $dir/pid
bind-address = 127.0.0.1
skip-name-resolve
character-set-server = utf8mb4
collation-server = utf8mb4_general_ci
local-infile = 1
max_allowed_packet = 64M
max_connections = 60
innodb_buffer_pool_size = 128M
innodb_log_file_size = 256M
innodb_flush_log_at_trx_commit = $fsync
innodb_doublewrite = $fsync
innodb_flush_method = $([ $fsync = 1 ] && echo O_DIRECT || echo nosync)
sync_binlog = 0
performance_schema = OFF
$version
END
    if command -v openssl >/dev/null && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
        -nodes -days 30 -subj /CN=localhost -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null; then
        if [ "$(id -u)" -eq 0 ]; then chown "$owner" "$dir/key.pem"; fi
        printf 'ssl-cert = %s/cert.pem\nssl-key = %s/key.pem\n' "$dir" "$dir" >>"$dir/my.cnf"
    fi
    (cd "$dir" && "$install" --defaults-file="$dir/my.cnf" --user="$owner" --skip-test-db \
        --auth-root-authentication-method=normal --skip-name-resolve >"$dir/log" 2>&1) ||
        { cat "$dir/log" >&2; exit 1; }
    launch
    client root -e "CREATE DATABASE rowhouse; CREATE USER rowhouse@'%', secret@'%' IDENTIFIED BY 's3cret';
        GRANT ALL ON *.* TO rowhouse@'%' WITH GRANT OPTION; GRANT ALL ON rowhouse.* TO secret@'%';
        DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES"
    url="mysql://rowhouse@127.0.0.1:$(cat "$dir/port")/rowhouse"
}

# Ends the server of $1 at once.
stop() {
    dir=$1
    [ -d "$dir/data" ] || { echo "mariadb.sh: $dir holds no server" >&2; exit 2; }
    pid=$(cat "$dir/pid" 2>/dev/null) || return 0
    kill -KILL "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$pid/status"; do sleep 0.02; done
    rm -f "$dir/socket" "$dir/pid"
}

remove() {
    stop "$1"
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
    stop "$1"
    ;;
restart)
    dir=$1
    pick_owner
    launch
    ;;
run)
    flags=
    while [ "${1#--}" != "${1:-}" ]; do flags="$flags $1"; shift; done
    start $flags
    export ROWHOUSE_TEST_MARIADB="$url" ROWHOUSE_TEST_MARIADB_DIR="$dir"
    serve "remove $dir" "$@"
    ;;
*)
    usage
    ;;
esac
