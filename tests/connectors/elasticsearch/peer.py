#!/usr/bin/env python3
"""A part of the API of Elasticsearch 8 and OpenSearch 2, for tests: state, and the refusals of the real ones.

    peer.py run COMMAND…   runs the command with ROWHOUSE_TEST_ELASTICSEARCH and ROWHOUSE_TEST_OPENSEARCH set to
                           http://127.0.0.1:PORT; exits as the command did

Both have the same indices; OpenSearch has no points in time here. The user "elastic" has the password
"s3cret", the API key is "c2VjcmV0". Written from the public description of the API:

    PUT, DELETE, GET /INDEX                   _mapping, _alias, POST /_aliases
    POST /INDEX/_bulk, _mget, _search, _count, _refresh, _pit; DELETE /_pit; /_search/scroll

What they refuse is refused: unknown parameters, members and clauses (400), another Content-Type (406), no
credentials (401), a sort by an analysed text, a window above 10 000, a point in time that has ended (404). Searches
see what has been refreshed.

For tests, without credentials: POST /-/faults takes a list of {"path": part of it, "times", …}, each used up in turn:
{"status", "body", "type", "headers"}, {"cut": bytes}, {"drop": "before" or "after"}, {"gzip": bytes of spaces},
{"expire": true}: all points in time end first. GET /-/log: [method, target, body, status], since /-/faults.
"""
import base64
import datetime
import fnmatch
import gzip
import http.server
import json
import math
import os
import re
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

