#!/usr/bin/env python3
"""Whether the ABI's headers still mean what they meant: guard.py [HEADERS]

HEADERS (core/include) against every frozen version in this folder:
- abidiff against its dump abi.xml: sizes, offsets and types of all structs, and of all functions in
  them. What a minor may do is taken off before: members at the end of structs that say their size
  (abidiff can be told to overlook them, but then it overlooks the structs behind them too);
- macros: each RH_… has the value that it had. Counts (RH_N_…) may grow, and so may the minor.
Prints what differs and exits with 1. Needs abidw and abidiff (Debian: abigail-tools).

guard.py --dump HEADERS FILE writes the dump of these headers: for freeze.sh.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CC = os.environ.get("CC", "cc")
DUMP = ["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-architecture",
        "--no-elf-needed", "--type-id-style", "hash"]
MAY_GROW = re.compile(r"RH_N_\w+|RH_ABI_MINOR")
MAY_CHANGE = {"RH_EXPORT"}  # how it is spelled means nothing to a binary


def run(*command):
    answer = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    return answer.returncode, answer.stdout + answer.stderr


def compile_types(headers, library):
    status, text = run(CC, "-std=gnu17", "-g", "-O0", "-shared", "-fPIC", "-I", headers, "-o", library,
                       HERE / "types.c")
    if status:
        sys.exit(f"guard: the headers in {headers} do not compile:\n{text}")


def dump(headers, file):
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder) / "types.so"
        compile_types(headers, library)
        status, text = run(*DUMP, "--out-file", file, library)
        if status:
            sys.exit(f"guard: abidw failed:\n{text}")
    known = set(re.findall(r"class-decl name='(\w+)'", pathlib.Path(file).read_text()))
    declared = {name for header in (headers / "rowhouse").glob("*.h")
                for name in re.findall(r"^struct (rh_\w+) \{", header.read_text(), re.M)}
    if declared - known:
        sys.exit(f"guard: types.c does not reach {', '.join(sorted(declared - known))}")


def macros(headers):
    names = sorted(header.name for header in (headers / "rowhouse").glob("*.h"))
    answer = subprocess.run([CC, "-std=gnu17", "-I", str(headers), "-dM", "-E", "-x", "c", "-"], text=True,
                            input="".join(f"#include <rowhouse/{name}>\n" for name in names),
                            capture_output=True, check=True)
    found = re.findall(r"^#define (RH_\w+)(\([^)]*\))?[ \t]*(.*)$", answer.stdout, re.M)
    return {name: (arguments + " " + value).strip() for name, arguments, value in found}


def compare_macros(old, new):
    for name, value in sorted(old.items()):
        if name in MAY_CHANGE:
            continue
        if name not in new:
            yield f"{name} is gone"
        elif MAY_GROW.fullmatch(name):
            if int(new[name], 0) < int(value, 0):
                yield f"{name} was {value} and is {new[name]}"
        elif new[name] != value:
            yield f"{name} was {value} and is {new[name]}"


def members(struct):
    """(offset in bits, element, name) of a struct's members."""
    return [(int(member.get("layout-offset-in-bits", "0")), member, member.find("var-decl").get("name"))
            for member in struct.findall("data-member")]


def structs(tree):
    return {struct.get("name"): struct for struct in tree.iter("class-decl")
            if not struct.get("is-declaration-only")}


def without_growth(old_file, new_file, file):
    """Writes the new dump as it would be if structs with a struct_size had ended where they once did."""
    new = xml.parse(new_file)
    now = structs(new)
    for name, struct in structs(xml.parse(old_file)).items():
        if name in now and members(struct) and members(struct)[0][2] == "struct_size":
            size = struct.get("size-in-bits")
            for offset, member, _ in members(now[name]):
                if offset >= int(size):
                    now[name].remove(member)
            if int(now[name].get("size-in-bits")) > int(size):
                now[name].set("size-in-bits", size)
    new.write(file)


def compare(version, headers, current):
    """What a connector of this version would trip over."""
    with tempfile.TemporaryDirectory() as folder:
        cut = pathlib.Path(folder) / "abi.xml"
        without_growth(version / "abi.xml", current, cut)
        status, text = run("abidiff", "--no-architecture", version / "abi.xml", cut)
    if status:
        yield text.strip() or f"abidiff ended with {status}"
    yield from compare_macros(macros(version / "include"), macros(headers))


def main():
    if sys.argv[1:2] == ["--dump"]:
        return dump(pathlib.Path(sys.argv[2]), sys.argv[3])
    headers = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "core/include").resolve()
    versions = sorted(folder for folder in HERE.iterdir() if (folder / "abi.xml").is_file())
    if not versions:
        sys.exit("guard: no frozen version found")
    differences = []
    with tempfile.TemporaryDirectory() as folder:
        current = pathlib.Path(folder) / "abi.xml"
        dump(headers, current)
        for version in versions:
            differences += [f"ABI {version.name}: {text}" for text in compare(version, headers, current)]
    for text in differences:
        print(text)
    print(f"guard: {len(versions)} versions, {len(differences)} differences")
    if differences:
        print("A connector that was built before would break. While ABI 1 is a draft: tests/abi/freeze.sh")
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
