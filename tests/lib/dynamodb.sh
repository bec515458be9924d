#!/bin/sh
# A throw-away DynamoDB for tests: Amazon's DynamoDB Local from Maven Central, in memory, on a free port.
#
#   dynamodb.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_DYNAMODB set to its endpoint
#                              (http://127.0.0.1:PORT), stops; exits as the command did
#   dynamodb.sh install        only fetches it
#
# It takes any credentials. Fetched once into ~/.cache/rowhouse. Exits with 77
# where it cannot be had.
set -eu
name=dynamodb.sh
. "$(dirname "$0")/server.inc.sh"

version=2.5.4
folder=$cache/dynamodb-local-$version

install() {
    fetch_maven "$folder" com.amazonaws DynamoDBLocal "$version"
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-dynamodb.XXXXXX")
    port=$(free_port)
    url=http://127.0.0.1:$port
    (cd "$dir" && exec java -Xmx512m -Djava.library.path="$folder/lib" -cp "$folder/lib/*" \
        com.amazonaws.services.dynamodbv2.local.main.ServerRunner \
        -inMemory -sharedDb -disableTelemetry -port "$port" >log 2>&1) &
    pid=$!
    await "$pid" "$dir/log" curl -s "$url/"
}

main_fetched ROWHOUSE_TEST_DYNAMODB "$@"
