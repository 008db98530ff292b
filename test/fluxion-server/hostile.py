"""Requests that would keep the one thread busy, and who may send them."""

import json
import os
import subprocess
import tempfile

import grpc
import harness
from harness import Client, Server, pb, refused

GRAPH = harness.read("cluster-nodes.json")
CODE = grpc.StatusCode
JOBSPEC = """version: 9999
resources:
%s
tasks:
- command: [a]
  slot: t
  count: {per_slot: 1}
attributes: {system: {duration: 60}}
"""
SLOT = "- {type: slot, count: %s, label: t, with: [%s]}"
CORE = "{type: core, count: %s}"


def job(count="1", core="1"):
    return JOBSPEC % (SLOT % (count, CORE % core))


def nested(depth, count):
    text = "{type: slot, count: 1, label: t, with: [{type: core, count: 1}]}"
    for _ in range(depth):
        text = "{type: node, count: %s, with: [%s]}" % (count, text)
    return JOBSPEC % ("- " + text)


def several(text, n):
    return JOBSPEC % (SLOT % (1, ", ".join(text.replace("N", str(i)) for i in range(n))))


RANGE = '{min: 1, max: 1000000000, operator: "%s", operand: %d}'
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    "%s: &%s [%s]\n" % (c, c, ",".join("*" + p for _ in range(9)))
    for p, c in zip("abcdefghijk", "bcdefghijkl")
)
# What is satisfiable (True, False), or the text of INVALID_ARGUMENT.
ROWS = [
    (job(), True),
    (job("1000000000"), False),
    (job("9223372036854775807"), False),
    (job("18446744073709551616"), "unsigned integer"),
    (job("-1"), "unsigned integer"),
    (job("1.5"), "unsigned integer"),
    (job(RANGE % ("+", 1)), True),
    (job(RANGE % ("*", 2)), True),
    (job(RANGE % ("*", 1)), "operand"),
    (job(RANGE % ("^", 1)), "operand"),
    (job('"1+"'), True),
    (job('"1-1000000000"'), True),
    (job("1", "1000000000"), False),
    (job("1", RANGE % ("+", 1)), True),
    (job(RANGE % ("+", 1), RANGE % ("+", 1)), True),
    (nested(10, 1000), False),
    (nested(30, 1000), False),
    (nested(20, RANGE % ("+", 1)), False),
    (nested(40, 1), "Too many"),
    (nested(100, 1), "deeply"),
    (several("{type: core, count: 1}", 10000), ""),
    (several("{type: tN, count: 1}", 10000), ""),
    ("[" * 100000, "deeply"),
    ("[" * 20000 + "]" * 20000, "deeply"),
    ("{a: " * 20000, "deeply"),
    (BOMB, ""),
    ("&a [*a]", ""),
    ("a" * 1000000 + ": 1", ""),
    ("".join("k%d: 1\n" % i for i in range(50000)), ""),
    ("".join("- &a%d x\n" % i for i in range(80000)), "anchors"),
    ("".join("&a%d x,\n" % i for i in range(80000)), "mapping"),  # one, then text
    ("- &a\n" * 200000, "anchors"),
    ("\x01" * 100000, ""),
    ("\t" * 1000000, ""),
    ("#" * 1000000, ""),
    (JOBSPEC % (SLOT % (1, CORE % 1)) + "# " + "a && b & c\n# " * 20000, True),
]


def counts_and_depths():
    "counts, ranges, nesting, aliases and anchors: an answer each, then business as usual"
    with Server("--quiet") as s:
        c = Client(s.address, timeout=60)
        c.init(GRAPH)
        for text, expected in ROWS:
            request = pb.SatisfyRequest(jobspec=text)
            args = ("Satisfy", request, pb.SatisfyResponse)
            try:
                if isinstance(expected, bool):
                    assert c.call(*args).satisfiable == expected
                else:
                    refused(c.call, *args, code=CODE.INVALID_ARGUMENT, text=expected)
                    refused(c.match, text)
                    refused(c.match, text, True)
            except (AssertionError, grpc.RpcError):
                print("# jobspec: " + text[:200].replace("\n", "\n# "))
                raise
        assert c.match(job()).jobid > 0


