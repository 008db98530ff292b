#!/usr/bin/env python3
"""Runs every row of data/cases.tsv and own/cases.tsv through resource-query; compares byte for byte.

usage: cases.py RESOURCE-QUERY [FILTER]; TAP on standard output.
"""

import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "own")


def run(program, args, commands, out):
    """The text that a row produces, or the reason why there is none."""
    with open(os.path.join(HERE, commands), encoding="utf-8") as f:
        text = f.read().replace("@TEST_SRCDIR@/data/resource", HERE)
        text = text.replace("@OWN@", OWN)
    argv = [program] + [out if a == "OUT" else a for a in shlex.split(args)]
    p = subprocess.run(
        argv, input=text, text=True, capture_output=True, cwd=HERE, timeout=120
    )
    if p.returncode != 0:
        return None, f"exit status {p.returncode}: {p.stderr.strip()}"
    with open(out, encoding="utf-8") as f:
        text = f.read()
    # Our own may say what goes to standard output and standard error; times are T.
    for stream, got in ("stdout", p.stdout), ("stderr", p.stderr):
        path = os.path.join(HERE, commands[: -len("in")] + stream)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                want = f.read()
            got = re.sub(r"\d+\.\d{6}", "T", got).replace(OWN, "@OWN@")
            if got != want:
                return None, f"{stream}: expected\n{want}got\n{got}"
    return text, ""


def main():
    program = os.path.abspath(sys.argv[1])
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    with open(os.path.join(HERE, "cases.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    # Our own: NAME and arguments; own/NAME.in gives own/NAME.out.
    with open(os.path.join(OWN, "cases.tsv"), encoding="utf-8") as f:
        for line in f:
            name, args = line.rstrip("\n").split("\t")
            rows.append([f"../own/{name}.out", f"../own/{name}.in", args])
    rows = [r for r in rows if wanted in " ".join(r)]
    failed = 0
    print(f"1..{len(rows)}")
    with tempfile.TemporaryDirectory() as folder:
        for number, (expected, commands, args) in enumerate(rows, 1):
            name = f"{expected} {args}".replace("#", "")
            try:
                got, why = run(program, args, commands, os.path.join(folder, "out"))
            except (OSError, subprocess.TimeoutExpired) as e:
                got, why = None, str(e)
            with open(os.path.join(HERE, expected), encoding="utf-8") as f:
                want = f.read()
            if got == want:
                print(f"ok {number} - {name}")
                continue
            failed += 1
            print(f"not ok {number} - {name}")
            if got is not None:
                diff = difflib.unified_diff(
                    want.splitlines(), got.splitlines(), "expected", "got", lineterm="", n=1
                )
                why = "\n".join(list(diff)[:20])
            print("\n".join("# " + line for line in why.splitlines()))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
