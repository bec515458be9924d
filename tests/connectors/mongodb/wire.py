"""MongoDB's wire protocol, as much of it as the tests need: BSON and OP_MSG, stdlib only.

Documents are dicts. Python's int is an int64 (I32 an int32), datetime is left out: Date has milliseconds.
"""
import socket
import struct
import urllib.parse
from decimal import Decimal
from typing import NamedTuple


class I32(int):
    pass


class ObjectId(NamedTuple):
    hex: str


class Date(NamedTuple):
    ms: int


class Binary(NamedTuple):
    subtype: int
    data: bytes


class Raw(NamedTuple):
    """A value of any other type, as its bytes."""
    type: int
    data: bytes


class Malformed(Exception):
    pass


def decimal(value):
    """The number as a Decimal128."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    low = int("".join(map(str, digits))) | (exponent + 6176) << 113 | sign << 127
    return Raw(19, low.to_bytes(16, "little"))


# ---- BSON ------------------------------------------------------------------------------------

def encode_value(value):
    if value is None:
        return 10, b""
    if value is True or value is False:
        return 8, bytes([value])
    if isinstance(value, I32):
        return 16, struct.pack("<i", value)
    if isinstance(value, int):
        return 18, struct.pack("<q", value)
    if isinstance(value, float):
        return 1, struct.pack("<d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return 2, struct.pack("<i", len(data) + 1) + data + b"\0"
    if isinstance(value, dict):
        return 3, encode(value)
    if isinstance(value, list):
        return 4, encode({str(i): v for i, v in enumerate(value)})
    if isinstance(value, ObjectId):
        return 7, bytes.fromhex(value.hex)
    if isinstance(value, Date):
        return 9, struct.pack("<q", value.ms)
    if isinstance(value, Binary):
        return 5, struct.pack("<iB", len(value.data), value.subtype) + value.data
    if isinstance(value, bytes):
        return encode_value(Binary(0, value))
    return value.type, value.data


def encode(document):
    parts = []
    for name, value in document.items():
        kind, data = encode_value(value)
        parts.append(bytes([kind]) + name.encode() + b"\0" + data)
    body = b"".join(parts)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


FIXED = {6: 0, 10: 0, 17: 8, 19: 16, 127: 0, 255: 0}


def decode_value(kind, data, at):
    if kind == 1:
        return struct.unpack_from("<d", data, at)[0], at + 8
    if kind in (2, 13, 14):
        n = struct.unpack_from("<i", data, at)[0]
        return data[at + 4:at + 3 + n].decode("utf-8", "replace"), at + 4 + n
    if kind in (3, 4):
        n = struct.unpack_from("<i", data, at)[0]
        inner = decode(data[at:at + n])
        return (inner if kind == 3 else list(inner.values())), at + n
    if kind == 5:
        n, subtype = struct.unpack_from("<iB", data, at)
        return Binary(subtype, data[at + 5:at + 5 + n]), at + 5 + n
    if kind == 7:
        return ObjectId(data[at:at + 12].hex()), at + 12
    if kind == 8:
        return data[at] == 1, at + 1
    if kind == 9:
        return Date(struct.unpack_from("<q", data, at)[0]), at + 8
    if kind == 11:
        end = data.index(b"\0", data.index(b"\0", at) + 1) + 1
        return Raw(11, data[at:end]), end
    if kind == 16:
        return I32(struct.unpack_from("<i", data, at)[0]), at + 4
    if kind == 18:
        return struct.unpack_from("<q", data, at)[0], at + 8
    if kind in FIXED:
        n = FIXED[kind]
        return (None if kind == 10 else Raw(kind, data[at:at + n])), at + n
    raise Malformed(f"a value of type {kind}")


def decode(data):
    size = struct.unpack_from("<i", data)[0]
    if size != len(data) or data[-1] != 0:
        raise Malformed("a document's length")
    found, at = {}, 4
    while data[at]:
        end = data.index(b"\0", at + 1)
        found[data[at + 1:end].decode()], at = decode_value(data[at], data, end + 1)
    return found


# ---- Messages --------------------------------------------------------------------------------

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


def read_exactly(stream, n):
    data = b""
    while len(data) < n:
        piece = stream.recv(n - len(data))
        if not piece:
            raise ConnectionError("the other side has gone")
        data += piece
    return data


def read_message(stream):
    """The request's number, its kind, and the command."""
    size, number, _, opcode = struct.unpack("<iiii", read_exactly(stream, 16))
    data = read_exactly(stream, size - 16)
    if opcode == OP_QUERY:
        name_end = data.index(b"\0", 4)
        at = name_end + 9
        n = struct.unpack_from("<i", data, at)[0]
        return number, opcode, decode(data[at:at + n])
    if opcode != OP_MSG:
        raise Malformed(f"a message of kind {opcode}")
    at, command = 4, {}
    while at < len(data):
        section, n = data[at], struct.unpack_from("<i", data, at + 1)[0]
        if section == 0:
            command.update(decode(data[at + 1:at + 1 + n]))
        else:
            end, stop = data.index(b"\0", at + 5), at + 1 + n
            documents, inner = [], end + 1
            while inner < stop:
                length = struct.unpack_from("<i", data, inner)[0]
                documents.append(decode(data[inner:inner + length]))
                inner += length
            command[data[at + 5:end].decode()] = documents
        at += 1 + n
    return number, opcode, command


def message(opcode, number, document):
    body = encode(document)
    head = struct.pack("<iqii", 8, 0, 0, 1) if opcode == OP_REPLY else struct.pack("<iB", 0, 0)
    return struct.pack("<iiii", 16 + len(head) + len(body), 1, number, opcode) + head + body


class Failed(RuntimeError):
    def __init__(self, answer):
        super().__init__(answer.get("errmsg", str(answer)))
        self.answer = answer


class Client:
    """A client of a server without users."""

    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.stream = socket.create_connection((address.hostname, address.port), 60)

    def exchange(self, command):
        self.stream.sendall(message(OP_MSG, 0, command))
        return read_message(self.stream)[2]

    def call(self, database, command):
        answer = self.exchange({**command, "$db": database})
        if answer.get("ok") != 1:
            raise Failed(answer)
        return answer

    def insert(self, database, collection, documents):
        for at in range(0, len(documents), 1000):
            answer = self.call(database, {"insert": collection, "documents": documents[at:at + 1000]})
            if answer.get("writeErrors"):
                raise RuntimeError(answer["writeErrors"])
