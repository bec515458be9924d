#!/bin/sh
# A throw-away H2 server that speaks PostgreSQL's protocol, for tests, in a temporary folder, on a
# free port.
#
#   h2.sh start [--dir DIR]   prints two lines: DIR, then the server's URL
#   h2.sh stop DIR            stops the server and removes DIR
#   h2.sh run COMMAND…        starts, runs the command with ROWHOUSE_TEST_H2 set to the URL, stops;
#                             exits as the command did
#
# User "sa", password "sa"; any database is made when it is first used, in memory when its name begins
# with mem: (it then lasts as long as it is used, and no disk slows it down). The mode (SET MODE
# MSSQLServer, Oracle) is the client's to choose. Exits with 77 where there is no H2 or no Java.
set -eu
name=h2.sh
. "$(dirname "$0")/server.inc.sh"

jar=${H2_JAR:-/usr/share/java/h2.jar}

start() {
    [ -r "$jar" ] && command -v java >/dev/null || {
        echo "h2.sh: no H2 or no Java found; set H2_JAR" >&2
        exit 77
    }
    make_dir rowhouse-h2 "$@"
    port=$(free_port)
    java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dh2.bindAddress=127.0.0.1 -cp "$jar" org.h2.tools.Server -pg -pgPort "$port" \
        -ifNotExists -baseDir "$dir" >"$dir/server.log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    await "$(cat "$dir/pid")" "$dir/server.log" is_listening "$port"
    url="postgres://sa:sa@127.0.0.1:$port/rowhouse"
}

main_kept ROWHOUSE_TEST_H2 "$@"
