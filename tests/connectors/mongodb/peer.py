#!/usr/bin/env python3
"""What the test server lacks, in front of it: users, transactions, validators, hostile answers.

    peer.py run COMMAND…   starts it before the server at ROWHOUSE_TEST_MONGODB, runs the command with
                           ROWHOUSE_TEST_MONGODB_PEER set to its URL, stops; exits as the command did

It has one user, rowhouse with the password s3cret, and refuses all others (SCRAM-SHA-256). To the driver it
is the primary of a replica set. A transaction works on copies of the collections that it touches, which
take the originals' place when it is committed; it refuses what MongoDB would: a statement of a
transaction that was not begun, a second beginning, an unknown number. Validators ($jsonSchema with
required and bsonType) are kept, told by listCollections, and hold for what is inserted. Reading from a
collection of the database "hostile" gives the answer of that name.

The test server orders strings by UTF-16, MongoDB by code point: so U+E000 to U+FFFF are stored there as
U+10000 to U+11FFF, which no test uses, and come back as they were.
"""
import base64
import hashlib
import hmac
import os
import socketserver
import subprocess
import sys
import threading

from wire import OP_MSG, OP_QUERY, OP_REPLY, Binary, Client, Date, Failed, I32, Malformed, ObjectId, Raw, encode, \
    message, read_message

USER, PASSWORD, ROUNDS = "rowhouse", "s3cret", 4096
BEFORE_LOGIN = ("hello", "isMaster", "ismaster", "saslStart", "saslContinue", "ping")
TYPES = {"string": str, "bool": bool, "long": int, "int": I32, "double": float, "date": Date, "object": dict,
         "array": list, "objectId": ObjectId, "binData": Binary}


class Refused(Exception):
    def __init__(self, code, text, **more):
        super().__init__(text)
        self.answer = {"ok": 0.0, "code": I32(code), "errmsg": text, **more}


def is_of(value, name):
    if name == "null":
        return value is None
    if name == "decimal":
        return isinstance(value, Raw) and value.type == 19
    if value is True or value is False:
        return name == "bool"
    if name == "long":
        return isinstance(value, int) and not isinstance(value, I32)
    return isinstance(value, TYPES[name])


def is_valid(document, schema):
    if any(name not in document for name in schema.get("required", [])):
        return False
    for name, rule in schema.get("properties", {}).items():
        kinds = rule.get("bsonType")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if name in document and kinds and not any(is_of(document[name], kind) for kind in kinds):
            return False
        if name in document and document[name] is None and rule.get("not", {}).get("bsonType") == "null":
            return False
    return True


# ---- Hostile answers ---------------------------------------------------------------------------

def deep(depth):
    value = I32(1)
    for _ in range(depth):
        value = {"a": value}
    return value


def batch(documents, cursor=0, name="firstBatch"):
    return {"cursor": {"id": cursor, "ns": "hostile.x", name: documents}, "ok": 1.0}


