# What the scripts of throw-away servers share. They read it with `.` and have set `name`, their own,
# for messages.

# A TCP port that nobody listens on.
free_port() {
    for try in 1 2 3 4 5 6 7 8 9 10; do
        port=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
        port=$((20000 + port % 12000))
        is_listening "$port" || { echo "$port"; return; }
    done
    echo "$name: no free port found" >&2
    exit 1
}

is_listening() { # is_listening PORT
    grep -qs ":$(printf '%04X' "$1") [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6
}

# Waits until the command succeeds. When the process ends before, or after a minute: shows the log and
# exits with 1; the server's folder stays.
await() { # await PID LOG COMMAND…
    await_pid=$1 await_log=$2 tries=0
    shift 2
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 1200 ] || ! kill -0 "$await_pid" 2>/dev/null; then
            cat "$await_log" >&2
            kill "$await_pid" 2>/dev/null || true
            exit 1
        fi
        sleep 0.05
    done
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/rowhouse

# Fetches a package once: the command runs in FOLDER.part, which then becomes FOLDER. Whoever comes
# meanwhile waits. Exits with 77 when the tool is missing or the command fails.
fetch() { # fetch FOLDER TOOL COMMAND…
    fetch_to=$1 fetch_tool=$2
    shift 2
    [ -d "$fetch_to" ] && return
    command -v "$fetch_tool" >/dev/null || { echo "$name: there is no $fetch_tool" >&2; exit 77; }
    mkdir -p "$(dirname "$fetch_to")"
    (
        flock 9
        [ -d "$fetch_to" ] && exit
        rm -rf "$fetch_to.part"
        mkdir "$fetch_to.part"
        (cd "$fetch_to.part" && "$@") >"$fetch_to.log" 2>&1 || {
            tail -n 5 "$fetch_to.log" >&2
            exit 77
        }
        mv "$fetch_to.part" "$fetch_to"
    ) 9>"$fetch_to.lock" || exit
}

fetch_npm() { # fetch_npm FOLDER PACKAGE@VERSION
    fetch "$1" npm npm install --prefix . --no-audit --no-fund --ignore-scripts "$2"
}

# The jars of a package and of all it needs, in FOLDER/lib.
fetch_maven() { # fetch_maven FOLDER GROUP ARTIFACT VERSION
    fetch "$1" mvn copy_jars "$2" "$3" "$4"
}

copy_jars() {
    cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rowhouse</groupId><artifactId>test-server</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>
  </dependency></dependencies>
</project>
END
    mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=lib
}

# Ends a server whose process is $pid and whose folder is $dir.
stop() {
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$dir"
}

# Runs the command, then the one that stops the server, whatever happens; exits as the first did.
serve() { # serve STOP COMMAND…
    trap "$1" EXIT
    trap 'exit 130' INT TERM
    status=0
    shift
    "$@" || status=$?
    exit "$status"
}

# The commands of a server that is fetched once and thrown away: `install` and `run`. The script has
# an `install` of its own and a `start`, which sets $url; tests find that in the variable.
main_fetched() { # main_fetched VARIABLE COMMAND…
    variable=$1 command=${2:-}
    shift
    [ $# -gt 0 ] && shift
    case $command in
    install)
        install
        ;;
    run)
        install
        start
        export "$variable=$url"
        serve stop "$@"
        ;;
    *)
        usage
        ;;
    esac
}

# The commands of a server in a folder that may outlive the script: `start`, `stop` and `run`. The
# script has a `start` of its own, which sets $url and leaves the process's id in $dir/pid.
main_kept() { # main_kept VARIABLE COMMAND…
    variable=$1 command=${2:-}
    shift
    [ $# -gt 0 ] && shift
    case $command in
    start)
        start "$@"
        echo "$dir"
        echo "$url"
        ;;
    stop)
        stop_kept "$1"
        ;;
    run)
        start
        export "$variable=$url"
        serve "stop_kept $dir" "$@"
        ;;
    *)
        usage
        ;;
    esac
}

# Makes the folder $dir of such a server: the one that --dir names, else a temporary one.
make_dir() { # make_dir TEMPLATE [--dir DIR]
    dir= template=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --dir) dir=$2; shift ;;
        *) echo "$name: unknown option $1" >&2; exit 2 ;;
        esac
        shift
    done
    if [ -n "$dir" ]; then mkdir -p "$dir"; else dir=$(mktemp -d "${TMPDIR:-/tmp}/$template.XXXXXX"); fi
}

stop_kept() { # stop_kept DIR
    [ -f "$1/pid" ] || { echo "$name: $1 holds no server" >&2; exit 2; }
    kill -KILL "$(cat "$1/pid")" 2>/dev/null || true
    rm -rf "$1"
}

usage() { # the comment at the head of the script
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
