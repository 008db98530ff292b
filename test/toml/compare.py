#!/usr/bin/env python3
"""The TOML reader against Python's tomllib. usage: compare.py TOML2JSON [COUNT [SEED]]; TAP.

COUNT files are made from SEED, every second with something wrong (1000 from 1)."""

import datetime
import json
import math
import subprocess
import sys
import tomllib

from generate import Writer

VALID = [
    "",
    "# only a comment",
    "a = 1\nb = -17\nc = +99\nd = 1_000\ne = 0xDEAD_beef\nf = 0o755\ng = 0b1101",
    "a = 1.0\nb = -0.01\nc = 5e+22\nd = 1e06\ne = -2E-2\nf = 6.626e-34\ng = 224_617.445",
    "a = true\nb = false",
    'a = "x"\nb = \'C:\\n\'\nc = "tab\\t \\"q\\" \\u00e9 \\U0001F600 \\\\"',
    'a = """\nline\n  two \\\n     three"""\nb = \'\'\'\nraw \\n\n\'\'\'',
    'a = """one "quoted" and ""two"" """\nb = """end"""""',
    "a.b.c = 1\na.b.d = 2\na.e = 3",
    '"quoted key" = 1\n\'other\' = 2\n"" = 3\n1234 = 4\n3.14 = 5\na."b.c".d = 6',
    "[a]\nx = 1\n[a.b]\ny = 2\n[c.d.e]\nz = 3\n[c]\nw = 4",
    "[a.b]\nx = 1\n[a]\ny = 2",
    "[[p]]\nn = 1\n[[p]]\n[[p]]\nn = 2\n[p.q]\nr = 3\n[[p.s]]\nt = 4",
    "a = [1, 2,\n # comment\n 3,\n]\nb = [[1, 2], ['x', \"y\"]]\nc = []\nd = [{x=1}, {y=2}]",
    "a = { x = 1, y.z = 2, s = 'q' }\nb = {}",
    "a = 1979-05-27T07:32:00Z\nb = 1979-05-27T00:32:00-07:00\nc = 1979-05-27 07:32:00\n"
    "d = 1979-05-27\ne = 07:32:00\nf = 1979-05-27T07:32:00.999999",
    "a = 1\r\nb = 2\r\n[c]\r\nd = 'x'\r\n",
    "fruit.apple.color = 1\nfruit.apple.taste.sweet = true\n[other]\nx=1",
    "[fruit]\napple.color = 'red'\n[fruit.pear]\nx = 1",
    "\ufeffa = 1",
    "a = 9223372036854775807\nb = -9223372036854775808",
    '[resource]\nnoverify = true\n[[resource.config]]\nhosts = "n[0-3]"\ncores = "0-7"\n'
    "[queues.debug]\nrequires = ['debug']\n[policy.limits]\nduration = '2h'",
    "   a   =   1   # end\n\t[ b . c ]\t\nd=2",
    "ʎǝʞ = 1".replace("ʎǝʞ", '"ʎǝʞ"'),
]

INVALID = [
    "a",
    "a =",
    "= 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "[a]\n[a]",
    "[a]\nb = 1\n[a.b]",
    "a = 1\n[a]",
    "a.b = 1\na = 2",
    "a = {b = 1}\na.c = 2",
    "a = {b = 1}\n[a.c]",
    "a = [1]\n[[a]]",
    "[[a]]\n[a]",
    "[a]\n[[a]]",
    "[a.b]\nx = 1\n[a]\nb.y = 2",
    "a.b.c = 1\n[a.b]\nd = 2",
    "a = 'x",
    'a = "x\ny"',
    'a = "\\q"',
    'a = "\\ud800"',
    'a = "\\u12"',
    "a = 01",
    "a = 1__0",
    "a = _1",
    "a = 1_",
    "a = 1.",
    "a = .5",
    "a = 1.e2",
    "a = 0x",
    "a = +0x1",
    "a = tru",
    "a = bare",
    "a = [1, 2",
    "a = [1 2]",
    "[a",
    "[[a]",
    "[a]]",
    "[]",
    "[a.]",
    "a. = 1",
    "a = 2021-13-01",
    "a = 2021-02-30",
    "a = 25:00:00",
    'a = "\x01"',
    "a = 1 # \x01",
    "a\nb = 1",
    '"""a""" = 1',
    "a = 99999999999999999999",
]


