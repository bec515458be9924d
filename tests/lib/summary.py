#!/usr/bin/env python3
"""Adds up what ctest and the suites below it did: the last line of `./dev test`.

Reads <results>/ctest.xml and every other JUnit file beside it. A suite that left a file of its own
(<results>/<ctest name with '/' as '-'>.xml) is counted by its single tests instead of as one.
What failed is repeated with the end of what it said, so that the end of a long log tells it all.
Exit status 1 when anything failed, or when nothing ran, or when something was skipped under CI.
"""
import os
import sys
import xml.etree.ElementTree as ET

LINES_SHOWN = 40


def said(case):
    """The last lines that a failed test printed."""
    parts = [element.get("message") or "" for element in (case.find("failure"), case.find("error"))
             if element is not None]
    parts += [element.text or "" for element in case]
    lines = [line for line in "\n".join(parts).splitlines() if line.strip()]
    return "\n".join("    " + line for line in lines[-LINES_SHOWN:])


def outcomes(path):
    """Each test's name, outcome, and why it was skipped or what it said when it failed."""
    for case in ET.parse(path).getroot().iter("testcase"):
        name = case.get("name")
        if case.get("status") == "notrun" or case.find("skipped") is not None:
            reason = case.find("skipped")
            yield name, "skipped", f"    {reason.get('message') or ''}" if reason is not None else ""
        elif case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed", said(case)
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
                cases.append((name, "failed", reason))
        for case, result, why in cases:
            count[result] += 1
            if result != "passed":
                print(f"{result}: {name}{'' if case == name else ' ' + case}")
                if why:
                    print(why)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    bad = count["failed"] or not count["passed"] or (os.environ.get("CI") and count["skipped"])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
