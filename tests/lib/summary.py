#!/usr/bin/env python3
"""Adds up what ctest and the suites below it did: the last line of `./dev test`.

Reads <results>/ctest.xml and every other JUnit file beside it. A suite that left a file of its own
(<results>/<ctest name with '/' as '-'>.xml) is counted by its single tests instead of as one.
Exit status 1 when anything failed, or when nothing ran, or when something was skipped under CI.
"""
import os
import sys
import xml.etree.ElementTree as ET


def outcomes(path):
    for case in ET.parse(path).getroot().iter("testcase"):
        name = case.get("name")
        if case.get("status") == "notrun" or case.find("skipped") is not None:
            reason = case.find("skipped")
            yield name, "skipped", (reason.get("message") or "") if reason is not None else ""
        elif case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed", ""
        else:
            yield name, "passed", ""


def main():
    folder = sys.argv[1]
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for name, outcome, reason in outcomes(os.path.join(folder, "ctest.xml")):
        inner = os.path.join(folder, name.replace("/", "-") + ".xml")
        cases = [(name, outcome, reason)]
        if os.path.exists(inner):
            cases = list(outcomes(inner))
            if outcome == "failed" and not any(c[1] == "failed" for c in cases):
                cases.append((name, "failed", ""))
        for case, result, why in cases:
            count[result] += 1
            if result != "passed":
                print(f"{result}: {name}{'' if case == name else ' ' + case}{': ' + why if why else ''}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    bad = count["failed"] or not count["passed"] or (os.environ.get("CI") and count["skipped"])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
