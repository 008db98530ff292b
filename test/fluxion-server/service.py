"""The fluxion service as its clients see it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

import grpc
import harness
from harness import Client, Server, pb, read, refused

GRAPH = read("cluster-nodes.json")
JOBSPEC = read("jobspec.yaml")


def picked(response):
    """(core, socket, node) ids of an allocation."""
    nodes = json.loads(response.allocation)["graph"]["nodes"]
    ids = {n["metadata"]["type"]: n["metadata"] for n in nodes}
    return tuple(ids[t]["uniq_id"] for t in ("core", "socket", "node"))


def edges(response):
    return [
        (int(e["source"]), int(e["target"]))
        for e in json.loads(response.allocation)["graph"]["edges"]
    ]


def greeting():
    "start-up prints two lines"
    with Server() as s:
        assert s.greeting[0] == "🦩️ This is the fluxion graph server", s.greeting
        assert s.greeting[1].startswith("[GRPCServer] gRPC Listening on 127.0.0.1:")
        assert s.stop() == 0
        assert s.errors == "", s.errors


def lonode():
    "A1-A3, A5: policy lonode; allocation text byte for byte"
    with Server() as s:
        c = Client(s.address)
        assert c.init(GRAPH, "lonode").ByteSize() == 0
        r = c.match(JOBSPEC)
        with open(os.path.join(os.path.dirname(__file__), "allocation.json")) as f:
            assert r.allocation == f.read()
        assert (r.status, r.jobid, r.reserved, r.at) == (0, 1, False, 0)
        for jobid, ids in (2, (26, 5, 2)), (3, (44, 6, 3)), (4, (62, 7, 3)):
            r = c.match(JOBSPEC)
            assert (r.jobid, r.reserved, r.at) == (jobid, False, 0)
            assert picked(r) == ids, picked(r)
        refused(c.match, JOBSPEC, text="Allocation was not possible")
        r = c.match(JOBSPEC, True)
        assert (r.reserved, r.at) == (True, 3600), r
        # the failed attempt took number 5
        assert r.jobid == 6, r.jobid
        assert c.cancel(r.jobid).status == pb.CancelResponse.CANCEL_SUCCESS
        assert c.cancel(1).status == pb.CancelResponse.CANCEL_SUCCESS
        assert picked(c.match(JOBSPEC)) == (8, 4, 2)


def first():
    "A4: no policy means first"
    with Server() as s:
        c = Client(s.address)
        c.init(GRAPH)
        r = c.match(JOBSPEC)
        assert picked(r) == (79, 7, 3)
        assert edges(r) == [(7, 79), (3, 7), (1, 3), (0, 1)], edges(r)
        assert picked(c.match(JOBSPEC)) == (43, 5, 2)
        assert picked(c.match(JOBSPEC)) == (61, 6, 3)
        assert picked(c.match(JOBSPEC)) == (25, 4, 2)
        refused(c.match, JOBSPEC, text="Allocation was not possible")


def errors():
    "A6: bad graphs, policies, jobspecs and messages are refused with a text"
    precondition = grpc.StatusCode.FAILED_PRECONDITION
    with Server() as s:
        c = Client(s.address)
        refused(c.match, JOBSPEC, code=precondition, text="graph not initialized")
        refused(c.cancel, 1, code=precondition, text="graph not initialized")
        init = "issue initializing resource api client -1"
        for bad in ("", "garbage", "{}", '{"graph": {"nodes": []}}', "[" * 100000):
            refused(c.init, bad, "lonode", text=init)
        refused(c.init, GRAPH, "nosuch", text=init)
        c.init(GRAPH, "lonode")
        match = "[Fluxion] Error in ReapiCliMatchAllocate"
        for bad in ("", "garbage", "version: 1", JOBSPEC + "\n  - oops: ["):
            refused(c.match, bad, text=match)
        # a refused Init leaves the loaded graph alone, parse errors use no id
        refused(c.init, "garbage", text=init)
        assert c.match(JOBSPEC).jobid == 1
        assert c.cancel(99).status == pb.CancelResponse.CANCEL_SUCCESS
        # what others have heard is not told again
        assert "99" not in refused(c.match, "version: 1", text=match)
        raw = c.channel.unary_unary("/fluxion.FluxionService/Match")
        refused(raw, b"\xff\xff\xff", code=grpc.StatusCode.INVALID_ARGUMENT)
        raw = c.channel.unary_unary("/fluxion.FluxionService/Nosuch")
        refused(raw, b"", code=grpc.StatusCode.UNIMPLEMENTED)


def init_again():
    "Init replaces graph and jobs; ids are never given again"
    with Server() as s:
        c = Client(s.address)
        for jobid in (1, 2, 3):
            c.init(GRAPH, "lonode")
            r = c.match(JOBSPEC)
            assert (r.jobid, picked(r)) == (jobid, (8, 4, 2)), r.jobid
        # what the last graph does not know is nobody's any more
        assert c.cancel(1).status == pb.CancelResponse.CANCEL_SUCCESS
        assert picked(c.match(JOBSPEC)) == (26, 5, 2)
        s.stop()
        assert "graph default, epoch 2: 1 jobs are gone with it: 2\n" in s.output, s.output


def requests():
    "request says what is wanted; an unknown one is refused, and takes no id"
    with Server() as s:
        c = Client(s.address)
        c.init(GRAPH, "lonode")

        def match(request):
            request = pb.MatchRequest(jobspec=JOBSPEC, request=request)
            return c.call("Match", request, pb.MatchResponse)

        for bad in ("allocate_everything", "satisfiability", "Allocate"):
            refused(match, bad, code=grpc.StatusCode.INVALID_ARGUMENT, text=bad)
        for jobid in (1, 2, 3, 4):
            assert match("").jobid == jobid
        refused(match, "allocate", text="Allocation was not possible")
        r = match("allocate_orelse_reserve")
        assert (r.reserved, r.at) == (True, 3600), r


def graphs():
    "several graphs, each with its epoch; what is replaced or dropped says which jobs"
    precondition = grpc.StatusCode.FAILED_PRECONDITION
    with Server() as s:
        c = Client(s.address)

        def init(name):
            request = pb.InitRequest(jgf=GRAPH, policy="lonode", graph=name, report=True)
            return c.call("Init", request, pb.InitResponse)

        def match(name, epoch=0):
            request = pb.MatchRequest(jobspec=JOBSPEC, graph=name, epoch=epoch)
            return c.call("Match", request, pb.MatchResponse)

        def names():
            graphs = c.call("List", pb.ListRequest(), pb.ListResponse).graphs
            return [(g.name, g.epoch, g.policy, g.jobs, g.vertices) for g in graphs]

        def drop(name, epoch=0):
            request = pb.DropRequest(graph=name, epoch=epoch)
            return list(c.call("Drop", request, pb.DropResponse).jobs)

        assert names() == []
        assert init("b").epoch == 1 and init("a").epoch == 2
        refused(match, "", code=precondition, text="graph not initialized")
        refused(match, "nosuch", code=precondition, text="nosuch")
        for bad in ("x y", ".hidden", "a/b", "n" * 65):
            refused(init, bad, code=grpc.StatusCode.INVALID_ARGUMENT, text="name")
        assert (match("a").jobid, match("b").jobid, match("a").jobid) == (1, 2, 3)
        assert names() == [("a", 2, "lonode", 2, 100), ("b", 1, "lonode", 1, 100)], names()
        r = init("a")
        assert (r.epoch, list(r.replaced)) == (3, [1, 3]), r
        refused(match, "a", 2, code=precondition, text="epoch 2 is not that of now, 3")
        assert match("a", 3).jobid == 4
        cancel = pb.CancelRequest(jobID=4, graph="a", epoch=2)
        refused(c.call, "Cancel", cancel, pb.CancelResponse, code=precondition, text="epoch")
        cancel.epoch = 3
        c.call("Cancel", cancel, pb.CancelResponse)
        assert drop("a", 3) == [] and drop("b") == [2]
        refused(drop, "b", code=precondition)
        assert names() == []
        for i in range(64):
            init(f"g{i}")
        refused(init, "more", code=grpc.StatusCode.RESOURCE_EXHAUSTED, text="64 graphs")
        assert init("g0").epoch == 68


def cancelled():
    "after calls that are cancelled at any moment, asking again by id leaves nothing behind"
    with Server("--quiet") as s:
        c = Client(s.address)
        c.init(GRAPH, "lonode")
        match = c.channel.unary_unary("/fluxion.FluxionService/Match")
        find = pb.FindRequest(criteria="sched-now=allocated")
        for i in range(1000):
            request = pb.MatchRequest(jobspec=JOBSPEC, id=f"job {i}").SerializeToString()
            future = match.future(request, timeout=30)
            threading.Event().wait(i % 200 * 1e-5)
            future.cancel()
            again = [pb.MatchResponse.FromString(match(request)) for _ in range(2)]
            assert again[0].jobid == again[1].jobid, (i, again)
            c.cancel(again[0].jobid)
            assert c.call("Find", find, pb.FindResponse).result == "", i


def slow_jobspec():
    "Long to read, but right in the end."
    return JOBSPEC + "".join(f"# {'x' * 1000}\n" for _ in range(20000))


def left():
    "calls without an id that are cancelled while they wait or are executed keep nothing"
    with Server("--max-jobspec=64M", "--quiet") as s:
        c = Client(s.address, timeout=60)
        c.init(GRAPH, "lonode")
        match = c.channel.unary_unary("/fluxion.FluxionService/Match")
        check = c.channel.unary_unary("/grpc.health.v1.Health/Check")
        slow = pb.MatchRequest(jobspec=slow_jobspec()).SerializeToString()
        quick = pb.MatchRequest(jobspec=JOBSPEC).SerializeToString()
        for _ in range(20):
            # Four of a connection are received ahead: one of those that follow is, too.
            ahead = [match.future(slow, timeout=60) for _ in range(3)]
            futures = [match.future(quick, timeout=60) for _ in range(100)]
            check(b"", timeout=30)  # they are there
            for f in futures:
                f.cancel()
            check(b"", timeout=30)  # they are not any more
            waited = not ahead[2].done()
            if any(f.exception() for f in ahead):  # others were before them and took it all
                waited, job, last = False, 0, 0
                c.init(GRAPH, "lonode")
                continue
            last = max(pb.MatchResponse.FromString(f.result()).jobid for f in ahead)
            for job in range(1, last + 1):
                c.cancel(job)
            job = c.match(JOBSPEC).jobid
            if waited:
                break
            for job in range(last, job + 101):
                c.cancel(job)
        assert waited and job == last + 1, (waited, job, last)  # none was executed
        c.cancel(job)
        for _ in range(8):
            future = match.future(slow, timeout=60)
            check(b"", timeout=30)
            future.cancel()
        executed(s, c, 0)
        assert picked(c.match(JOBSPEC)) == (8, 4, 2)


def ids():
    "a request with an id that was answered gets the same answer, as long as the job lives"
    with Server() as s:
        c = Client(s.address)
        c.init(GRAPH, "lonode")

        def match(id, jobspec=JOBSPEC, reservation=False):
            request = pb.MatchRequest(jobspec=jobspec, id=id, reservation=reservation)
            return c.call("Match", request, pb.MatchResponse)

        r = match("a")
        assert match("a") == r and match("b").jobid == r.jobid + 1
        exists = grpc.StatusCode.ALREADY_EXISTS
        refused(match, "a", JOBSPEC + "\n", code=exists, text="is job 1")
        refused(match, "a", JOBSPEC, True, code=exists)
        refused(match, "x" * 129, code=grpc.StatusCode.INVALID_ARGUMENT, text="128")
        c.cancel(r.jobid)
        assert match("a").jobid == 3
        # What held it is no longer there: the answer would name what nobody has.
        c.call("Shrink", pb.ShrinkRequest(path="/tiny0/rack0/node0"), pb.ShrinkResponse)
        r = match("a")
        assert r.jobid == 4 and "/node1/" in r.allocation and "/node0/" not in r.allocation
        c.init(GRAPH, "lonode")
        assert match("a").jobid == 5


def executed(s, c, jobs):
    "Wait until so many jobs are there."
    while c.call("List", pb.ListRequest(), pb.ListResponse).graphs[0].jobs != jobs:
        pass


def late():
    "so does one whose deadline is over while it waits or is executed"
    with Server("--max-jobspec=64M") as s:
        c = Client(s.address, timeout=60)
        c.init(GRAPH, "lonode")
        match = c.channel.unary_unary("/fluxion.FluxionService/Match")
        request = pb.MatchRequest(jobspec=slow_jobspec()).SerializeToString()
        futures = [match.future(request, timeout=0.05) for _ in range(8)]
        for f in futures:
            try:
                c.cancel(pb.MatchResponse.FromString(f.result()).jobid)
            except grpc.RpcError as e:
                assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED, e
        executed(s, c, 0)
        assert picked(c.match(JOBSPEC)) == (8, 4, 2)


def channel(address):
    "A connection of its own."
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


def busy():
    "health and other clients are answered while one client's requests are executed"
    with Server("--max-jobspec=64M", "--quiet") as s:
        c = Client(s.address, timeout=120)
        c.init(GRAPH, "lonode")
        big = "[" + "{a: b}," * 200000 + "{}]"
        slow = c.channel.unary_unary("/fluxion.FluxionService/Match")
        request = pb.MatchRequest(jobspec=big).SerializeToString()
        futures = [slow.future(request, timeout=120) for _ in range(4)]
        other = Client(s.address)
        other.channel = channel(s.address)
        check = other.channel.unary_unary("/grpc.health.v1.Health/Check")
        for _ in range(50):
            assert check(b"", timeout=30) == b"\x08\x01"
            other.cancel(other.match(JOBSPEC).jobid)
        # All of that was done while the four were read, one after the other.
        assert not futures[3].done()
        for f in futures:
            assert "jobspec" in f.exception().details(), f.exception()


def additions():
    "Satisfy, Info, Find, PartialCancel, Shrink and Grow"
    with Server() as s:
        c = Client(s.address)
        c.init(GRAPH, "lonode")

        def satisfy(jobspec):
            return c.call(
                "Satisfy", pb.SatisfyRequest(jobspec=jobspec), pb.SatisfyResponse
            )

        assert satisfy(JOBSPEC).satisfiable
        many = JOBSPEC.replace("type: node\n              count: 1",
                               "type: node\n              count: 9")
        assert many != JOBSPEC and not satisfy(many).satisfiable
        refused(satisfy, "x: y", code=grpc.StatusCode.INVALID_ARGUMENT)

        def info(jobid):
            return c.call("Info", pb.InfoRequest(jobid=jobid), pb.InfoResponse)

        r = c.match(JOBSPEC)
        assert info(r.jobid).mode == "ALLOCATED"
        refused(info, 77, code=grpc.StatusCode.NOT_FOUND)

        def find(criteria):
            request = pb.FindRequest(criteria=criteria, format="simple")
            return c.call("Find", request, pb.FindResponse).result

        assert "core0" in find(f"jobid-alloc={r.jobid}")
        refused(find, "nosuch=", code=grpc.StatusCode.INVALID_ARGUMENT)

        def partial(jobid, text):
            request = pb.PartialCancelRequest(jobid=jobid, R=text)
            return c.call("PartialCancel", request, pb.PartialCancelResponse)

        refused(partial, r.jobid, "garbage", code=grpc.StatusCode.INVALID_ARGUMENT)
        c.cancel(r.jobid)

        path = "/tiny0/rack0/node1"
        c.call("Shrink", pb.ShrinkRequest(path=path), pb.ShrinkResponse)
        assert [picked(c.match(JOBSPEC))[2] for _ in range(2)] == [2, 2]
        refused(c.match, JOBSPEC)
        c.call("Grow", pb.GrowRequest(subgraph=subgraph(path)), pb.GrowResponse)
        assert picked(c.match(JOBSPEC))[2] == 3
        shrink = pb.ShrinkRequest(path="/nosuch")
        try:
            c.call("Shrink", shrink, pb.ShrinkResponse)
        except grpc.RpcError as e:
            assert e.code() in (
                grpc.StatusCode.NOT_FOUND,
                grpc.StatusCode.INVALID_ARGUMENT,
            )
        else:
            raise AssertionError("Shrink of an unknown path was accepted")


def subgraph(path):
    """The part of the graph at and below a path, with the way to it."""
    graph = json.loads(GRAPH)["graph"]

    def wanted(node):
        p = node["metadata"]["paths"]["containment"]
        return p == path or p.startswith(path + "/") or path.startswith(p + "/")

    nodes = [n for n in graph["nodes"] if wanted(n)]
    ids = {n["id"] for n in nodes}
    edges = [e for e in graph["edges"] if e["source"] in ids and e["target"] in ids]
    return json.dumps({"graph": {"nodes": nodes, "edges": edges}})


def version2():
    "a JGF version 2 graph is accepted"
    with Server() as s:
        c = Client(s.address)
        c.init(read("cluster-nodes-v2.json"), "lonode")
        spec = JOBSPEC.replace("        - type: rack\n          count: 1\n          with:\n", "")
        spec = "\n".join(
            [
                "version: 1",
                "resources:",
                "  - type: slot",
                "    count: 1",
                "    label: default",
                "    with:",
                "      - type: core",
                "        count: 1",
                "attributes: {system: {duration: 60}}",
                "tasks: [{command: [a], slot: default, count: {per_slot: 1}}]",
            ]
        )
        assert c.match(spec).jobid == 1


def tools():
    "health checking and reflection answer the usual tools"
    with Server() as s:
        channel = grpc.insecure_channel(s.address)
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        serving, waiting = b"\x08\x01", b"\x08\x02"
        assert check(b"", timeout=30) == waiting
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=30)
        assert next(watch) == waiting
        c = Client(s.address)
        c.init(GRAPH, "lonode")
        assert next(watch) == serving
        c.call("Drop", pb.DropRequest(), pb.DropResponse)
        assert next(watch) == waiting
        c.init(GRAPH, "lonode")
        assert next(watch) == serving
        watch.cancel()
        assert check(b"", timeout=30) == serving
        assert check(b"\x0a\x16fluxion.FluxionService", timeout=30) == serving
        refused(check, b"\x0a\x01x", code=grpc.StatusCode.NOT_FOUND)
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=30)
        assert next(watch) == serving
        watch.cancel()
        for version in ("v1alpha", "v1"):
            info = channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            )
            wanted = [b"\x3a\x00", b"\x1a\x0dfluxion.proto", b"\x22\x16fluxion.FluxionService"]
            answers = list(info(iter(wanted), timeout=30))
            assert len(answers) == 3
            assert b"grpc.health.v1.Health" in answers[0]
            assert b"FluxionService" in answers[1] and b"MatchRequest" in answers[1]
            assert b"MatchRequest" in answers[2]


def garbage():
    "garbage, half a request and a vanished client leave the server working"
    with Server() as s:
        for data in (b"\0" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256)) * 64):
            with socket.create_connection(("127.0.0.1", s.port)) as raw:
                raw.sendall(data)
        c = Client(s.address)
        c.init(GRAPH, "lonode")
        future = c.channel.unary_unary("/fluxion.FluxionService/Match").future(b"x" * 99)
        future.cancel()
        expired = c.channel.unary_unary("/fluxion.FluxionService/Match")
        try:
            expired(b"", timeout=-10)
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED, e.code()
        assert picked(c.match(JOBSPEC)) == (8, 4, 2)
        assert s.stop() == 0


def options():
    "bad options: one line, status 2; port in use: status 1"
    program = os.path.join(harness.BUILD, "src", "fluxion-server", "fluxion")

    def status(*args):
        p = subprocess.run([program, *args], capture_output=True, text=True, timeout=60)
        return p.returncode, p.stderr

    assert status("--nosuch")[0] == 2
    assert status("operand")[0] == 2
    assert status("--port=70000")[0] == 2
    assert status("--tls-cert=/dev/null")[0] == 2
    code, text = status("--tls-cert=/nonexistent", "--tls-key=/nonexistent")
    assert code == 1 and "No such file" in text
    with Server() as s:
        code, text = status("--host=127.0.0.1", f"--port={s.port}")
        assert code == 1 and "failed to listen" in text, text


def certificate(directory, name):
    """Paths of a key and of a certificate that it has signed itself."""
    key, cert = (os.path.join(directory, f"{name}.{x}.pem") for x in ("key", "cert"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-keyout", key, "-out", cert, "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return key, cert


def content(path):
    with open(path, "rb") as f:
        return f.read()


def tls():
    "TLS: a client with the CA is served, one in clear text is not"
    with tempfile.TemporaryDirectory() as d:
        key, cert = certificate(d, "server")
        with Server(f"--tls-cert={cert}", f"--tls-key={key}") as s:
            creds = grpc.ssl_channel_credentials(content(cert))
            c = Client(s.address, credentials=creds)
            c.init(GRAPH, "lonode")
            assert c.match(JOBSPEC).jobid == 1
            clear = Client(s.address, timeout=10)
            refused(clear.match, JOBSPEC, code=grpc.StatusCode.UNAVAILABLE)


def mutual_tls():
    "mutual TLS: only a client whose certificate the CA has signed is served"
    with tempfile.TemporaryDirectory() as d:
        (key, cert), client, other = (certificate(d, x) for x in ("server", "client", "other"))
        with Server(f"--tls-cert={cert}", f"--tls-key={key}", f"--tls-ca={client[1]}") as s:
            root = content(cert)
            creds = grpc.ssl_channel_credentials(root, *map(content, client))
            c = Client(s.address, credentials=creds)
            c.init(GRAPH, "lonode")
            assert c.match(JOBSPEC).jobid == 1
            for creds in (
                grpc.ssl_channel_credentials(root),
                grpc.ssl_channel_credentials(root, *map(content, other)),
                None,
            ):
                stranger = Client(s.address, timeout=10, credentials=creds)
                refused(stranger.match, JOBSPEC, code=grpc.StatusCode.UNAVAILABLE)
            assert c.match(JOBSPEC).jobid == 2


def log():
    "the request log has the lines of the reference"
    with Server() as s:
        c = Client(s.address)
        c.init(GRAPH, "lonode")
        c.match(JOBSPEC)
        c.cancel(1)
        s.stop()
        out = s.output
    start = (
        '[Fluxion] Created flux memory graph[Fluxion] match policy: {"matcher_policy": '
        '"lonode"}[Fluxion] There are no errors\n\n💼️ Allocation Result\n       Overhead: '
    )
    assert out.startswith(start), out[:400]
    for line in (
        "\n       Reserved: false\n         Status: MATCH_SUCCESS\n          Jobid: 1\n"
        "             At: 0\n     Allocation: {",
        "[Fluxion] received cancel request jobID:1\n",
    ):
        assert line in out, out


def replay(record):
    program = os.path.join(harness.EXAMPLES, "replay.py")
    with Server("--quiet") as s:
        return subprocess.run(
            [sys.executable, program, record, f"--host={s.address}"],
            capture_output=True,
            text=True,
            timeout=60,
        )


def replayed():
    "a record is replayed on another service, and what answers differently is found"
    with tempfile.TemporaryDirectory() as folder:
        record = f"{folder}/record"
        with Server("--quiet", f"--record={record}") as s:
            c = Client(s.address)
            c.init(GRAPH, "lonode")
            answers = [c.match(JOBSPEC) for _ in range(4)]
            refused(c.match, JOBSPEC, text="not possible")
            assert c.match(JOBSPEC, True).reserved
            request = pb.PartialCancelRequest(jobid=2, R=answers[1].allocation)
            c.call("PartialCancel", request, pb.PartialCancelResponse)
            c.cancel(1)
            c.cancel(77)  # there is none
            c.match(JOBSPEC)
            request = pb.ShrinkRequest(path="/tiny0/rack0/node1")
            c.call("Shrink", request, pb.ShrinkResponse)
            c.match(JOBSPEC, True)
            request = pb.InitRequest(jgf=GRAPH, graph="other")
            c.call("Init", request, pb.InitResponse)
            request = pb.MatchRequest(jobspec=JOBSPEC, graph="other")
            c.call("Match", request, pb.MatchResponse)
            c.call("Drop", pb.DropRequest(graph="other"), pb.DropResponse)
        p = replay(record)
        assert (p.returncode, p.stdout) == (0, "16 calls, and the same answers\n"), p
        with open(record, encoding="utf-8") as f:
            lines = f.readlines()
        for n, old, new, text in (
            (2, "core0", "core1", "line 2: job 1: allocation: "),
            (7, '"at":3600', '"at":3601', "line 7: job 6: at: 3600"),
            (6, "match-failed", "match", "line 6: UNKNOWN: Allocation was not possible"),
            (16, '"drop"', '"rise"', "line 16: "),
            (1, "{", "", "line 1: "),
        ):
            changed = lines.copy()
            changed[n - 1] = changed[n - 1].replace(old, new)
            with open(record, "w", encoding="utf-8") as f:
                f.writelines(changed)
            p = replay(record)
            assert p.returncode == 1 and text in p.stderr, (n, p)


def clients():
    "the example clients print what the README shows"
    with Server() as s:
        files = [os.path.join(harness.EXAMPLES, f) for f in ("cluster-nodes.json", "jobspec.yaml")]
        programs = [
            [sys.executable, os.path.join(harness.EXAMPLES, "client.py"), "--wait=0"]
            + [f"--host={s.address}"],
            [os.path.join(harness.BUILD, "src", "fluxion-server", "fluxion-client")]
            + [s.address, *files, "0"],
        ]
        go = os.environ.get("FLUXION_GO_CLIENT")
        if go:
            programs.append(
                [go, "--host=127.0.0.1", f"--port={s.port}", "--wait=0s"]
                + [f"--cluster-nodes={files[0]}", f"--jobspec={files[1]}"]
            )
        for program in programs:
            p = subprocess.run(program, capture_output=True, text=True, timeout=60)
            assert p.returncode == 0, (program, p.stdout, p.stderr)
            text = p.stdout + p.stderr
            assert "success" in text or "CANCEL_SUCCESS" in text, text


def go_cases():
    "A1-A6 with Go's client"
    with Server() as s:
        p = subprocess.run(
            [os.environ["FLUXION_GO_CASES"], f"--address={s.address}"]
            + [f"--cluster-nodes={harness.EXAMPLES}/cluster-nodes.json"]
            + [f"--jobspec={harness.EXAMPLES}/jobspec.yaml"]
            + [f"--allocation={os.path.dirname(__file__)}/allocation.json"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert p.returncode == 0, p.stderr
        assert p.stdout == "all cases pass\n", p.stdout


harness.run(
    [greeting, lonode, first, errors, init_again, requests, graphs]
    + [cancelled, left, ids, late, busy, additions, version2]
    + [tools, garbage, options, tls, mutual_tls, log, replayed, clients]
    + ([go_cases] if "FLUXION_GO_CASES" in os.environ else [])
)
