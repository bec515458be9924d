#!/usr/bin/env python3
"""Who may include whom: floors.py [ROOT]

    rowhouse/*.h < base < host < store < identity, services < sdk/* < server, worker, sdk/cli

A file includes only from its own floor or below. Besides:
- server and worker never include each other;
- sdk/connector includes only rowhouse/*.h, base/*.h and itself: that is what connectors outside of
  this tree are compiled with;
- a connector includes only those and its own folder;
- nothing includes a connector, except itself.
Tests include what they like, except connectors; tests/unit/test_<id>*.c may look into plugins/<id>. Headers of the system and of libraries are free.

Includes are resolved as the compiler does: the file's own folder first for quotes, then the
include paths of the build. Exits with 1 and one line per violation.
"""
import pathlib
import re
import sys

TREES = ["core", "sdk", "server", "worker", "plugins", "tests"]
ROOTS = ["core/include", "core", "sdk", "."]
SUFFIXES = {".c", ".h", ".inc"}
FLOORS = {
    "core/include": 0,
    "core/base": 1,
    "core/host": 2,
    "core/connector_host": 3,
    "core/store": 3,
    "core/identity": 4,
    "core/services": 4,
    "sdk/*": 5,
    "sdk/cli": 6,
    "server": 6,
    "worker": 6,
}
KIT = ("core/include", "core/base", "sdk/connector")  # what a connector is made with
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include\b[ \t]*(?:(["<])([^">]+)[">]|(.*))', re.MULTILINE)


def area_of(path):
    """The part of the house that a path (relative to the root) is in; None for what is no part."""
    parts = path.parts
    if parts[0] in ("server", "worker", "tests"):
        return parts[0]
    if parts[:3] == ("sdk", "connector", "conformance"):
        return "sdk/conformance"  # above the row SDK, which it runs connectors with
    if parts[0] in ("core", "sdk", "plugins") and len(parts) > 2:
        return "/".join(parts[:2])
    return None


def floor_of(area):
    if area in FLOORS:
        return FLOORS[area]
    return FLOORS["sdk/*"] if area.startswith("sdk/") else None


def verdict(area, target):
    """Why a file of this area may not include one of that area; None when it may."""
    if area == target:
        return None
    if target.startswith("plugins/"):
        return "nothing includes a connector"
    if area == "tests":
        return None
    if target == "tests":
        return "only tests include tests"
    if area == "sdk/connector" and target not in KIT:
        return "sdk/connector includes only rowhouse/*.h, base/*.h and itself"
    if area.startswith("plugins/"):
        if target in KIT:
            return None
        return "a connector includes only rowhouse/*.h, base/*.h, connector/*.h and its own folder"
    if {area, target} == {"server", "worker"}:
        return "server and worker never include each other"
    if floor_of(area) < floor_of(target):
        return f"{target} is above {area}"
    return None


def is_its_test(path, target_area):
    """Whether this is a unit test of the connector whose folder that is."""
    return (path.parts[:2] == ("tests", "unit") and str(target_area).startswith("plugins/")
            and path.name.startswith(f"test_{target_area.removeprefix('plugins/')}"))


def resolve(root, file, quote, name):
    """The included file relative to the root, or None when it is not one of ours."""
    folders = [root / folder for folder in ROOTS]
    if quote == '"':
        folders.insert(0, file.parent)
    for folder in folders:
        found = folder / name
        if found.is_file():
            found = found.resolve()
            return found.relative_to(root) if root in found.parents else None
    return None


def includes(text):
    """(line number, quote, name) of each include; the quote is empty when it is a macro."""
    text = COMMENT.sub(lambda match: "\n" * match.group().count("\n") or " ", text)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield line, match.group(1) or "", match.group(2) or match.group(3)


def check(root, file):
    path = file.relative_to(root)
    area = area_of(path)
    if area is None or not (area == "tests" or area.startswith("plugins/")
                            or floor_of(area) is not None):
        yield f"{path}: this folder has no floor; give it one in {pathlib.Path(__file__).name}"
        return
    for line, quote, name in includes(file.read_text(errors="replace")):
        if not quote:
            yield f"{path}:{line}: cannot tell what `{name.strip()}` includes"
            continue
        target = resolve(root, file, quote, name)
        target_area = target and area_of(target)
        if target is None:
            continue
        if is_its_test(path, target_area):
            continue
        why = verdict(area, target_area) if target_area else "that folder has no floor"
        if why:
            yield f"{path}:{line}: {name}: {why}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    files = sorted(file for tree in TREES for file in (root / tree).rglob("*")
                   if file.suffix in SUFFIXES and file.is_file())
    if not files:
        sys.exit(f"floors: no source files below {root}")
    violations = [violation for file in files for violation in check(root, file)]
    for violation in violations:
        print(violation)
    print(f"floors: {len(files)} files, {len(violations)} violations")
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
