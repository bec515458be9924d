#!/usr/bin/env bash
# run.sh BUILD [NAME …]: measures beside a PostgreSQL with its default durability.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1
shift
folder=$(mktemp -d /tmp/rowhouse-bench.XXXXXX)
trap 'rm -rf "$folder"' EXIT
tests/lib/postgres.sh run --fsync /usr/bin/python3 tests/bench/bench.py "$build" "$folder" "$@"
