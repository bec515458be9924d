#!/usr/bin/env python3
"""Every inner header compiles alone: headers.py [ROOT]

Public headers (core/include) are tested by the `abi` tests, in more languages. The compiler is
$CC, or cc. Prints what the compiler says of each header that fails and exits with 1.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

FOLDERS = ["core", "sdk", "server", "worker", "plugins", "tests"]
ROOTS = ["core/include", "core", "sdk", ".", "tests"]
PACKAGES = ["libmicrohttpd", "libpq", "jansson", "sqlite3", "libsodium", "libpcre2-8", "libutf8proc",
            "zlib", "libzstd", "check", "libcurl", "libcrypto", "libmariadb", "odbc", "hiredis",
            "libmongoc-1.0"]
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", '-DRH_VERSION="0"', '-DRH_TESTS="tests"', "-Wall", "-Wextra",
         "-Wno-unused-parameter", "-Werror", "-fsyntax-only"]


def package_flags():
    flags = []
    for package in PACKAGES:
        answer = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True)
        if answer.returncode == 0:
            flags += answer.stdout.split()
    return flags


def compile_alone(root, header, flags):
    command = [os.environ.get("CC", "cc"), *flags, "-I", str(header.parent), "-include", str(header),
               "-x", "c", "/dev/null"]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return header, answer.returncode, answer.stderr


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    headers = sorted(header for folder in FOLDERS for header in (root / folder).rglob("*.h")
                     if root / "core/include" not in header.parents)
    if not headers:
        sys.exit(f"headers: none found below {root}")
    flags = FLAGS + [f"-I{folder}" for folder in ROOTS] + package_flags()
    n_failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, status, text in pool.map(lambda h: compile_alone(root, h, flags), headers):
            if status:
                n_failed += 1
                print(f"{header.relative_to(root)} does not compile alone:\n{text}")
    print(f"headers: {len(headers)} compiled alone, {n_failed} failed")
    return n_failed != 0


if __name__ == "__main__":
    sys.exit(main())
