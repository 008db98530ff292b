#!/usr/bin/env python3
"""What failed in the last run of tests, and why: the failed points with what they say of
it, and the last lines of a test that died without one.

usage: tools/failures.py BUILD
"""
import json
import sys

LINES = 40  # of one test


def why(test):
    lines = test.get("stdout", "").splitlines()
    told, wanted = [], False
    for line in lines:
        if line.startswith("#"):
            if wanted:
                told.append(f"    {line}")
            continue
        wanted = line.startswith(("not ok", "Bail out!")) and "# TODO" not in line
        if wanted:
            told.append(f"  {line}")
    if not told:
        told = [f"    {line}" for line in lines[-10:]]
    told += [f"    {line}" for line in test.get("stderr", "").splitlines()[-10:]]
    return told[:LINES]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(f"{sys.argv[1]}/meson-logs/testlog.json") as f:
        for test in map(json.loads, f):
            if test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
                print(f"not ok: {test['name']}: {test['result']}")
                print("\n".join(line[:300] for line in why(test)))


main()
