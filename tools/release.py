#!/usr/bin/env python3
"""A program that says another version of itself: of a minor release beside its own, and of
the one beyond that.

usage: release.py PROGRAM VERSION NEXT FAR
"""

import os
import sys

program, version, *outputs = sys.argv[1:]
major, minor, rest = version.split(".", 2)
step = 1 if int(minor) % 10 < 8 else -1  # of as many digits
with open(program, "rb") as f:
    data = f.read()
old = b"\0" + version.encode() + b"\0"
for i, path in enumerate(outputs, 1):
    new = b"\0" + f"{major}.{int(minor) + step * i}.{rest}".encode() + b"\0"
    if old not in data or len(new) != len(old):
        sys.exit(f"release.py: {program} has no {version} that could become another one")
    with open(path, "wb") as f:
        f.write(data.replace(old, new))
    os.chmod(path, 0o755)
