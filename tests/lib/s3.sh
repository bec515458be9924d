#!/bin/sh
# A throw-away S3 for tests: s3rver from npm, in a temporary folder, on a free port; it checks signatures.
#
#   s3.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_S3 set to its URL
#                        (http://ACCESS:SECRET@127.0.0.1:PORT), stops; exits as the command did
#   s3.sh install        only fetches it
#
# It has no bucket. Fetched once into ~/.cache/rowhouse. Exits with 77 where
# it cannot be had.
set -eu
name=s3.sh
. "$(dirname "$0")/server.inc.sh"

version=3.7.1
folder=$cache/s3rver-$version
program=$folder/node_modules/.bin/s3rver

install() {
    fetch_npm "$folder" "s3rver@$version"
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-s3.XXXXXX")
    host=127.0.0.1:$(free_port)
    mkdir "$dir/data"
    # Its continuation tokens are made with a cipher that OpenSSL 3 counts as outdated.
    NODE_OPTIONS=--openssl-legacy-provider "$program" --directory "$dir/data" --address 127.0.0.1 \
        --port "${host##*:}" --no-vhost-buckets >"$dir/log" 2>&1 &
    pid=$!
    await "$pid" "$dir/log" curl -s "http://$host/"
    url=http://S3RVER:S3RVER@$host
}

main_fetched ROWHOUSE_TEST_S3 "$@"
