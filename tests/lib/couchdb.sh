#!/bin/sh
# A throw-away server with CouchDB's API for tests: PouchDB Server from npm, in memory, on a free port.
#
#   couchdb.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_COUCHDB set to its URL
#                             (http://rowhouse:s3cret@127.0.0.1:PORT), stops; exits as the command did
#   couchdb.sh install        only fetches it
#
# It has one user, the administrator "rowhouse" with the password "s3cret". Fetched once into ROWHOUSE_NPM (default: ~/.cache/rowhouse/npm). Exits
# with 77 where it cannot be had.
set -eu

version=4.2.0
folder=${ROWHOUSE_NPM:-${XDG_CACHE_HOME:-$HOME/.cache}/rowhouse/npm}/pouchdb-server-$version
program=$folder/node_modules/.bin/pouchdb-server

install() {
    [ -x "$program" ] && return
    command -v npm >/dev/null || { echo "couchdb.sh: there is no npm" >&2; exit 77; }
    mkdir -p "$folder"
    (
        flock 9
        [ -x "$program" ] || npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts \
            "pouchdb-server@$version" >"$folder/npm.log" 2>&1 || {
            tail -n 5 "$folder/npm.log" >&2
            exit 77
        }
    ) 9>"$folder/lock"
}

free_port() {
    for try in 1 2 3 4 5 6 7 8 9 10; do
        port=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
        port=$((20000 + port % 12000))
        hex=$(printf '%04X' "$port")
        grep -qs ":$hex [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6 || { echo "$port"; return; }
    done
    echo "couchdb.sh: no free port found" >&2
    exit 1
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-couchdb.XXXXXX")
    url=http://127.0.0.1:$(free_port)
    (cd "$dir" && exec "$program" --in-memory --host 127.0.0.1 --port "${url##*:}" >log 2>&1) &
    pid=$!
    if ! curl -s -o "$dir/hello" --retry 120 --retry-connrefused --retry-delay 1 "$url/" ||
        ! curl -sf -o "$dir/hello" -X PUT -d '"s3cret"' "$url/_config/admins/rowhouse"; then
        cat "$dir/log" >&2
        stop
        exit 1
    fi
}

stop() {
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$dir"
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
install)
    install
    ;;
run)
    install
    start
    trap stop EXIT
    trap 'exit 130' INT TERM
    status=0
    ROWHOUSE_TEST_COUCHDB=http://rowhouse:s3cret@${url#http://} "$@" || status=$?
    exit "$status"
    ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
