#!/usr/bin/env bash
# run.sh BUILD [NAME …]: measures beside a PostgreSQL, and a MariaDB where there is one, with
# their default durability.
# run.sh BUILD web [CONNECTOR …]: the connectors over HTTP, beside curl.
# run.sh BUILD clients [redis|mongodb …]: those with a client library, beside a loop with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1
shift
servers=()
case ${1:-} in
web)
    for id in couchdb dynamodb s3; do servers+=("tests/lib/$id.sh" run); done
    for id in airtable elasticsearch firestore googlesheets rest; do
        servers+=(/usr/bin/python3 "tests/connectors/$id/peer.py" run)
    done
    ;;
clients) servers=(tests/lib/redis.sh run tests/lib/mongodb.sh run) ;;
esac
if [ "${#servers[@]}" -gt 0 ]; then
    exec "${servers[@]}" /usr/bin/python3 "tests/bench/$1.py" "$build" "${@:2}"
fi
folder=$(mktemp -d /tmp/rowhouse-bench.XXXXXX)
trap 'rm -rf "$folder"' EXIT
mariadb=()
if command -v mariadbd >/dev/null; then mariadb=(tests/lib/mariadb.sh run --fsync); fi
tests/lib/postgres.sh run --fsync "${mariadb[@]}" /usr/bin/python3 tests/bench/bench.py "$build" "$folder" "$@"