def hostile(command):
    """The answer, or bytes that are sent as they are."""
    if "getMore" in command:
        name = command["collection"]
        return {"other_cursor": batch([], 78, "nextBatch"),
                "failing": {"ok": 0.0, "code": I32(43), "errmsg": "cursor id 77 not found"},
                "ending": b"", "flood": batch([{"_id": I32(1)}], 77, "nextBatch")}.get(name, batch([], 77, "nextBatch"))
    name = command.get("find", command.get("aggregate"))
    answers = {
        "deep": batch([{"_id": I32(1), "v": deep(150)}]),
        "no_cursor": {"ok": 1.0},
        "no_batch": {"cursor": {"id": 0, "ns": "hostile.x"}, "ok": 1.0},
        "no_documents": batch([I32(5)]),
        "other_cursor": batch([{"_id": I32(1)}], 77),
        "failing": batch([{"_id": I32(1)}], 77),
        "ending": batch([{"_id": I32(1)}], 77),
        "endless": batch([{"_id": I32(1)}], 77),  # and then nothing, again and again
        "flood": batch([{"_id": I32(1)}], 77),
        "types": batch([{"_id": I32(1), "v": I32(1)}, {"_id": I32(2), "v": "x"}, {"_id": I32(3), "v": [True]},
                        {"_id": I32(4), "v": Raw(255, b"")}, {"_id": I32(5), "v": Raw(11, b"a\0i\0")},
                        {"_id": I32(6), "v": Raw(2, b"\x03\0\0\0\xff\xfe\0")},
                        {"_id": I32(7), "v": Date(2**62)}, {"_id": I32(8), "v": ObjectId("0" * 23 + "a")}]),
    }
    if name in answers:
        return answers[name]
    if name == "cut":  # a document whose length is more than what is there
        good = message(OP_MSG, 0, batch([{"_id": I32(1), "v": "text"}]))
        return good.replace(encode({"_id": I32(1), "v": "text"})[:4], b"\xff\0\0\0")
    if name == "half":
        good = message(OP_MSG, 0, batch([{"_id": I32(1), "v": "text"}]))
        return good[:len(good) // 2]
    if name == "huge":  # a message of 2 GB
        return b"\xff\xff\xff\x7f" + message(OP_MSG, 0, batch([]))[4:]
    return batch([])


# ---- The server behind ---------------------------------------------------------------------------

THERE = {c: c + 0x2000 for c in range(0xE000, 0x10000)}
BACK = {there: here for here, there in THERE.items()}


def translate(value, table):
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, list):
        return [translate(v, table) for v in value]
    if isinstance(value, dict):
        return {k: translate(v, table) for k, v in value.items()}
    return value


class Upstream(Client):
    def exchange(self, command):
        return translate(super().exchange(translate(command, THERE)), BACK)


# ---- State --------------------------------------------------------------------------------------

class State:
    def __init__(self, upstream):
        self.upstream = upstream
        self.lock = threading.Condition()
        self.options = {}  # (database, collection) → options
        self.transactions = {}  # session → Transaction
        self.n = 0

    def number(self):
        with self.lock:
            self.n += 1
            return self.n


class Transaction:
    def __init__(self, number):
        self.number, self.open = number, True
        self.copies = {}  # (database, collection) → name of the copy
        self.changed = set()


