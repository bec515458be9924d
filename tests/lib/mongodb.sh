#!/bin/sh
# A throw-away server with MongoDB's protocol for tests: mongo-java-server from Maven, in memory, on a
# free port, with change streams and without users and transactions.
#
#   mongodb.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_MONGODB set to its URL
#                             (mongodb://127.0.0.1:PORT), stops; exits as the command did
#   mongodb.sh install        only fetches it
#
# A MongoDB of one's own does as well: with MONGODB_URL set, nothing is started. Fetched once into
# ~/.cache/rowhouse. Exits with 77 where it cannot be had.
set -eu
name=mongodb.sh
. "$(dirname "$0")/server.inc.sh"

version=1.47.0
folder=$cache/mongo-java-server-$version
main=$(dirname "$0")/MongoServer.java

install() {
    fetch_maven "$folder" de.bwaldvogel mongo-java-server "$version"
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-mongodb.XXXXXX")
    java -Xmx2g -cp "$folder/lib/*" "$main" "$dir/port" >"$dir/log" 2>&1 </dev/null &
    pid=$!
    await "$pid" "$dir/log" [ -f "$dir/port" ]
    url=mongodb://127.0.0.1:$(cat "$dir/port")
}

if [ "${1:-}" = run ] && [ -n "${MONGODB_URL:-}" ]; then
    shift
    ROWHOUSE_TEST_MONGODB=$MONGODB_URL exec "$@"
fi
main_fetched ROWHOUSE_TEST_MONGODB "$@"
