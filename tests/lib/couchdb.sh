#!/bin/sh
# A throw-away server with CouchDB's API for tests: PouchDB Server from npm, in memory, on a free port.
#
#   couchdb.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_COUCHDB set to its URL
#                             (http://rowhouse:s3cret@127.0.0.1:PORT), stops; exits as the command did
#   couchdb.sh install        only fetches it
#
# It has one user, the administrator "rowhouse" with the password "s3cret". Fetched once into the folder
# "rowhouse" of the user's cache. Exits with 77 where it cannot be had.
set -eu
name=couchdb.sh
. "$(dirname "$0")/server.inc.sh"

version=4.2.0
folder=$cache/pouchdb-server-$version
program=$folder/node_modules/.bin/pouchdb-server

install() {
    fetch_npm "$folder" "pouchdb-server@$version"
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-couchdb.XXXXXX")
    url=http://127.0.0.1:$(free_port)
    (cd "$dir" && exec "$program" --in-memory --host 127.0.0.1 --port "${url##*:}" >log 2>&1) &
    pid=$!
    await "$pid" "$dir/log" curl -s "$url/"
    curl -sf -o "$dir/hello" -X PUT -d '"s3cret"' "$url/_config/admins/rowhouse"
    url=http://rowhouse:s3cret@${url#http://}
}

main_fetched ROWHOUSE_TEST_COUCHDB "$@"
