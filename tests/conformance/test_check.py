"""`rowhouse connector check` as people use it: formats, levels, deviations, exit status."""
import json
import os
import pathlib
import subprocess
import xml.etree.ElementTree as ET

import pytest

BUILD = pathlib.Path(os.environ["ROWHOUSE_BUILD"])
MEMORY = BUILD / "plugins" / "memory.so"
SQLITE = BUILD / "plugins" / "sqlite.so"
BAD = BUILD / "bad-connectors" / "bad_error_after_end.so"
NOTHING = {"wrong_credentials": None, "unreachable": None, "through": None, "slow": None,
           "echo": None}


def check(*words, cwd=None):
    return subprocess.run([BUILD / "bin" / "rowhouse", "connector", "check", *words],
                          capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def write(tmp_path):
    def write_json(name, value):
        (tmp_path / name).write_text(json.dumps(value))
        return str(tmp_path / name)
    return write_json


@pytest.fixture
def memory(write):
    return write("memory.json", {"settings": {"name": "check"}, **NOTHING})


@pytest.fixture
def sqlite(write, tmp_path):
    return write("sqlite.json", {"settings": {"path": str(tmp_path / "check.db")}, **NOTHING})


def test_lists_its_tests():
    done = check("--list")
    assert done.returncode == 0
    assert all(len(line.split("\t")) == 2 for line in done.stdout.splitlines())
    assert "cursors/end\t" in done.stdout


def test_without_a_source_only_what_needs_none_is_tested():
    done = check(MEMORY, "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["level"] == report["claimed"] == "LOADABLE"
    outcomes = {test["test"]: test["outcome"] for test in report["tests"]}
    assert outcomes["load/loads"] == "pass" and outcomes["cursors/end"] == "unproven"


def test_reaches_the_level_that_is_claimed(memory):
    done = check(MEMORY, "--config", memory, "--suite", "cursors", "--test", "write/insert")
    assert done.returncode == 0, done.stdout
    assert "level WRITE (it claims: read write" in done.stdout


def test_a_failure_costs_the_level(sqlite):
    done = check(BAD, "--config", sqlite, "--suite", "cursors", "--suite", "write")
    assert done.returncode == 1
    assert "level LOADABLE of WRITE" in done.stdout
    assert "cursors/end" in done.stderr


def test_a_deviation_is_allowed_and_shown(sqlite, write):
    declared = write("deviations.json", {"cursors/end": "END is said once"})
    done = check(BAD, "--config", sqlite, "--suite", "cursors", "--deviations", declared)
    assert done.returncode == 0, done.stdout
    assert "deviation   cursors/end" in done.stdout and "END is said once" in done.stdout


def test_a_deviation_that_passes_is_a_failure(sqlite, write):
    declared = write("deviations.json", {"cursors/end": "END is said once", "cursors/empty": "none"})
    words = [BAD, "--config", sqlite, "--suite", "cursors", "--deviations", declared]
    done = check(*words)
    assert done.returncode == 1
    assert "undeviating cursors/empty" in done.stdout and "declared to fail, but passes" in done.stdout
    assert "1 failed, 1 deviations" in done.stdout and "level LOADABLE" not in done.stdout
    tap = check(*words, "--format", "tap").stdout
    assert any(line.startswith("not ok") and "cursors/empty" in line for line in tap.splitlines())


def test_a_deviation_may_be_of_one_way_only(sqlite, write):
    words = [BAD, "--config", sqlite, "--test", "cursors/end", "--deviations"]
    declared = write("isolated.json", {"cursors/end": {"isolated": "END is said once"}})
    assert check(*words, declared).returncode == 1
    declared = write("in-process.json", {"cursors/end": {"in-process": "END is said once"}})
    done = check(*words, declared)
    assert done.returncode == 0, done.stdout
    assert "deviation   cursors/end" in done.stdout
    done = check(*words, declared, "--isolated")  # where the host itself says END again
    assert done.returncode == 0, done.stdout
    assert "deviation " not in done.stdout


def test_certificates_need_everything_proven(sqlite, memory):
    quick = ["--test", "cursors/end", "--test", "config/connects"]
    assert check(MEMORY, "--config", memory, "--certify", *quick).returncode == 0
    unproven = check(MEMORY, "--certify", *quick)
    assert unproven.returncode == 1 and "unproven    cursors/end (isolated): " in unproven.stderr
    assert check(BAD, "--config", sqlite, "--certify", *quick).returncode == 1


def test_claimed_writes_are_proven(write, tmp_path):
    config = write("none.json", {"settings": {"path": str(tmp_path / "check.db")}, **NOTHING,
                                 "make_tables": False, "writable": None})
    done = check(SQLITE, "--config", config, "--test", "write/update")
    assert "unproven    write/update" in done.stdout, done.stdout


@pytest.fixture
def generated(write, tmp_path):
    import sqlite3
    with sqlite3.connect(tmp_path / "check.db") as database:
        database.execute("CREATE TABLE scratch (row INTEGER PRIMARY KEY, code INT UNIQUE, n INT, v TEXT) STRICT")
        database.execute("INSERT INTO scratch (row, code) VALUES (77, 1), (78, NULL)")
    return write("generated.json", {
        "settings": {"path": str(tmp_path / "check.db")}, **NOTHING, "make_tables": False, "writable":
        {"table": "scratch", "identity": "row", "key": "code", "number": "n", "text": "v"}})


def test_a_table_whose_keys_are_generated_may_be_written(generated):
    done = check(BUILD / "plugins" / "sqlite.so", "--config", generated, "--format", "json", "--suite", "write")
    outcomes = {test["test"].removeprefix("write/"): test["outcome"] for test in json.loads(done.stdout)["tests"]}
    assert done.returncode == 0 and set(outcomes.values()) == {"pass", "skip"}, done.stdout
    assert outcomes.pop("unique") == "skip"  # no key can be given
    assert {name for name, outcome in outcomes.items() if outcome != "pass"} == {"atomic-row"}


@pytest.mark.parametrize("bad, test", [("updates_less", "update"), ("removes_less", "delete"),
                                       ("no_match_is_error", "no-match"), ("partial_atomic", "atomic-all")])
def test_rows_are_meant_by_their_generated_keys(generated, bad, test):
    done = check(BUILD / "bad-connectors" / f"bad_{bad}.so", "--config", generated, "--test", f"write/{test}")
    assert done.returncode == 1 and f"fail        write/{test}" in done.stdout, done.stdout


def test_tap(sqlite):
    lines = check(BAD, "--config", sqlite, "--format", "tap", "--suite", "cursors").stdout.splitlines()
    assert lines[0] == "TAP version 13"
    n = int(lines[1].removeprefix("1.."))
    points = [line for line in lines if line.startswith(("ok ", "not ok "))]
    assert len(points) == n
    assert sum(line.startswith("not ok") for line in points) == 1


def test_junit(sqlite, tmp_path):
    output = tmp_path / "report.xml"
    done = check(BAD, "--config", sqlite, "--format", "junit", "--output", output, "--suite",
                 "cursors", "--suite", "native", "--suite", "feed")
    assert done.returncode == 1 and done.stdout == ""
    assert "level LOADABLE of WRITE" in done.stderr
    cases = {case.get("name"): case for case in ET.parse(output).getroot().iter("testcase")}
    assert cases["cursors/end"].find("failure") is not None
    assert cases["cursors/batches"].find("failure") is None
    assert not any(name.startswith("feed/") for name in cases), "nothing to test is no test"


def test_crash_is_one_failed_test(sqlite):
    done = check(BUILD / "bad-connectors" / "bad_close_with_cursor.so", "--config", sqlite,
                 "--format", "json", "--suite", "cursors")
    outcomes = {test["test"]: test["outcome"] for test in json.loads(done.stdout)["tests"]}
    assert outcomes.pop("cursors/close") == "crash"
    assert set(outcomes.values()) == {"pass"}


def test_leaves_no_tables(sqlite, tmp_path):
    import sqlite3
    assert check(BUILD / "bad-connectors" / "bad_close_with_cursor.so", "--config", sqlite,
                 "--suite", "cursors", "--suite", "types").returncode == 1
    with sqlite3.connect(tmp_path / "check.db") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []


@pytest.mark.parametrize("way", [[], ["--isolated"]], ids=["in-process", "isolated"])
def test_odd_settings_make_no_files(sqlite, tmp_path, way):
    work = tmp_path / "a" / "b"  # "../../x" is one of the settings
    work.mkdir(parents=True)
    done = check(os.path.relpath(SQLITE, work), "--config", sqlite, "--test", "config/odd-settings", *way, cwd=work)
    assert "1 passed" in done.stdout
    assert {path.name for path in tmp_path.rglob("*")} == {"a", "b", "sqlite.json", "check.db"}


@pytest.mark.parametrize("words, said", [
    ([], "needs FILE"),
    ([str(MEMORY), "--test", "cursors/nothing"], "cursors/nothing"),
    ([str(MEMORY), "--format", "yaml"], "yaml"),
    ([str(MEMORY), "--queries", "0"], "--queries"),
    ([str(MEMORY), "--config", "/nonexistent.json"], "/nonexistent.json"),
    (["nowhere.so"], "rowhouse: nowhere.so: No such file"),
])
def test_usage(words, said):
    done = check(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr


@pytest.mark.parametrize("config, said", [
    ("[]", "not a JSON object"),
    ("{", "line 1"),
    ('{"settings": {}, "setings": {}}', "setings"),
    ("{}", "settings"),
])
def test_configurations_that_make_no_sense(tmp_path, config, said):
    (tmp_path / "config.json").write_text(config)
    done = check(MEMORY, "--config", tmp_path / "config.json")
    assert done.returncode == 2
    assert said in done.stderr


def test_deviations_that_make_no_sense(memory, write):
    for declared in ({"cursors/nothing": "why"}, {"cursors": "why"}, {"cursors/end": ""},
                     {"cursors/end": {}}, {"cursors/end": {"in process": "why"}}):
        done = check(MEMORY, "--config", memory, "--deviations", write("d.json", declared))
        assert done.returncode == 2
