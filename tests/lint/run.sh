#!/usr/bin/env bash
# Everything that reads the code instead of running it. Called by `./dev lint`; each step says what
# it found, the status is 1 when any step failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
status=0
top='CMakeLists.txt|core|plugins|sdk|server|worker|tests|packaging|docs|README.md'
top+='|dev|CMakePresets.json|CHANGELOG.md|\.ci|\.clang-format|\.clang-tidy|\.gitignore'

step() { # step NAME COMMAND…
    local name=$1 log
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        printf 'ok    %s\n' "$name"
    else
        printf 'FAIL  %s\n' "$name"
        tail -n 60 "$log"
        status=1
    fi
    rm -f "$log"
}

sources() { git ls-files -- '*.c' '*.h'; }
format() { sources | xargs clang-format --dry-run -Werror; }
banned() { # functions that the house does not use
    ! git grep -nwE '(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|sscanf|system|localtime|gmtime|alloca|gets)\(' \
        -- core sdk plugins server worker tests/lib
}
top_level() { # nothing has strayed into the tree
    ! git ls-files | cut -d/ -f1 | sort -u | grep -vxE "$top"
}
compile() { # compile PRESET
    cmake --preset "$1" -DBUILD_TESTING=ON && cmake --build "build/$1"
}
tidy() { # on the clang preset's compile commands
    git ls-files -- 'core/*.c' 'sdk/*.c' 'plugins/*.c' 'server/*.c' 'worker/*.c' |
        xargs -P "$(nproc)" -n 4 clang-tidy -p build/clang --quiet 2>&1 |
        sed '/warnings\? generated\.$/d'
}
shell() { # and help runs nothing
    bash -n dev .ci/run tests/lint/run.sh tests/*/*.sh && ! ./dev help 2>&1 >/dev/null | grep .
}

step "format" format
step "top level" top_level
step "banned functions" banned
step "floors" python3 tests/lint/floors.py
step "the ABI keeps its promise" python3 tests/abi/guard.py
step "headers compile alone" python3 tests/lint/headers.py
step "shell syntax" shell
step "gcc, warnings as errors" compile release
step "clang, warnings as errors" compile clang
step "clang-tidy" tidy
exit "$status"
