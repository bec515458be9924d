#!/bin/sh
# A throw-away S3 for tests: s3rver from npm, in a temporary folder, on a free port; it checks signatures.
#
#   s3.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_S3 set to its URL
#                        (http://ACCESS:SECRET@127.0.0.1:PORT), stops; exits as the command did
#   s3.sh install        only fetches it
#
# It has no bucket. Fetched once into ROWHOUSE_NPM (default: ~/.cache/rowhouse/npm). Exits with 77 where
# it cannot be had.
set -eu

version=3.7.1
folder=${ROWHOUSE_NPM:-${XDG_CACHE_HOME:-$HOME/.cache}/rowhouse/npm}/s3rver-$version
program=$folder/node_modules/.bin/s3rver

install() {
    [ -x "$program" ] && return
    command -v npm >/dev/null || { echo "s3.sh: there is no npm" >&2; exit 77; }
    mkdir -p "$folder"
    (
        flock 9
        [ -x "$program" ] || npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts \
            "s3rver@$version" >"$folder/npm.log" 2>&1 || {
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
    echo "s3.sh: no free port found" >&2
    exit 1
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-s3.XXXXXX")
    host=127.0.0.1:$(free_port)
    # Its continuation tokens are made with a cipher that OpenSSL 3 counts as outdated.
    NODE_OPTIONS=--openssl-legacy-provider "$program" --directory "$dir" --address 127.0.0.1 --port "${host##*:}" --no-vhost-buckets >"$dir.log" 2>&1 &
    pid=$!
    if ! curl -s -o /dev/null --retry 120 --retry-connrefused --retry-delay 1 "http://$host/"; then
        cat "$dir.log" >&2
        stop
        exit 1
    fi
}

stop() {
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$dir" "$dir.log"
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
    ROWHOUSE_TEST_S3=http://S3RVER:S3RVER@$host "$@" || status=$?
    exit "$status"
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
