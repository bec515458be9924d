#!/usr/bin/env bash
# run.sh BUILD SECONDS [TARGET …]: every fuzz target for so long, from the seeds beside it.
# A target that finds something leaves crash-* in its corpus folder and fails the run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1 seconds=$2
shift 2
passed=0 failed=0
(($#)) || set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/\.c$//')
for target in "$@"; do
    corpus=$build/corpus/$target log=$build/corpus/$target.log
    mkdir -p "$corpus"
    seeds=()
    [[ -d tests/fuzz/seeds/$target ]] && seeds=("tests/fuzz/seeds/$target")
    if "$build/bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$corpus/" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
        printf 'ok    %s: %s\n' "$target" "$(grep -c . "$log") log lines, $(ls "$corpus" | wc -l) inputs"
        passed=$((passed + 1))
    else
        printf 'FAIL  %s\n' "$target"
        tail -n 40 "$log"
        failed=$((failed + 1))
    fi
done
printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
((failed == 0))