def sizes():
    "larger requests than allowed: RESOURCE_EXHAUSTED with both numbers"
    with Server("--quiet", "--max-jobspec=4K") as s:
        c = Client(s.address)
        c.init(GRAPH)
        text = job() + "#" * 4096
        limit = f"jobspec: {len(text)} bytes, the limit is 4096"
        for reservation in (False, True):
            refused(c.match, text, reservation, code=CODE.RESOURCE_EXHAUSTED, text=limit)
        request = pb.SatisfyRequest(jobspec=text)
        args = ("Satisfy", request, pb.SatisfyResponse)
        refused(c.call, *args, code=CODE.RESOURCE_EXHAUSTED, text=limit)
        request = pb.FindRequest(criteria="status=up " * 10000)
        args = ("Find", request, pb.FindResponse)
        refused(c.call, *args, code=CODE.RESOURCE_EXHAUSTED, text="criteria: 100000 bytes")
        assert c.match(job()).jobid > 0
    with Server("--quiet") as s:
        c = Client(s.address)
        c.init(GRAPH)
        text = job() + "#" * (64 << 20)
        refused(c.match, text, code=CODE.RESOURCE_EXHAUSTED, text="the limit is 1048576")
        assert c.match(job()).jobid > 0
    with Server("--quiet", "--max-message=1M") as s:
        c = Client(s.address)
        refused(c.init, " " * (2 << 20), code=CODE.RESOURCE_EXHAUSTED)
        c.init(GRAPH)


def parsed_first():
    "what is long is parsed before a graph is locked, so that nobody waits for that"
    with Server("--quiet") as s:
        c = Client(s.address)
        c.init(GRAPH)
        rest = "[" * 20000
        for method, request, response in (
            ("Match", pb.MatchRequest(jobspec=rest, graph="none"), pb.MatchResponse),
            ("Satisfy", pb.SatisfyRequest(jobspec=rest, graph="none"), pb.SatisfyResponse),
            ("PartialCancel", pb.PartialCancelRequest(R=rest, graph="none", noent_ok=True),
             pb.PartialCancelResponse),
            ("Grow", pb.GrowRequest(subgraph=rest, graph="none"), pb.GrowResponse),
            ("Init", pb.InitRequest(jgf=rest, graph="none"), pb.InitResponse),
        ):
            # Who looks for the graph first says that there is none.
            code = CODE.UNKNOWN if method in ("Match", "Init") else CODE.INVALID_ARGUMENT
            refused(c.call, method, request, response, code=code)
        # And is right all the same.
        long = {"x": "y" * 20000, "version": 1, "execution": {
            "R_lite": [{"rank": "7", "children": {"core": "0"}}], "nodelist": ["n7"],
            "starttime": 0, "expiration": 0}}
        jobid = c.match(job()).jobid
        for noent_ok, id, text in ((False, 99, "nonexistent job 99"),
                                   (True, jobid, "1 ranks are not in the graph")):
            request = pb.PartialCancelRequest(jobid=id, R=json.dumps(long), noent_ok=noent_ok)
            code = CODE.NOT_FOUND if id == 99 else CODE.INVALID_ARGUMENT
            refused(c.call, "PartialCancel", request, pb.PartialCancelResponse, code=code,
                    text=text)
        allocation = c.match(job()).allocation
        request = pb.PartialCancelRequest(jobid=jobid + 1, R=allocation + " " * 20000)
        assert c.call("PartialCancel", request, pb.PartialCancelResponse).full_removal


def listening(port):
    "Local addresses of the listening sockets with this port, as the kernel writes them."
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            with open("/proc/net/" + name, encoding="ascii") as f:
                lines = f.readlines()[1:]
        except FileNotFoundError:
            continue
        for fields in map(str.split, lines):
            address, number = fields[1].split(":")
            if int(number, 16) == port and fields[3] == "0A":
                found.add(address)
    return found