class Connection(socketserver.BaseRequestHandler):
    def setup(self):
        self.state = self.server.state
        self.upstream = Upstream(self.state.upstream)
        self.user, self.login = None, None

    def finish(self):
        self.upstream.stream.close()

    def handle(self):
        try:
            while True:
                number, opcode, command = read_message(self.request)
                answer = self.answer(command)
                if isinstance(answer, bytes):
                    self.request.sendall(answer[:8] + number.to_bytes(4, "little") + answer[12:])
                    if len(answer) < int.from_bytes(answer[:4] or b"\1", "little"):
                        return
                    continue
                self.request.sendall(message(OP_REPLY if opcode == OP_QUERY else OP_MSG, number, answer))
        except (OSError, Malformed):
            pass

    def answer(self, command):
        name = next(iter(command))
        try:
            if name not in BEFORE_LOGIN and not self.user:
                raise Refused(13, f"command {name} requires authentication")
            if name in ("hello", "isMaster", "ismaster"):
                return self.hello()
            if name in ("saslStart", "saslContinue"):
                return getattr(self, name)(command)
            if command.get("$db") == "hostile" and name in ("find", "aggregate", "getMore"):
                return hostile(command)
            if name in ("endSessions", "ping"):
                return {"ok": 1.0}
            if "txnNumber" in command:
                return self.in_transaction(name, command)
            return self.forward(name, command)
        except Refused as refused:
            return refused.answer
        except Failed as failed:
            return failed.answer

    def hello(self):
        host = "%s:%d" % self.server.server_address
        return {"helloOk": True, "ismaster": True, "isWritablePrimary": True, "secondary": False, "setName": "rs",
                "setVersion": I32(1), "hosts": [host], "primary": host, "me": host, "maxBsonObjectSize": I32(1 << 24),
                "maxMessageSizeBytes": I32(48000000), "maxWriteBatchSize": I32(100000), "minWireVersion": I32(0),
                "maxWireVersion": I32(13), "logicalSessionTimeoutMinutes": I32(30), "readOnly": False,
                "saslSupportedMechs": ["SCRAM-SHA-256"], "ok": 1.0}

    # ---- SCRAM-SHA-256 (RFC 7677)

    def saslStart(self, command):
        if command["mechanism"] != "SCRAM-SHA-256":
            raise Refused(334, f"mechanism {command['mechanism']} is not available")
        bare = command["payload"].data.decode().split(",", 2)[2]
        fields = dict(part.split("=", 1) for part in bare.split(","))
        nonce, salt = fields["r"] + "peer", os.urandom(28)
        first = f"r={nonce},s={base64.b64encode(salt).decode()},i={ROUNDS}"
        self.login = (fields["n"], salt, bare + "," + first)
        return {"conversationId": I32(1), "done": False, "payload": Binary(0, first.encode()), "ok": 1.0}

    def saslContinue(self, command):
        if self.user:
            return {"conversationId": I32(1), "done": True, "payload": Binary(0, b""), "ok": 1.0}
        user, salt, said = self.login
        final = command["payload"].data.decode()
        without, proof = final.rsplit(",p=", 1)
        text = f"{said},{without}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, ROUNDS)

        def mac(key, data):
            return hmac.digest(key, data, "sha256")
        client = mac(salted, b"Client Key")
        expected = bytes(a ^ b for a, b in zip(client, mac(hashlib.sha256(client).digest(), text)))
        if user != USER or base64.b64decode(proof) != expected:
            raise Refused(18, "Authentication failed.")
        self.user = user
        verifier = base64.b64encode(mac(mac(salted, b"Server Key"), text))
        return {"conversationId": I32(1), "done": True, "payload": Binary(0, b"v=" + verifier), "ok": 1.0}

    # ---- Collections

    def call(self, database, command):
        return self.upstream.call(database, command)

    def forward(self, name, command):
        database = command.pop("$db")
        for own in ("lsid", "$clusterTime", "$readPreference"):
            command.pop(own, None)
        key = (database, command.get(name))
        options = self.state.options
        if name in ("insert", "update", "delete"):
            self.wait_for_transactions(key, command.pop("maxTimeMS", 60000))
        if name == "create" and "validator" in command:
            answer = self.call(database, {"create": command["create"]})
            options[key] = {k: v for k, v in command.items() if k.startswith("valid")}
            return answer
        if name == "insert" and key in options:
            return self.insert(database, command, options[key]["validator"]["$jsonSchema"])
        answer = self.upstream.exchange({**command, "$db": database})
        if answer.get("ok") != 1.0:
            return answer
        if name == "listCollections":
            known = [c for c in answer["cursor"]["firstBatch"] if "__tx" not in c["name"]]
            for collection in known:
                collection["options"] = options.get((database, collection["name"]), {})
            answer["cursor"]["firstBatch"] = known
        if name == "drop":
            options.pop(key, None)
        if name == "renameCollection":
            old, new = tuple(command[name].split(".", 1)), tuple(command["to"].split(".", 1))
            if old in options:
                options[new] = options.pop(old)
        return answer

    def insert(self, database, command, schema):
        errors, good = [], []
        for i, document in enumerate(command["documents"]):
            if is_valid(document, schema):
                good.append((i, document))
            else:
                errors.append({"index": I32(i), "code": I32(121), "errmsg": "Document failed validation"})
        answer = {"n": I32(0), "ok": 1.0}
        if good:
            answer = self.call(database, {**command, "documents": [document for _, document in good]})
            for error in answer.get("writeErrors", []):
                errors.append({**error, "index": I32(good[error["index"]][0])})
        if errors:
            answer["writeErrors"] = sorted(errors, key=lambda error: error["index"])
        return answer

    # ---- Transactions

    def in_transaction(self, name, command):
        session, number = command.pop("lsid")["id"].data, command.pop("txnNumber")
        if command.pop("autocommit", None) is not False:
            raise Refused(72, "txnNumber without autocommit: false")
        starts = command.pop("startTransaction", False)
        command.pop("readConcern", None)
        transaction = self.state.transactions.get(session)
        if starts:
            if transaction and transaction.open and transaction.number == number:
                raise Refused(117, "the transaction is in progress")
            transaction = self.state.transactions[session] = Transaction(number)
        if not transaction or transaction.number != number or not (transaction.open or name == "commitTransaction"):
            raise Refused(251, f"no transaction {number}", errorLabels=["TransientTransactionError"])
        if name in ("commitTransaction", "abortTransaction"):
            if command["$db"] != "admin":
                raise Refused(13, f"{name} may only be run against the admin database")
            return self.end(transaction, name == "commitTransaction")
        if name not in ("find", "aggregate", "insert", "update", "delete", "getMore", "killCursors",
                        "listCollections", "listIndexes", "count", "distinct", "findAndModify"):
            raise Refused(263, f"cannot run {name} in a multi-document transaction")
        if name in ("listCollections", "listIndexes", "count"):
            raise Refused(263, f"cannot run {name} in a multi-document transaction")
        field = "collection" if name == "getMore" else name
        original = command[field]
        copy = self.copy_of(transaction, command["$db"], original)
        if name in ("insert", "update", "delete", "findAndModify"):
            self.change(transaction, (command["$db"], original))
        schema = self.state.options.get((command["$db"], original), {}).get("validator", {}).get("$jsonSchema")
        command[field] = copy
        if name == "insert" and schema:
            database = command.pop("$db")
            answer = self.insert(database, command, schema)
        else:
            answer = self.forward(name, command)
        if answer.get("ok") != 1.0 or answer.get("writeErrors"):
            self.end(transaction, False)
        if "cursor" in answer:
            answer["cursor"]["ns"] = answer["cursor"]["ns"].replace(copy, original)
        return answer

    def wait_for_transactions(self, key, ms):
        def is_free():
            return not any(t.open and key in t.changed for t in self.state.transactions.values())
        with self.state.lock:
            if not self.state.lock.wait_for(is_free, ms / 1000):
                raise Refused(50, "operation exceeded time limit")

    def change(self, transaction, key):
        for other in self.state.transactions.values():
            if other is not transaction and other.open and key in other.changed:
                self.end(transaction, False)
                raise Refused(112, "WriteConflict error", errorLabels=["TransientTransactionError"])
        transaction.changed.add(key)

    def all_of(self, database, name):
        answer = self.call(database, {"find": name, "batchSize": 100000, "limit": 100000})
        return answer["cursor"]["firstBatch"]

    def copy_of(self, transaction, database, name):
        key = (database, name)
        if key not in transaction.copies:
            copy = f"{name}__tx{self.state.number()}"
            self.call(database, {"create": copy})
            for index in self.call(database, {"listIndexes": name})["cursor"]["firstBatch"]:
                if index["name"] != "_id_":
                    self.call(database, {"createIndexes": copy, "indexes": [index]})
            documents = self.all_of(database, name)
            if documents:
                self.upstream.insert(database, copy, documents)
            transaction.copies[key] = copy
        return transaction.copies[key]

    def end(self, transaction, commit):
        for (database, name), copy in transaction.copies.items():
            if commit and (database, name) in transaction.changed:
                documents, there = self.all_of(database, copy), self.all_of(database, name)
                gone = [{"q": {"_id": d["_id"]}, "limit": I32(1)} for d in there if d not in documents]
                new = [d for d in documents if d not in there]
                if gone:
                    self.call(database, {"delete": name, "deletes": gone})
                if new:
                    self.upstream.insert(database, name, new)
            self.call(database, {"drop": copy})
        with self.state.lock:
            transaction.copies, transaction.changed, transaction.open = {}, set(), False
            self.state.lock.notify_all()
        return {"ok": 1.0}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "run":
        sys.exit(__doc__)
    with Server(("127.0.0.1", 0), Connection) as server:
        server.state = State(os.environ["ROWHOUSE_TEST_MONGODB"])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"mongodb://{USER}:{PASSWORD}@127.0.0.1:{server.server_address[1]}"
        status = subprocess.run(sys.argv[2:], check=False,
                                env={**os.environ, "ROWHOUSE_TEST_MONGODB_PEER": url}).returncode
        server.shutdown()
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
