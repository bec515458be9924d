#!/usr/bin/env python3
"""Certifies one of our connectors: check.py CONFIG RESULT [OPTION…]

`rowhouse connector check --certify` runs every test in this process and isolated; all that it finds less than
CERTIFIED is a failure. The connector has the configuration's name up to the first hyphen (odbc-sqlite.json: odbc).
deviations/NAME.json tells which tests it may fail, and why. Further options go to the check.

The random queries are the same in every run; ROWHOUSE_TEST_SEED=N asks others. Exits with 77 when the server is
not there.
"""
import os
import subprocess
import sys
import tempfile

import fill


def main():
    config, result, *options = sys.argv[1:]
    config = os.path.abspath(config)
    build = os.path.abspath(os.environ["ROWHOUSE_BUILD"])
    name = os.path.basename(config)[:-len(".json")]
    plugin = f"{build}/plugins/{name.split('-')[0]}.so"
    if not os.path.exists(plugin):
        print(f"there is no {plugin}")
        return 77
    os.makedirs(f"{build}/results", exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rowhouse-check") as tmp:
        try:
            text = fill.fill(config, tmp)
        except fill.Missing as missing:
            print(missing)
            return 77
        with open(f"{tmp}/config.json", "w", encoding="utf-8") as file:
            file.write(text)
        command = [f"{build}/bin/rowhouse", "connector", "check", plugin, "--certify",
                   "--config", f"{tmp}/config.json", "--seed", os.environ.get("ROWHOUSE_TEST_SEED", "1"),
                   "--format", "junit", "--output", f"{build}/results/{result}.xml", "--timeout", "25"]
        deviations = f"{os.path.dirname(os.path.abspath(__file__))}/deviations/{name}.json"
        if os.path.exists(deviations):
            command += ["--deviations", deviations]
        # Texts of the suite end where memory ends. strndup and its like may be given such a text with
        # its length; AddressSanitizer's strict mode would read on to look for a NUL.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":strict_string_checks=0"
        # Odd settings may be names of files to a connector: they are made in the run's own folder.
        return subprocess.run(command + options, check=False, cwd=tmp,
                              env={**os.environ, "ASAN_OPTIONS": asan}).returncode


if __name__ == "__main__":
    sys.exit(main())