LOCK = threading.RLock()
INDICES, ALIASES, PITS, SCROLLS, FAULTS, LOG = {}, {}, {}, {}, [], []
WINDOW = 10000
BASIC = "Basic " + base64.b64encode(b"elastic:s3cret").decode()
KEY = "ApiKey c2VjcmV0"
WHOLE = {"long": 63, "integer": 31, "short": 15, "byte": 7}
ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d([.,]\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$")


class Refused(Exception):
    def __init__(self, status, kind, reason):
        super().__init__(reason)
        self.status, self.kind, self.reason = status, kind, reason

    def error(self):
        cause = {"type": self.kind, "reason": self.reason}
        return {"error": {"root_cause": [cause], **cause}, "status": self.status}


def bad(reason, kind="illegal_argument_exception"):
    return Refused(400, kind, reason)


def only(body, *known):
    for name in body:
        if name not in known:
            raise bad(f"unknown key [{name}]", "parsing_exception")


# ---- Values in the index ---------------------------------------------------------------------

def milliseconds(value):
    if isinstance(value, bool):
        raise bad("failed to parse date field", "document_parsing_exception")
    if isinstance(value, (int, float)):
        return int(value)
    if re.fullmatch(r"-?\d{5,}", value):
        return int(value)
    if not ISO.match(value):
        raise bad(f"failed to parse date field [{value}]", "document_parsing_exception")
    text = re.sub(r"[.,](\d{1,3})\d*", lambda m: "." + m.group(1).ljust(3, "0"), value.replace("Z", "+00:00"))
    text = re.sub(r"([+-]\d\d)$", r"\1:00", text) if "T" in text else text
    when = datetime.datetime.fromisoformat(text)
    when = when if when.tzinfo else when.replace(tzinfo=datetime.timezone.utc)
    return (when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def indexed(field, value):
    """The value as the index has it; None: it is not in there."""
    kind = field["type"]
    try:
        if kind in ("keyword", "text"):
            if isinstance(value, (dict, list)):
                raise ValueError
            text = json.dumps(value) if not isinstance(value, str) else value
            if kind == "text":
                return text.lower().split()
            if len(text.encode("utf-16-le")) // 2 > field.get("ignore_above", 1 << 31):
                return None
            if len(text.encode()) > 32766:
                raise ValueError
            return text.lower() if "normalizer" in field else text
        if kind == "boolean":
            return {True: True, False: False, "true": True, "false": False, "": False}[value]
        if isinstance(value, bool):
            raise ValueError
        if kind == "date":
            return milliseconds(value)
        if kind in WHOLE or kind == "unsigned_long":
            whole = int(value) if not isinstance(value, str) else int(float(value)) if "." in value else int(value)
            low, high = (0, 1 << 64) if kind == "unsigned_long" else (-(1 << WHOLE[kind]), 1 << WHOLE[kind])
            if not low <= whole < high:
                raise ValueError
            return whole
        number = float(value)
        if kind == "scaled_float":
            return round(number * field["scaling_factor"]) / field["scaling_factor"]
        code = {"double": "d", "float": "f", "half_float": "e"}[kind]
        return struct.unpack(code, struct.pack(code, number))[0]
    except (ValueError, TypeError, KeyError, OverflowError, struct.error):
        raise bad(f"failed to parse field of type [{kind}]", "document_parsing_exception") from None


def flat(value):
    if isinstance(value, list):
        return [element for one in value for element in flat(one)]
    return [value]


def guess(value):
    """Dynamic mapping."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "long"}
    if isinstance(value, float):
        return {"type": "float"}
    if isinstance(value, dict):
        return {"properties": {}}
    if ISO.match(value):
        return {"type": "date"}
    return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}


class Index:
    def __init__(self, name, mappings):
        self.name, self.seq = name, -1
        self.mappings = {"properties": {}, **mappings}
        self.docs, self.shown = {}, {}  # id: (seq_no, source, terms)

    def field(self, path):
        """What can be asked by that name; None."""
        at = self.mappings
        for part in path.split("."):
            at = at.get("properties", {}).get(part) or at.get("fields", {}).get(part)
            if at is None:
                return None
        return at

    def analyse(self, source):
        terms = {}
        self.walk("", self.mappings, source, terms, True)
        return terms

    def walk(self, prefix, mapping, source, terms, dynamic):
        dynamic = mapping.get("dynamic", dynamic)
        for name, value in source.items():
            values = [v for v in flat(value) if v is not None]
            if not name:
                raise bad("field name cannot be an empty string", "document_parsing_exception")
            if name not in mapping.setdefault("properties", {}):
                if not values or dynamic is False:
                    continue
                if dynamic == "strict":
                    raise bad(f"[1:1] mapping set to strict, dynamic introduction of [{name}] within "
                              f"[{prefix[:-1] or '_doc'}] is not allowed", "strict_dynamic_mapping_exception")
                mapping["properties"][name] = guess(values[0])
            field, path = mapping["properties"][name], prefix + name
            if "type" not in field:
                if any(not isinstance(v, dict) for v in values):
                    raise bad(f"object mapping for [{path}] tried to parse field as object, but found a concrete value",
                              "document_parsing_exception")
                for one in values:
                    self.walk(path + ".", field, one, terms, dynamic)
                continue
            self.add_terms(path, field, value, values, terms)

    def add_terms(self, path, field, whole, values, terms):
        if field["type"] in ("nested", "flattened", "binary", "date_nanos", "ip", "object"):
            return
        if whole is None and "null_value" in field:
            values = [field["null_value"]]
        for name, one in [(path, field), *((f"{path}.{sub}", what) for sub, what in field.get("fields", {}).items())]:
            for value in values:
                term = indexed(one, value)
                if term is not None:
                    terms.setdefault(name, []).extend(term if isinstance(term, list) else [term])

    def store(self, key, source):
        terms = self.analyse(source)
        self.seq += 1
        self.docs[key] = (self.seq, source, terms)
        return self.seq


# ---- Queries ---------------------------------------------------------------------------------

def literal(field, value, parameters):
    if field["type"] == "date" and parameters.get("format") == "epoch_millis":
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad("failed to parse date field", "parse_exception")
        return value
    if field["type"] in WHOLE and isinstance(value, float) and value != int(value):
        return value
    term = indexed({k: v for k, v in field.items() if k != "ignore_above"}, value)
    return term


def asked(index, name):
    field = index.field(name)
    if field and "type" in field and field.get("index") is False and field["type"] != "text":
        raise bad(f"Cannot search on field [{name}] since it is not indexed.", "query_shard_exception")
    return field if field and "type" in field else None


def single(body):
    if len(body) != 1:
        raise bad("[query] malformed query, expected one field", "parsing_exception")
    (name, value), = body.items()
    return name, value


def compile_terms(index, body):
    name, values = single(body)
    field = asked(index, name)
    if not isinstance(values, list) or len(values) > 65536:
        raise bad("[terms] query requires an array", "parsing_exception")
    if not field:
        return lambda key, terms: False
    if field["type"] == "text":
        values = [{str(v)} for v in values]
        return lambda key, terms: any(t in v for t in terms.get(name, []) for v in values)
    wanted = [literal(field, v, {}) for v in values]
    return lambda key, terms: any(t in wanted for t in terms.get(name, []))


def compile_range(index, body):
    name, bounds = single(body)
    only(bounds, "gt", "gte", "lt", "lte", "format", "time_zone", "boost", "relation")
    field = asked(index, name)
    if not field:
        return lambda key, terms: False
    if "format" in bounds and field["type"] != "date":
        raise bad(f"Field [{name}] of type [{field['type']}] does not support custom formats")
    if field["type"] == "boolean" or field["type"] == "text":
        raise bad(f"range on [{field['type']}]")
    tests = []
    for word, test in {"gt": lambda t, v: t > v, "gte": lambda t, v: t >= v, "lt": lambda t, v: t < v,
                       "lte": lambda t, v: t <= v}.items():
        if word in bounds:
            value = literal(field, bounds[word], bounds)
            value = value.encode() if isinstance(value, str) else value
            tests.append((test, value))
    return lambda key, terms: any(all(test(t.encode() if isinstance(t, str) else t, v) for test, v in tests)
                                  for t in terms.get(name, []))


def pattern_of(text):
    out, i = "", 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text):
            i += 1
            out += re.escape(text[i])
        else:
            out += {"*": ".*", "?": "."}.get(text[i], re.escape(text[i]))
        i += 1
    return re.compile(out, re.S)


def compile_match(kind, index, body):
    name, what = single(body)
    only(what, "value", "boost", "rewrite", "case_insensitive")
    field = asked(index, name)
    if field and field["type"] not in ("keyword", "text"):
        raise bad(f"Can only use {kind} queries on keyword, text and wildcard fields - not on [{name}]",
                  "query_shard_exception")
    if kind == "prefix":
        return lambda key, terms: any(t.startswith(what["value"]) for t in terms.get(name, []))
    pattern = pattern_of(what["value"])
    return lambda key, terms: any(pattern.fullmatch(t) for t in terms.get(name, []))


def compile_bool(index, body, depth):
    only(body, "filter", "must", "must_not", "should", "minimum_should_match", "boost")
    lists = {name: [compile_query(index, q, depth + 1) for q in (value if isinstance(value, list) else [value])]
             for name, value in body.items() if name in ("filter", "must", "must_not", "should")}
    if sum(len(v) for v in lists.values()) > 1024:
        raise bad("maxClauseCount is set to 1024", "too_many_nested_clauses")
    musts = lists.get("filter", []) + lists.get("must", [])
    nots, shoulds = lists.get("must_not", []), lists.get("should", [])
    least = body.get("minimum_should_match", 0 if musts or not shoulds else 1)
    return lambda key, terms: all(q(key, terms) for q in musts) and not any(q(key, terms) for q in nots) and \
        sum(q(key, terms) for q in shoulds) >= least


def compile_query(index, query, depth=0):
    if depth > 30:
        raise bad("The nested depth of the query exceeds the maximum nested depth for queries set in "
                  "[indices.query.bool.max_nested_depth]")
    if not isinstance(query, dict):
        raise bad("query malformed, must start with start_object", "parsing_exception")
    kind, body = single(query)
    if kind == "match_all":
        only(body, "boost")
        return lambda key, terms: True
    if kind == "bool":
        return compile_bool(index, body, depth)
    if kind == "ids":
        only(body, "values", "boost")
        return lambda key, terms: key in body["values"]
    if kind == "exists":
        only(body, "field", "boost")
        return lambda key, terms: any(n == body["field"] or n.startswith(body["field"] + ".") for n in terms)
    if kind == "terms":
        return compile_terms(index, body)
    if kind == "range":
        return compile_range(index, body)
    if kind in ("prefix", "wildcard"):
        return compile_match(kind, index, body)
    raise bad(f"unknown query [{kind}]", "parsing_exception")


# ---- Searches --------------------------------------------------------------------------------

def resolve(names):
    """Indices for names, patterns and aliases between commas."""
    found = []
    for name in names.split(","):
        if "*" in name:
            found += [i for i in INDICES if fnmatch.fnmatchcase(i, name)]
            found += [i for a, of in ALIASES.items() if fnmatch.fnmatchcase(a, name) for i in of]
        elif name in ALIASES:
            found += ALIASES[name]
        elif name in INDICES:
            found.append(name)
        else:
            raise Refused(404, "index_not_found_exception", f"no such index [{name}]")
    return [INDICES[name] for name in sorted(set(found))]


def sort_keys(indices, body, in_pit, scroll):
    """(name, descending, missing first) of each; _shard_doc and _doc have no field."""
    keys = []
    for one in body.get("sort", []):
        name, how = (one, {}) if isinstance(one, str) else single(one)
        only(how, "order", "missing", "unmapped_type", "mode")
        if name == "_shard_doc" and not in_pit:
            raise bad("[_shard_doc] sort field cannot be used without [point in time]",
                      "action_request_validation_exception")
        if name not in ("_shard_doc", "_doc"):
            for index in indices:
                field = index.field(name)
                if not field:
                    raise bad(f"No mapping found for [{name}] in order to sort on", "query_shard_exception")
                if field.get("type") == "text":
                    raise bad(f"Fielddata is disabled on [{name}]. Text fields are not optimised for operations that"
                              " require per-document field data like aggregations and sorting")
                if field.get("doc_values") is False:
                    raise bad(f"Can't load fielddata on [{name}] because fielddata is unsupported")
        keys.append((name, how.get("order", "asc") == "desc", how.get("missing", "_last") == "_first"))
    if in_pit:
        keys.append(("_shard_doc", False, False))
    return keys


def position(hit, keys):
    """What a document is sorted by, and what the answer says it was."""
    order, told = [], []
    for name, desc, first in keys:
        if name in ("_shard_doc", "_doc"):
            order.append((1, hit["at"]))
            told.append(hit["at"])
            continue
        values = [v.encode() if isinstance(v, str) else v for v in hit["terms"].get(name, [])]
        if not values:
            order.append((0 if first else 2, 0))
            told.append(None)
            continue
        value = max(values) if desc else min(values)
        told.append(value.decode() if isinstance(value, bytes) else value)
        order.append((1, Reverse(value) if desc else value))
    return order, told


class Reverse:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return other.value < self.value

    def __eq__(self, other):
        return self.value == other.value


def comes_after(order, after, keys):
    for mine, theirs, (_, desc, first) in zip(order, after, keys):
        if isinstance(theirs, str):
            theirs = theirs.encode()
        wanted = (0 if first else 2, 0) if theirs is None else (1, Reverse(theirs) if desc else theirs)
        if mine != wanted:
            return wanted < mine
    return False


def snapshot(indices):
    hits, at = [], 0
    for index in indices:
        for key, (seq, source, terms) in index.shown.items():
            hits.append({"index": index, "id": key, "seq": seq, "source": source, "terms": terms, "at": at})
            at += 1
    return hits


def filtered(source, wanted):
    if wanted is False:
        return None
    if wanted in (True, None):
        return source
    if not isinstance(wanted, list):
        raise bad("Expected one of [VALUE_BOOLEAN, START_OBJECT, START_ARRAY]", "parsing_exception")
    return {k: v for k, v in source.items() if any(fnmatch.fnmatchcase(k, w) or w.startswith(k + ".") for w in wanted)}


def answer_hits(hits, body, keys, total):
    shown = []
    for hit in hits:
        one = {"_index": hit["index"].name, "_id": hit["id"], "_score": None}
        source = filtered(hit["source"], body.get("_source"))
        if source is not None:
            one["_source"] = source
        if body.get("seq_no_primary_term"):
            one.update(_seq_no=hit["seq"], _primary_term=1)
        if keys:
            one["sort"] = position(hit, keys)[1]
        shown.append(one)
    answer = {"took": 1, "timed_out": False, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
              "hits": {"max_score": None, "hits": shown}}
    if body.get("track_total_hits", True):
        answer["hits"]["total"] = {"value": total, "relation": "eq"}
    return answer


def search(names, parameters, body, opensearch):
    only(body, "query", "size", "from", "sort", "_source", "track_total_hits", "seq_no_primary_term", "pit",
         "search_after", "timeout")
    size, pit = body.get("size", 10), body.get("pit")
    if size + body.get("from", 0) > WINDOW:
        raise bad(f"Result window is too large, from + size must be less than or equal to: [{WINDOW}] but was [{size}]")
    if pit:
        only(pit, "id", "keep_alive")
        if opensearch or names or "scroll" in parameters:
            raise bad("[indices] cannot be used with point in time", "action_request_validation_exception")
        if pit["id"] not in PITS:
            raise Refused(404, "search_phase_execution_exception", "No search context found for id [1]")
        hits, indices = PITS[pit["id"]]
    else:
        indices = resolve(names)
        hits = snapshot(indices)
    if "search_after" in body and ("scroll" in parameters or not body.get("sort")):
        raise bad("Sort must contain at least one field.")
    keys = sort_keys(indices, body, bool(pit), "scroll" in parameters)
    tests = {index.name: compile_query(index, body.get("query", {"match_all": {}})) for index in indices}
    hits = [h for h in hits if tests[h["index"].name](h["id"], h["terms"])]
    hits = sorted(hits, key=lambda h: position(h, keys)[0]) if keys else hits
    if "search_after" in body:
        if len(body["search_after"]) != len(keys):
            raise bad("search_after has the wrong number of values")
        hits = [h for h in hits if comes_after(position(h, keys)[0], body["search_after"], keys)]
    answer = answer_hits(hits[:size], body, keys, len(hits))
    if pit:
        answer["pit_id"] = pit["id"]
    if "scroll" in parameters:
        token = "scroll-" + uuid.uuid4().hex
        SCROLLS[token] = [hits[size:], body, size]
        answer["_scroll_id"] = token
    return answer


def scroll_on(body):
    only(body, "scroll", "scroll_id")
    if body.get("scroll_id") not in SCROLLS:
        raise Refused(404, "search_context_missing_exception", "No search context found for id [1]")
    state = SCROLLS[body["scroll_id"]]
    hits, state[0] = state[0][:state[2]], state[0][state[2]:]
    return {**answer_hits(hits, state[1], [], len(hits)), "_scroll_id": body["scroll_id"]}


# ---- Documents -------------------------------------------------------------------------------

def bulk_one(index, action, meta, source):
    only(meta, "_id", "if_seq_no", "if_primary_term", "_index", "require_alias")
    key = meta.get("_id")
    if key == "" or key is not None and (not isinstance(key, str) or len(key.encode()) > 512):
        raise bad("if _id is specified it must not be empty, nor longer than 512 bytes")
    there = index.docs.get(key)
    if "if_seq_no" in meta and (not there or there[0] != meta["if_seq_no"] or meta.get("if_primary_term") != 1):
        if there or action != "delete":
            raise Refused(409, "version_conflict_engine_exception", f"[{key}]: version conflict, required seqNo")
    if action == "create" and there:
        raise Refused(409, "version_conflict_engine_exception", f"[{key}]: version conflict, document already exists")
    if action == "delete":
        index.docs.pop(key, None)
        index.seq += bool(there)
        return {"_id": key, "result": "deleted" if there else "not_found", "_seq_no": index.seq, "_primary_term": 1,
                "status": 200 if there else 404}
    if not isinstance(source, dict):
        raise bad("failed to parse", "document_parsing_exception")
    key = key or uuid.uuid4().hex[:20]
    return {"_id": key, "result": "updated" if there else "created", "_seq_no": index.store(key, source),
            "_primary_term": 1, "status": 200 if there else 201}


def bulk(name, parameters, text):
    (index,) = resolve(name)
    if not text.endswith("\n"):
        raise bad("The bulk request must be terminated by a newline [\\n]")
    lines, items = [json.loads(line) for line in text.split("\n") if line], []
    while lines:
        action, meta = single(lines.pop(0))
        if action not in ("index", "create", "delete"):
            raise bad(f"Malformed action/metadata line, found [{action}]")
        source = lines.pop(0) if action != "delete" else None
        try:
            outcome = bulk_one(index, action, meta, source)
        except Refused as refused:
            outcome = {"_id": meta.get("_id"), "status": refused.status,
                       "error": refused.error()["error"]["root_cause"][0]}
        items.append({action: {"_index": index.name, **outcome}})
    if parameters.get("refresh") not in (None, "false"):
        index.shown = dict(index.docs)
    return {"took": 1, "errors": any("error" in list(i.values())[0] for i in items), "items": items}


def mget(name, body):
    only(body, "ids")
    if not body.get("ids"):
        raise bad("Validation Failed: 1: no documents to get;", "action_request_validation_exception")
    (index,) = resolve(name)
    docs = []
    for key in body["ids"]:
        there = index.docs.get(key)
        docs.append({"_index": index.name, "_id": key, "found": False} if not there else
                    {"_index": index.name, "_id": key, "_version": 1, "_seq_no": there[0], "_primary_term": 1,
                     "found": True, "_source": there[1]})
    return {"docs": docs}


# ---- The API ---------------------------------------------------------------------------------

PARAMETERS = {"_mapping": {"ignore_unavailable", "expand_wildcards", "allow_no_indices"},
              "_alias": {"ignore_unavailable", "expand_wildcards", "allow_no_indices"},
              "_search": {"allow_partial_search_results", "scroll"}, "_pit": {"keep_alive"}, "_bulk": {"refresh"}}


def on_index(method, name, what, parameters, body, opensearch):
    if what is None and method == "PUT":
        if name in INDICES:
            raise bad(f"index [{name}] already exists", "resource_already_exists_exception")
        if name != name.lower() or re.search(r'[\\/*?"<>| ,#:]', name) or name[0] in "-_+":
            raise bad(f"Invalid index name [{name}]", "invalid_index_name_exception")
        only(body, "mappings", "settings", "aliases")
        INDICES[name] = Index(name, body.get("mappings", {}))
        return {"acknowledged": True, "index": name}
    if what is None and method == "DELETE":
        resolve(name)
        del INDICES[name]
        for alias in [a for a, of in ALIASES.items() if name in of]:
            ALIASES[alias].remove(name)
            if not ALIASES[alias]:
                del ALIASES[alias]
        return {"acknowledged": True}
    if what == "_mapping" and method == "GET":
        return {i.name: {"mappings": i.mappings} for i in resolve(name)}
    if what == "_alias" and method == "GET":
        return {i.name: {"aliases": {a: {} for a, of in ALIASES.items() if i.name in of}} for i in resolve(name)}
    if what == "_refresh":
        for index in resolve(name):
            index.shown = dict(index.docs)
        return {"_shards": {"total": 1, "successful": 1, "failed": 0}}
    if what == "_bulk" and method in ("POST", "PUT"):
        return bulk(name, parameters, body)
    if what == "_mget":
        return mget(name, body)
    if what == "_search":
        return search(name, parameters, body, opensearch)
    if what == "_count":
        only(body, "query")
        hits = search(name, {}, {**body, "size": 0, "track_total_hits": True}, opensearch)
        return {"count": hits["hits"]["total"]["value"], "_shards": hits["_shards"]}
    if what == "_pit" and method == "POST" and not opensearch:
        if "keep_alive" not in parameters:
            raise bad("[keep_alive] is required", "action_request_validation_exception")
        indices = resolve(name)
        token = "pit-" + uuid.uuid4().hex
        PITS[token] = (snapshot(indices), indices)
        return {"id": token}
    raise Refused(405, "illegal_argument_exception", f"Incorrect HTTP method or path [{method} {name}/{what}]")


def serve(method, path, parameters, body, opensearch):
    parts = [urllib.parse.unquote(p) for p in path.strip("/").split("/") if p]
    if not parts:
        return {"name": "peer", "version": {"number": "2.11.0", "distribution": "opensearch"} if opensearch
                else {"number": "8.15.0"}, "tagline": "You Know, for Search"}
    what = parts[0] if parts[0].startswith("_") else parts[1] if len(parts) > 1 else None
    for name in parameters:
        if name not in PARAMETERS.get(what, ()):
            raise bad(f"request [{path}] contains unrecognized parameter: [{name}]")
    if parts == ["_aliases"] and method == "POST":
        for action in body["actions"]:
            resolve(action["add"]["index"])
            ALIASES.setdefault(action["add"]["alias"], []).append(action["add"]["index"])
        return {"acknowledged": True}
    if parts == ["_search"]:
        return search(None, parameters, body, opensearch)
    if parts == ["_search", "scroll"] and method == "POST":
        return scroll_on(body)
    if parts == ["_search", "scroll"] and method == "DELETE":
        return {"succeeded": all(SCROLLS.pop(t, None) is not None for t in body["scroll_id"])}
    if parts == ["_pit"] and method == "DELETE" and not opensearch:
        return {"succeeded": PITS.pop(body["id"], None) is not None, "num_freed": 1}
    if parts[0].startswith("_") or len(parts) > 2:
        raise bad(f"no handler found for uri [{path}] and method [{method}]")
    return on_index(method, parts[0], what, parameters, body, opensearch)


class Peer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def log_message(self, *arguments):
        pass

    def send(self, status, body, headers=(), cut=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"X-elastic-product": "Elasticsearch", "Content-Type": "application/json",
                            "Content-Length": len(data), **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data[:cut])

    def control(self, method, path, body):
        if method == "POST" and path == "/-/faults":
            FAULTS[:] = json.loads(body)
            LOG.clear()
        self.send(200, LOG if path == "/-/log" else {"pits": len(PITS), "scrolls": len(SCROLLS)})

    def check(self, text, path):
        kind = self.headers.get("Content-Type", "").split(";")[0]
        if self.headers.get("Authorization") not in (BASIC, KEY):
            raise Refused(401, "security_exception", "missing authentication credentials for REST request [/]")
        if text and kind != "application/json" and not (path.endswith("_bulk") and kind == "application/x-ndjson"):
            raise Refused(406, "media_type_header_exception", f"Content-Type header [{kind}] is not supported")
        if path.endswith("_bulk"):
            return text
        try:
            return json.loads(text) if text else {}
        except ValueError:
            raise bad("json_parse_exception", "x_content_parse_exception") from None

    def do(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/-/"):
            with LOCK:
                return self.control(self.command, url.path, text)
        with LOCK:
            fault = FAULTS[0] if FAULTS and FAULTS[0].get("path", "") in self.path else None
            if fault:
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    FAULTS.pop(0)
            status = self.answer(url, text, fault or {})
            LOG.append([self.command, self.path, text, status])
        self.close_connection = self.close_connection or status is None
        return None

    do_GET = do_POST = do_PUT = do_DELETE = do

    def answer(self, url, text, fault):
        if fault.get("drop") == "before":
            return None
        if fault.get("expire"):
            PITS.clear()
            SCROLLS.clear()
        headers = list(fault.get("headers", {}).items())
        if "gzip" in fault:
            self.send(200, gzip.compress(b" " * fault["gzip"]), [("Content-Encoding", "gzip")])
            return 200
        if "body" in fault or "status" in fault:
            body = fault.get("body", '{"error":{"type":"x","reason":"it fails"}}')
            if "type" in fault:
                headers.append(("Content-Type", fault["type"]))
            self.send(fault.get("status", 200), body.encode("latin-1"), headers)
            return fault.get("status", 200)
        try:
            body = self.check(text, url.path)
            value, status = serve(self.command, url.path, dict(urllib.parse.parse_qsl(url.query)), body,
                                  self.server.opensearch), 200
        except Refused as refused:
            value, status = refused.error(), refused.status
        if fault.get("drop") == "after":
            return None
        if "set" in fault:
            value.update(fault["set"])
        challenge = [("WWW-Authenticate", 'Basic realm="security"')] if status == 401 else []
        self.send(status, value, challenge, fault.get("cut"))
        return None if "cut" in fault else status


def start(opensearch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.daemon_threads, server.opensearch = True, opensearch
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "run":
        sys.exit(__doc__)
    environment = dict(os.environ, ROWHOUSE_TEST_ELASTICSEARCH=start(False), ROWHOUSE_TEST_OPENSEARCH=start(True))
    sys.exit(subprocess.run(sys.argv[2:], env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