def loopback():
    "without --host only this host reaches it; 0.0.0.0 is possible, with a warning"
    program = os.path.join(harness.BUILD, "src", "fluxion-server", "fluxion")
    local = {"0100007F", "00000000000000000000000001000000"}
    local.add("0000000000000000FFFF00000100007F")  # 127.0.0.1 of a socket for both
    for options, own in (([], True), (["--host=0.0.0.0"], False)):
        p = subprocess.Popen(
            [program, "--port=0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        p.stdout.readline()
        address = p.stdout.readline().split()[-1]
        addresses = listening(int(address.rsplit(":", 1)[1]))
        c = Client("localhost:" + address.rsplit(":", 1)[1])
        c.init(GRAPH)
        p.terminate()
        _, errors = p.communicate(timeout=60)
        assert addresses, address
        assert (addresses <= local) == own, (addresses, options)
        assert address.startswith("localhost:") == own, address
        assert ("WARNING" in errors) != own, errors
    p = subprocess.run([program, "--host="], capture_output=True, text=True, timeout=60)
    assert p.returncode == 2 and "--host" in p.stderr, p.stderr
    p = subprocess.run(
        [program, "--max-jobspec=0"], capture_output=True, text=True, timeout=60
    )
    assert p.returncode == 2 and "must not be 0" in p.stderr, p.stderr


def full_record():
    "a record that cannot be written: no further change, and status 1 at the end"
    with Server("--quiet", "--record=/dev/full") as s:
        c = Client(s.address)
        c.init(GRAPH)
        refused(c.match, job(), code=CODE.UNAVAILABLE, text="No space left on device")
        refused(c.cancel, 1, code=CODE.UNAVAILABLE, text="cannot be recorded")
        request = pb.SatisfyRequest(jobspec=job())
        assert c.call("Satisfy", request, pb.SatisfyResponse).satisfiable
        assert s.stop() == 1
        assert s.errors == "fluxion: --record=/dev/full: No space left on device\n", s.errors


def field(number, data):
    "A field of text as it is on the wire."
    n, size = len(data), b""
    while n > 127:
        size, n = size + bytes([n & 127 | 128]), n >> 7
    return bytes([number << 3 | 2]) + size + bytes([n]) + data


def texts():
    "what is not UTF-8, or has a NUL in it, is refused: it could not be kept, nor recorded"
    good = {"Match": field(1, job().encode()), "Init": field(2, GRAPH.encode())}
    names = {
        "Match": {1: "jobspec", 2: "request", 4: "graph", 6: "id"},
        "Init": {1: "policy", 2: "jgf", 3: "graph"},
        "Cancel": {3: "graph"},
        "Satisfy": {1: "jobspec", 2: "graph"},
        "Info": {2: "graph"},
        "Find": {1: "criteria", 2: "format", 3: "graph"},
        "PartialCancel": {2: "R", 4: "graph"},
        "Grow": {1: "subgraph", 2: "graph"},
        "Shrink": {1: "path", 2: "graph"},
        "Drop": {1: "graph"},
    }
    with tempfile.TemporaryDirectory() as d:
        options = ("--quiet", f"--state={d}/state", f"--record={d}/record")
        with Server(*options) as s:
            c = Client(s.address)
            c.init(GRAPH)
            for method, fields in names.items():
                call = c.channel.unary_unary("/fluxion.FluxionService/" + method)
                for number, name in fields.items():
                    for text, what in (
                        (b"\xff", "is not UTF-8"),
                        (b"\xc3", "is not UTF-8"),
                        (b"a\0b", "there is a NUL in it"),
                    ):
                        request = good.get(method, b"") + field(number, text)
                        refused(call, request, code=CODE.INVALID_ARGUMENT,
                                text=f"{method}: {name}: {what}")
            jobid = c.match(job()).jobid
        with Server(*options[:2]) as s:
            c = Client(s.address)
            assert c.call("Info", pb.InfoRequest(jobid=jobid), pb.InfoResponse).mode == "ALLOCATED"


def escapes():
    "what clients send does not reach the terminal of the log as it is"
    with tempfile.TemporaryDirectory():
        with Server() as s:
            c = Client(s.address)
            refused(c.init, GRAPH, "\x1b[31m")
            c.init(GRAPH, "first")
            refused(c.match, "\x1b]0;title\x07: [")
            refused(c.match, job().replace("core", "c\x1b[2Jore"))
            s.stop()
            assert "\x1b" not in s.output + s.errors, s.output


harness.run([counts_and_depths, sizes, texts, parsed_first, loopback, full_record, escapes])
