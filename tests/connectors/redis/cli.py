"""Commands to the server at ROWHOUSE_TEST_REDIS."""
import os
import socket
import urllib.parse


def word(value):
    return value if isinstance(value, bytes) else str(value).encode()


class Redis:
    """A connection that sends many commands at once and reads their replies."""

    def __init__(self):
        url = urllib.parse.urlparse(os.environ["ROWHOUSE_TEST_REDIS"])
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.run([("AUTH", url.username, url.password)])

    def run(self, commands):
        out = []
        for command in commands:
            out.append(b"*%d\r\n" % len(command))
            out += [b"$%d\r\n%s\r\n" % (len(word(w)), word(w)) for w in command]
        self.socket.sendall(b"".join(out))
        return [self.reply() for _ in commands]

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest
