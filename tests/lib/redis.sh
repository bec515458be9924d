#!/bin/sh
# A throw-away Redis for tests: in a temporary folder, without persistence, on a free port and a Unix
# socket, once more with TLS.
#
#   redis.sh run COMMAND…   starts it, runs the command with ROWHOUSE_TEST_REDIS set to its URL
#                           (redis://rowhouse:s3cret@127.0.0.1:PORT), ROWHOUSE_TEST_REDIS_SOCKET to the
#                           path of the socket, ROWHOUSE_TEST_REDIS_TLS to host:port, and
#                           ROWHOUSE_TEST_REDIS_CA to the file of its certificate authority, stops;
#                           exits as the command did
#   redis.sh install        does nothing: it is a package of Debian
#
# Its user "rowhouse" with the password "s3cret" may do everything. Exits with 77 where there is no
# redis-server.
set -eu
name=redis.sh
. "$(dirname "$0")/server.inc.sh"

certify() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Rowhouse test" -keyout "$dir/ca.key" \
        -out "$dir/ca.pem" >"$dir/openssl.log" 2>&1
    openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$dir/server.key" \
        -out "$dir/server.csr" >>"$dir/openssl.log" 2>&1
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$dir/names"
    openssl x509 -req -days 2 -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial \
        -extfile "$dir/names" -out "$dir/server.pem" >>"$dir/openssl.log" 2>&1
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-redis.XXXXXX")
    port=$(free_port)
    tls_port=$(free_port)
    certify
    cat >"$dir/redis.conf" <<END
port $port
tls-port $tls_port
tls-cert-file $dir/server.pem
tls-key-file $dir/server.key
tls-ca-cert-file $dir/ca.pem
tls-auth-clients no
bind 127.0.0.1
unixsocket $dir/socket
dir $dir
save ""
appendonly no
enable-debug-command yes
user default off
user rowhouse on >s3cret ~* &* +@all
user nobody on >n0thing ~* &* -@all
END
    redis-server "$dir/redis.conf" >"$dir/log" 2>&1 &
    pid=$!
    await "$pid" "$dir/log" redis-cli -e -s "$dir/socket" --user rowhouse --pass s3cret ping
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
install) ;;
run)
    command -v redis-server >/dev/null || { echo "redis.sh: there is no redis-server" >&2; exit 77; }
    start
    export ROWHOUSE_TEST_REDIS="redis://rowhouse:s3cret@127.0.0.1:$port" \
        ROWHOUSE_TEST_REDIS_SOCKET="$dir/socket" \
        ROWHOUSE_TEST_REDIS_TLS="127.0.0.1:$tls_port" \
        ROWHOUSE_TEST_REDIS_CA="$dir/ca.pem"
    serve stop "$@"
    ;;
*)
    usage
    ;;
esac
