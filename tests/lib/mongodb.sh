#!/bin/sh
# A throw-away server with MongoDB's protocol for tests: mongo-java-server from Maven, in memory, on a
# free port, with change streams and without users and transactions.
#
#   mongodb.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_MONGODB set to its URL
#                             (mongodb://127.0.0.1:PORT), stops; exits as the command did
#   mongodb.sh install        only fetches it
#
# A MongoDB of one's own does as well: with MONGODB_URL set, nothing is started. Fetched once into
# ROWHOUSE_MAVEN (default: ~/.cache/rowhouse/maven). Exits with 77 where it cannot be had.
set -eu

version=1.47.0
folder=${ROWHOUSE_MAVEN:-${XDG_CACHE_HOME:-$HOME/.cache}/rowhouse/maven}/mongo-java-server-$version
main=$(dirname "$0")/MongoServer.java

fetch() {
    cat >"$folder/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rowhouse</groupId><artifactId>mongodb</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server</artifactId><version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
    rm -rf "$folder/part" "$folder/classes.part"
    mvn -q -B -f "$folder/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder/part" &&
        mv "$folder/part" "$folder/jars"
}

install() {
    [ -d "$folder/jars" ] && return
    command -v mvn >/dev/null && command -v javac >/dev/null || {
        echo "mongodb.sh: there is no Maven, or no Java compiler" >&2
        exit 77
    }
    mkdir -p "$folder"
    (
        flock 9
        [ -d "$folder/jars" ] || fetch >"$folder/maven.log" 2>&1 || {
            tail -n 5 "$folder/maven.log" >&2
            exit 77
        }
    ) 9>"$folder/lock"
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-mongodb.XXXXXX")
    java -Xmx2g -cp "$folder/jars/*" "$main" "$dir/port" >"$dir/log" 2>&1 </dev/null &
    pid=$!
    until [ -f "$dir/port" ]; do
        kill -0 "$pid" 2>/dev/null || {
            cat "$dir/log" >&2
            rm -rf "$dir"
            exit 1
        }
        sleep 0.1
    done
    url=mongodb://127.0.0.1:$(cat "$dir/port")
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
    if [ -n "${MONGODB_URL:-}" ]; then
        ROWHOUSE_TEST_MONGODB=$MONGODB_URL exec "$@"
    fi
    install
    start
    trap stop EXIT
    trap 'exit 130' INT TERM
    status=0
    ROWHOUSE_TEST_MONGODB=$url "$@" || status=$?
    exit "$status"
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
