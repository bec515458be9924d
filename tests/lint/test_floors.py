#!/usr/bin/env python3
"""Each rule of floors.py, broken and kept in a small tree of its own."""
import pathlib
import subprocess
import sys
import tempfile

HEADERS = ["core/include/rowhouse/value.h", "core/base/buf.h", "core/host/pool.h", "core/store/store.h",
           "core/identity/user.h", "core/services/queue.h", "sdk/connector/sql.h", "sdk/rows/read.h",
           "sdk/cli/cli.h", "server/http/request.h", "worker/job.h", "plugins/a/a.h", "plugins/b/b.h"]

# file, its text, whether it is allowed
CASES = [
    ("core/base/x.c", '#include "base/buf.h"\n#include <rowhouse/value.h>\n#include <stdio.h>\n', True),
    ("core/base/x.c", '#include "host/pool.h"\n', False),
    ("core/base/x.c", '#include "../host/pool.h"\n', False),
    ("core/base/x.c", '  #  include <host/pool.h>\n', False),
    ("core/base/x.c", '/* #include "host/pool.h"\n#include "host/pool.h" */\n// #include "host/pool.h"\n', True),
    ("core/base/x.c", '/* a */ /* b */\n#include "host/pool.h"\n', False),
    ("core/base/x.c", "#include NAME\n", False),
    ("core/include/rowhouse/x.h", '#include "base/buf.h"\n', False),
    ("core/host/x.c", '#include "base/buf.h"\n#include "pool.h"\n', True),
    ("core/host/x.c", '#include "store/store.h"\n', False),
    ("core/store/x.c", '#include "host/pool.h"\n', True),
    ("core/store/x.c", '#include "services/queue.h"\n', False),
    ("core/identity/x.c", '#include "services/queue.h"\n#include "store/store.h"\n', True),
    ("core/services/x.c", '#include "rows/read.h"\n', False),
    ("core/unknown/x.c", "", False),
    ("sdk/rows/x.c", '#include "connector/sql.h"\n#include "identity/user.h"\n', True),
    ("sdk/rows/x.c", '#include "cli/cli.h"\n', False),
    ("sdk/rows/x.c", '#include "server/http/request.h"\n', False),
    ("sdk/connector/x.c", '#include "connector/sql.h"\n#include "sql.h"\n#include <rowhouse/value.h>\n', True),
    ("sdk/connector/x.c", '#include "base/buf.h"\n', True),
    ("sdk/connector/x.c", '#include "host/pool.h"\n', False),
    ("sdk/connector/x.c", '#include "rows/read.h"\n', False),
    ("sdk/cli/x.c", '#include "rows/read.h"\n#include "base/buf.h"\n', True),
    ("server/api/x.c", '#include "server/http/request.h"\n#include "rows/read.h"\n', True),
    ("server/api/x.c", '#include "worker/job.h"\n', False),
    ("server/api/x.c", '#include "plugins/a/a.h"\n', False),
    ("worker/x.c", '#include "job.h"\n#include "store/store.h"\n', True),
    ("worker/x.c", '#include "server/http/request.h"\n', False),
    ("plugins/a/x.c", '#include "a.h"\n#include "connector/sql.h"\n#include <rowhouse/value.h>\n'
                      '#include <sqlite3.h>\n', True),
    ("plugins/a/x.c", '#include "base/buf.h"\n', True),
    ("plugins/a/x.c", '#include "host/pool.h"\n', False),
    ("plugins/a/x.c", '#include "../../core/store/store.h"\n', False),
    ("plugins/a/x.c", '#include "rows/read.h"\n', False),
    ("plugins/a/x.c", '#include "../b/b.h"\n', False),
    ("tests/unit/x.c", '#include "rows/read.h"\n#include "worker/job.h"\n', True),
    ("tests/unit/x.c", '#include "plugins/a/a.h"\n', False),
    ("tests/unit/test_a.c", '#include "plugins/a/a.h"\n', True),
    ("tests/unit/test_b_more.c", '#include "plugins/a/a.h"\n', False),
]


def main():
    script = pathlib.Path(__file__).with_name("floors.py")
    n_wrong = 0
    for name, text, allowed in CASES:
        with tempfile.TemporaryDirectory() as folder:
            for path, content in [(header, "") for header in HEADERS] + [(name, text)]:
                file = pathlib.Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
            answer = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
            names_it = answer.stdout.startswith(f"{name}:")
            if (answer.returncode, names_it) != ((0, False) if allowed else (1, True)):
                n_wrong += 1
                print(f"{name}: {text!r} should be {'allowed' if allowed else 'refused'}:\n"
                      f"{answer.stdout}{answer.stderr}")
    print(f"test_floors: {len(CASES)} cases, {n_wrong} wrong")
    return n_wrong != 0


if __name__ == "__main__":
    sys.exit(main())
