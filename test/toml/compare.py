#!/usr/bin/env python3
"""The TOML reader against Python's tomllib. usage: compare.py TOML2JSON; TAP."""

import datetime
import json
import subprocess
import sys
import tomllib

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


def main():
    program = sys.argv[1]
    failed = 0
    valid = [(text, plain(tomllib.loads(text.lstrip("\ufeff")))) for text in VALID] + NEWER
    print(f"1..{len(valid) + len(INVALID)}")
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
    sys.exit(1 if failed else 0)


main()
