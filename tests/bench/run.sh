#!/usr/bin/env bash
# run.sh BUILD [NAME …]: measures beside a PostgreSQL, and a MariaDB where there is one, with
# their default durability.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1
shift
folder=$(mktemp -d /tmp/rowhouse-bench.XXXXXX)
trap 'rm -rf "$folder"' EXIT
mariadb=()
if command -v mariadbd >/dev/null; then mariadb=(tests/lib/mariadb.sh run --fsync); fi
tests/lib/postgres.sh run --fsync "${mariadb[@]}" /usr/bin/python3 tests/bench/bench.py "$build" "$folder" "$@"
