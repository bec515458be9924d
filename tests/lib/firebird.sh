#!/bin/sh
# A throw-away Firebird server for tests, in a temporary folder, on a free port.
#
#   firebird.sh start [--dir DIR]   prints two lines: DIR, then the database as Firebird names it:
#                                   inet://127.0.0.1:PORT/DIR/rowhouse.fdb
#   firebird.sh stop DIR            stops the server and removes DIR
#   firebird.sh run COMMAND…        starts, runs the command with ROWHOUSE_TEST_FIREBIRD set to that
#                                   name, stops; exits as the command did
#
# The database is UTF8. User "sysdba", password "masterkey", known to this server only. It listens
# on 127.0.0.1. Exits with 77 where there is no Firebird.
set -eu
name=firebird.sh
. "$(dirname "$0")/server.inc.sh"

server=/usr/sbin/firebird
isql=$(command -v isql-fb || true)

find_root() {
    for root in ${FIREBIRD_ROOT:-} /usr/lib/*/firebird/3.0 /usr/lib/*/firebird/4.0; do
        [ -d "$root/plugins" ] && found=$root
    done
    [ -n "${found:-}" ] && [ -x "$server" ] && [ -n "$isql" ] || {
        echo "firebird.sh: no Firebird server found" >&2
        exit 77
    }
    echo "$found"
}

# Does the server answer?
answers() {
    echo "quit;" | FIREBIRD="$dir" "$isql" -q -user sysdba -password masterkey "$url"
}

start() {
    root=$(find_root)
    make_dir rowhouse-fb "$@"
    port=$(free_port)
    for part in plugins intl firebird.msg; do ln -sfn "$root/$part" "$dir/$part"; done
    cp "$root/plugins.conf" "$dir/plugins.conf"
    : >"$dir/databases.conf"
    {
        echo "RemoteServicePort = $port"
        echo "RemoteBindAddress = 127.0.0.1"
        echo "SecurityDatabase = $dir/security.fdb"
        echo "AuthServer = Srp"
        echo "AuthClient = Srp"
        echo "UserManager = Srp"
        echo "IpcName = rowhouse_$port"
    } >"$dir/firebird.conf"
    {
        echo "CREATE DATABASE '$dir/security.fdb';"
        echo "CREATE USER sysdba PASSWORD 'masterkey';"
        echo "COMMIT;"
        echo "CREATE DATABASE '$dir/rowhouse.fdb' DEFAULT CHARACTER SET UTF8;"
    } | FIREBIRD="$dir" FIREBIRD_LOCK="$dir" "$isql" -q -user sysdba >"$dir/log" 2>&1 || {
        cat "$dir/log" >&2
        exit 1
    }
    FIREBIRD="$dir" FIREBIRD_LOCK="$dir" FIREBIRD_TMP="$dir" "$server" -p "$port" \
        >"$dir/server.log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    url="inet://127.0.0.1:$port/$dir/rowhouse.fdb"
    await "$(cat "$dir/pid")" "$dir/server.log" answers
}

main_kept ROWHOUSE_TEST_FIREBIRD "$@"
