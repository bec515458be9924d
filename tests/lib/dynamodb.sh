#!/bin/sh
# A throw-away DynamoDB for tests: Amazon's DynamoDB Local from Maven Central, in memory, on a free port.
#
#   dynamodb.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_DYNAMODB set to its endpoint
#                              (http://127.0.0.1:PORT), stops; exits as the command did
#   dynamodb.sh install        only fetches it
#
# It takes any credentials. Fetched once into ROWHOUSE_MAVEN (default: ~/.cache/rowhouse/maven). Exits with 77
# where it cannot be had.
set -eu

version=2.5.4
folder=${ROWHOUSE_MAVEN:-${XDG_CACHE_HOME:-$HOME/.cache}/rowhouse/maven}/dynamodb-local-$version

install() {
    [ -e "$folder/complete" ] && return
    for tool in mvn java; do
        command -v $tool >/dev/null || { echo "dynamodb.sh: there is no $tool" >&2; exit 77; }
    done
    mkdir -p "$folder"
    (
        flock 9
        [ -e "$folder/complete" ] && exit
        cat >"$folder/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>test</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>com.amazonaws</groupId><artifactId>DynamoDBLocal</artifactId><version>$version</version>
  </dependency></dependencies>
</project>
END
        mvn -q -B -f "$folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$folder/lib" >"$folder/mvn.log" 2>&1 || {
            tail -n 5 "$folder/mvn.log" >&2
            exit 77
        }
        : >"$folder/complete"
    ) 9>"$folder/lock"
}

free_port() {
    for try in 1 2 3 4 5 6 7 8 9 10; do
        port=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
        port=$((20000 + port % 12000))
        hex=$(printf '%04X' "$port")
        grep -qs ":$hex [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6 || { echo "$port"; return; }
    done
    echo "dynamodb.sh: no free port found" >&2
    exit 1
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-dynamodb.XXXXXX")
    port=$(free_port)
    url=http://127.0.0.1:$port
    (cd "$dir" && exec java -Xmx512m -Djava.library.path="$folder/lib" -cp "$folder/lib/*" \
        com.amazonaws.services.dynamodbv2.local.main.ServerRunner \
        -inMemory -sharedDb -disableTelemetry -port "$port" >log 2>&1) &
    pid=$!
    if ! curl -s -o /dev/null --retry 120 --retry-connrefused --retry-delay 1 "$url/"; then
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
    ROWHOUSE_TEST_DYNAMODB=$url "$@" || status=$?
    exit "$status"
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
