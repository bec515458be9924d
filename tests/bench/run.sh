#!/usr/bin/env bash
# run.sh BUILD [NAME …]: starts a PostgreSQL with its default durability and measures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1
shift
dir=$(mktemp -d /tmp/rowhouse-bench.XXXXXX)
trap 'tests/lib/postgres.sh stop "$dir/postgres" >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
ROWHOUSE_TEST_POSTGRES=$(tests/lib/postgres.sh start "$dir/postgres" --fsync)
export ROWHOUSE_TEST_POSTGRES
/usr/bin/python3 tests/bench/bench.py "$build" "$dir" "$@"
