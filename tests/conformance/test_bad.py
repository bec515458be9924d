"""Every test of the suite can fail: each bad connector breaks one rule, and the tests that its
opening comment names must say so. Tests of rules that it keeps must not.

ROWHOUSE_CONFORMANCE_FULL=1 runs the whole suite on every bad connector, to see what else it fails.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest

import fill

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ["ROWHOUSE_BUILD"])
FULL = os.environ.get("ROWHOUSE_CONFORMANCE_FULL")
NO_HEAP = "malloc does not tell what it has given out"  # under sanitizers
FAILED = {"fail", "crash", "time-out"}
# Quick tests of rules that have nothing to do with each other; a bad connector fails none of them
# but those of its own suite, and of those that it names as `also`.
OTHERS = ["load/schema", "abi/newer-host", "introspection/same", "cursors/finish-early",
          "hygiene/directory", "ddl/exists"]


class Bad:
    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.name = path.stem
        self.base = re.search(r"^ \* base: (\w+)$", text, re.M)[1]
        self.fails = re.search(r"^ \* fails: (.+)$", text, re.M)[1].split()
        also = re.search(r"^ \* also: (.+)$", text, re.M)
        self.also = also[1].split() if also else []
        timeout = re.search(r"^ \* timeout: (\d+)$", text, re.M)
        self.timeout = timeout[1] if timeout else "60"


BADS = [Bad(path) for path in sorted((HERE / "bad").glob("bad_*.c"))]


def run(*words):
    return subprocess.run([BUILD / "bin" / "rowhouse", "connector", "check", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)


def check(plugin, config, tests, timeout):
    words = [plugin, "--config", config, "--format", "json", "--seed", "7", "--timeout", timeout]
    for test in tests:
        words += ["--test", test]
    ran = run(*words)
    report = json.loads(ran.stdout)
    assert ran.returncode == (0 if report["passed"] else 1)
    return {test["test"]: test for test in report["tests"]}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The path of the base's configuration, with a folder of its own."""
    made = {}

    def make(base):
        if base not in made:
            tmp = tmp_path_factory.mktemp(base)
            made[base] = tmp / "config.json"
            try:
                made[base].write_text(fill.fill(HERE / "configs" / f"{base}.json", str(tmp)))
            except fill.Missing as missing:
                made[base] = str(missing)
        if isinstance(made[base], str):
            pytest.skip(made[base])
        return made[base]
    return make


@pytest.mark.parametrize("bad", BADS, ids=lambda bad: bad.name)
def test_is_caught(bad, config):
    others = [test for test in OTHERS if test not in bad.fails]
    tests = [] if FULL else bad.fails + others
    report = check(BUILD / "bad-connectors" / f"{bad.name}.so", config(bad.base), tests, bad.timeout)
    missed = {test: report[test]["outcome"] for test in bad.fails
              if report[test]["outcome"] not in FAILED and report[test]["message"] != NO_HEAP}
    assert not missed, "tests that must fail and do not"
    if FULL:
        print(bad.name, "fails", [name for name, test in report.items() if test["outcome"] in FAILED])
        return
    suites = {test.split("/")[0] for test in bad.fails} | set(bad.also)
    for test in others:
        assert test.split("/")[0] in suites or report[test]["outcome"] not in FAILED, \
            f"{test}: {report[test]['message']}"


def test_every_test_can_fail():
    listed = {line.split("\t")[0] for line in run("--list").stdout.decode().splitlines()}
    caught = {test for bad in BADS for test in bad.fails}
    assert listed - caught == set(), "tests that no bad connector fails"
    assert caught - listed == set(), "tests that are not there"