# TOML 1.1, which tomllib does not read yet: published examples have it.
NEWER = [
    ("a = {x = 1,}", {"a": {"x": 1}}),
    ("a = {x = 1\n}", {"a": {"x": 1}}),
    ("a = [ {\n  x = 1, # one\n\n  y = 2,\n},\n]", {"a": [{"x": 1, "y": 2}]}),
    ("a = {\n}", {"a": {}}),
]


def plain(o):
    """What tomllib gives, as the JSON that is expected."""
    if isinstance(o, dict):
        return {k: plain(v) for k, v in o.items()}
    if isinstance(o, list):
        return [plain(v) for v in o]
    if isinstance(o, (datetime.datetime, datetime.date, datetime.time)):
        return o.isoformat().replace("+00:00", "Z")
    return o


def convert(program, text):
    p = subprocess.run([program], input=text.encode(), capture_output=True, timeout=60)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def other(o):
    """Whether it is what one of the two does not have: numbers that JSON cannot say, or that
    are longer than 64 bits."""
    if isinstance(o, (dict, list)):
        return any(other(v) for v in (o.values() if isinstance(o, dict) else o))
    if isinstance(o, float):
        return not math.isfinite(o)
    return isinstance(o, int) and not -2**63 <= o < 2**63


def same(got, want):
    """Times are text with us; the same time may be written in more than one way."""
    if isinstance(want, dict):
        return isinstance(got, dict) and list(got) == list(want) \
            and all(same(got[k], v) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, (datetime.datetime, datetime.date, datetime.time)):
        try:
            return type(want).fromisoformat(got) == want
        except (TypeError, ValueError):
            return False
    return type(got) is type(want) and got == want


def differs(program, text):
    """How the two differ about a file; None if they do not. What only the newer TOML has
    stands in braces."""
    code, out, err = convert(program, text)
    try:
        want = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as e:
        return f"read as {out}, but {e}" if code == 0 and "{" not in text else None
    if other(want):
        return None
    return None if code == 0 and same(json.loads(out), want) else f"{code} {out} {err} wanted {want}"


def generated(program, count, seed):
    """Prints what differs; how many did."""
    found = 0
    for n in range(count):
        w = Writer(seed * 1000000 + n)
        text = w.spoiled() if n % 2 else w.document()
        if why := differs(program, text):
            found += 1
            print(f"# file {n}: {json.dumps(text)}\n# " + why.replace("\n", "\n# "))
    return found


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    failed = 0
    valid = [(text, plain(tomllib.loads(text.lstrip("\ufeff")))) for text in VALID] + NEWER
    print(f"1..{len(valid) + len(INVALID) + 1}")
    for n, (text, want) in enumerate(valid + [(text, None) for text in INVALID], 1):
        code, out, err = convert(program, text)
        if n <= len(valid):
            ok = code == 0 and json.loads(out) == want
            why = f"{code} {out} {err} wanted {want}"
        else:
            ok = code == 1 and err.startswith("line ") and err.count("\n") == 1
            why = f"{code} {out} {err}"
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {n} - {json.dumps(text[:40])}".replace("#", "\\#"))
        if not ok:
            print("# " + why.replace("\n", "\n# "))
    bad = generated(program, count, seed)
    print(f"{'not ok' if bad else 'ok'} {len(valid) + len(INVALID) + 1} - {count} files that were "
          f"made, of which {bad} are read differently")
    sys.exit(1 if failed or bad else 0)


main()
