"""Compares test/errno.tsv with the rows of the tests beside this file.

usage: errno.py; says on stdout what is not as it should be, and exits 1.

errno.tsv has a line for each page of section 3 of the manual and each errno that the page
names: page, errno, the functions that can fail so (of those that a page names, an errno
concerns some). Each needs a row in a test: FAILS, NULLS, MEMORY, NO_MEMORY or FIRST (api.h).
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROW = re.compile(r"\b(FAILS|NULLS)\s*\(\s*(\w+),\s*(E\w+)\s*,|"
                 r"\b(MEMORY|NO_MEMORY|FIRST)\s*\(\s*(\w+),")


def rows():
    """What the rows test, as (function, errno); and what is wrong with them."""
    found, wrong = set(), []
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".c"):
            continue
        with open(os.path.join(HERE, name)) as f:
            text = f.read()
        for m in ROW.finditer(text):
            function = m.group(2) or m.group(5)
            code = m.group(3) or "ENOMEM"
            found.add((function, code))
            statement = text[m.end():text.find(";", m.end())]
            if not re.search(rf"\b{function}\b", statement):
                wrong.append(f"{name}: a row of {function} {code} does not call it")
    return found, wrong


def main():
    found, bad = rows()
    wanted = set()
    with open(os.path.join(HERE, "..", "errno.tsv")) as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3 or not re.fullmatch(r"E[A-Z0-9]+", fields[1]):
                bad.append(f"errno.tsv:{number}: expected page, errno, functions")
                continue
            wanted |= {(function, fields[1]) for function in fields[2].split()}
    bad += [f"{function}: nothing tests {code}" for function, code in sorted(wanted - found)]
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad or not wanted else 0


sys.exit(main())
