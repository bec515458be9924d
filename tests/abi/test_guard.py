"""The ABI guard: it lets growth at the end through, and nothing else."""
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
FROZEN = HERE / "1.0/include"

pytestmark = pytest.mark.skipif(not (shutil.which("abidw") and shutil.which("abidiff")),
                                reason="abidw and abidiff are not installed (abigail-tools)")


def guard(tmp_path, header=None, old="", new=""):
    headers = tmp_path / "include"
    shutil.copytree(FROZEN, headers)
    if header:
        file = headers / "rowhouse" / header
        text = file.read_text()
        assert text.count(old) == 1, f"{header} has {text.count(old)} times: {old}"
        file.write_text(text.replace(old, new))
    return subprocess.run([sys.executable, HERE / "guard.py", headers], capture_output=True, text=True)


def test_the_frozen_headers_are_themselves(tmp_path):
    answer = guard(tmp_path)
    assert answer.returncode == 0, answer.stdout


def test_the_headers_of_today_keep_the_promise():
    answer = subprocess.run([sys.executable, HERE / "guard.py"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("header, old, new", [
    ("connector.h", "    const struct rh_feed *feed;\n", "    const struct rh_feed *feed;\n    const void *later;\n"),
    ("connector.h", "    uint32_t connections;      /* per datasource */\n",
     "    uint32_t connections;\n    uint32_t later;\n    uint32_t last;\n"),
    ("host.h", "    const struct rh_http *http; /* never NULL */\n",
     "    const struct rh_http *http;\n    void (*later)(int32_t);\n"),
    ("query.h", "    uint64_t row_goal;\n", "    uint64_t row_goal;\n    uint64_t later;\n"),
    ("query.h", "#define RH_N_OPS 21\n", "#define RH_OP_LATER 21\n#define RH_N_OPS 22\n"),
    ("connector.h", "#define RH_ABI_MINOR 0\n", "#define RH_ABI_MINOR 1\n"),
])
def test_growth_is_let_through(tmp_path, header, old, new):
    answer = guard(tmp_path, header, old, new)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("header, old, new, told", [
    # two fields of one type change places
    ("query.h", "    uint64_t limit; /* RH_NO_LIMIT */\n    uint64_t offset;\n",
     "    uint64_t offset;\n    uint64_t limit; /* RH_NO_LIMIT */\n", "rh_query"),
    # a field in the middle
    ("host.h", "    int32_t cancel_fd; ", "    int64_t later;\n    int32_t cancel_fd; ", "rh_op"),
    # a function before another
    ("connector.h", "    void (*close)(struct rh_conn *conn);\n",
     "    void (*later)(struct rh_conn *conn);\n    void (*close)(struct rh_conn *conn);\n", "rh_connector"),
    # a field is gone
    ("error.h", "    uint64_t retry_after_ms; /* 0 = not known */\n", "", "rh_error"),
    # a wider type
    ("query.h", "    uint32_t max_length; ", "    uint64_t max_length; ", "rh_column"),
    # a parameter more
    ("connector.h", "    rh_write_fn *insert;\n    rh_write_fn *update;\n",
     "    rh_write_fn *insert;\n    int32_t (*update)(struct rh_conn *conn);\n", "rh_write"),
    # a struct grows that does not say its size
    ("query.h", "    uint32_t native_id;  ", "    uint64_t later;\n    uint32_t native_id;  ", "rh_column"),
    ("query.h", "struct rh_node {\n", "struct rh_node {\n    uint64_t later;\n", "rh_node"),
    ("connector.h", "    struct rh_text message; /* from the op's arena */\n",
     "    struct rh_text message;\n    uint64_t later;\n", "rh_row_status"),
    # one grows that stands by value in another
    ("value.h", "    const struct rh_value *cells;\n", "    const struct rh_value *cells;\n    uint64_t later;\n",
     "rh_batch"),
    # numbers that mean something else
    ("error.h", "#define RH_DATA (-10) ", "#define RH_DATA (-11) ", "RH_DATA"),
    ("query.h", "#define RH_OP_NOT 0x100u", "#define RH_OP_NEG 0x100u", "RH_OP_NOT is gone"),
    ("query.h", "#define RH_OP_BASE(op) ((op)&0xffu)", "#define RH_OP_BASE(op) ((op)&0x7fu)", "RH_OP_BASE"),
    ("query.h", "#define RH_N_OPS 21\n", "#define RH_N_OPS 20\n", "RH_N_OPS"),
])
def test_what_breaks_a_connector_is_caught(tmp_path, header, old, new, told):
    answer = guard(tmp_path, header, old, new)
    assert answer.returncode == 1 and told in answer.stdout, answer.stdout + answer.stderr
