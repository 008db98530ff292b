"""What --state keeps: graphs and jobs after a stop, and after a kill at any moment."""

import json
import os
import signal
import subprocess
import tempfile

import grpc
import harness
from harness import Client, Server, pb, refused

GRAPH = harness.read("cluster-nodes.json")
JOBSPEC = harness.read("jobspec.yaml")
CODE = grpc.StatusCode


def match(c, name="", id="", reservation=False):
    request = pb.MatchRequest(jobspec=JOBSPEC, graph=name, id=id, reservation=reservation)
    return c.call("Match", request, pb.MatchResponse)


def find(c, criteria, name=""):
    request = pb.FindRequest(criteria=criteria, graph=name, format="jgf")
    return c.call("Find", request, pb.FindResponse).result


def info(c, jobid, name=""):
    request = pb.InfoRequest(jobid=jobid, graph=name)
    r = c.call("Info", request, pb.InfoResponse)
    return r.mode, r.reserved, r.at


def picture(c):
    "All that clients can see."
    graphs = c.call("List", pb.ListRequest(), pb.ListResponse).graphs
    seen = [(g.name, g.epoch, g.policy, g.jobs, g.vertices) for g in graphs]
    for g in graphs:
        for criteria in ("status=up", "sched-now=allocated", "sched-future=reserved"):
            seen.append(find(c, f"{criteria} agfilter=t", g.name))
    return seen


def init(c, name="", policy="lonode"):
    request = pb.InitRequest(jgf=GRAPH, policy=policy, graph=name, report=True)
    return c.call("Init", request, pb.InitResponse)


def crash(s):
    s.process.send_signal(signal.SIGKILL)
    s.process.communicate()


def restart():
    "graphs, jobs, reservations, answers, growth, epochs and ids go on after stop and kill"
    with tempfile.TemporaryDirectory() as d:
        state = f"--state={d}/state"
        with Server(state, "--quiet") as s:
            c = Client(s.address)
            assert init(c).epoch == 1 and init(c, "other", "first").epoch == 2
            jobs = [match(c).jobid for _ in range(3)]
            kept = match(c, id="mine")
            later = match(c, reservation=True)
            assert later.reserved
            for _ in range(2):
                match(c, "other")
            c.cancel(jobs[1])
            c.call("Shrink", pb.ShrinkRequest(path="/tiny0/rack0/node1/socket1",
                                              graph="other"), pb.ShrinkResponse)
            init(c, "gone")
            c.call("Drop", pb.DropRequest(graph="gone"), pb.DropResponse)
            before = picture(c)
            facts = [info(c, j) for j in (jobs[0], kept.jobid, later.jobid)]
            s.stop()
            assert s.errors == "", s.errors
        for how in (crash, crash, Server.stop):
            with Server(state, "--quiet") as s:
                c = Client(s.address)
                assert picture(c) == before
                assert [info(c, j) for j in (jobs[0], kept.jobid, later.jobid)] == facts
                assert match(c, id="mine") == kept
                r = match(c, "other")
                assert r.jobid > later.jobid + 2, r.jobid
                c.call("Cancel", pb.CancelRequest(jobID=r.jobid, graph="other"),
                       pb.CancelResponse)
                check = c.channel.unary_unary("/grpc.health.v1.Health/Check")
                assert check(b"", timeout=30) == b"\x08\x01"
                how(s)
        with Server(state, "--quiet") as s:
            c = Client(s.address)
            assert init(c, "new").epoch == 4
            r = init(c)
            assert r.epoch == 5 and jobs[0] in r.replaced and jobs[1] not in r.replaced
            crash(s)
        with Server(state, "--quiet") as s:
            c = Client(s.address)
            assert match(c).jobid > later.jobid + 2
            assert init(c).epoch == 6


def killed():
    "whatever was answered before a kill is there after it; what was not can be asked again"
    with tempfile.TemporaryDirectory() as d:
        held, pending = {}, None
        for turn in range(8):
            with Server(f"--state={d}", "--quiet") as s:
                c = Client(s.address)
                if turn == 0:
                    init(c)
                r = match_or_none(c, pending) if pending else None
                if r:
                    held[r.jobid] = core_of(r)
                for jobid, core in held.items():
                    assert f'/{core}"' in find(c, f"jobid-alloc={jobid}"), (jobid, core)
                graphs = c.call("List", pb.ListRequest(), pb.ListResponse).graphs
                assert graphs[0].jobs == len(held), (graphs, held)
                for jobid in list(held)[: turn % 3]:
                    c.cancel(jobid)
                    del held[jobid]
                r = match_or_none(c, f"first of {turn}")
                if r:
                    held[r.jobid] = core_of(r)
                pending = f"second of {turn}"
                request = pb.MatchRequest(jobspec=JOBSPEC, id=pending).SerializeToString()
                c.channel.unary_unary("/fluxion.FluxionService/Match").future(request)
                crash(s)
        assert held


def core_of(r):
    nodes = json.loads(r.allocation)["graph"]["nodes"]
    return next(n["metadata"]["name"] for n in nodes if n["metadata"]["type"] == "core")


def match_or_none(c, id):
    try:
        return match(c, id=id)
    except grpc.RpcError as e:
        assert e.code() == CODE.UNKNOWN, e
        return None


def refusals():
    "a directory that is in use, damaged or not to be made: one line, and status 1"
    program = os.path.join(harness.BUILD, "src", "fluxion-server", "fluxion")

    def fails(d):
        p = subprocess.run([program, "--port=0", f"--state={d}"], capture_output=True,
                           text=True, timeout=60)
        assert p.returncode == 1 and p.stderr.count("\n") == 1, p
        return p.stderr

    assert fails("/nonexistent/x") == (
        "fluxion: --state=/nonexistent/x: No such file or directory\n")
    with tempfile.TemporaryDirectory() as d:
        with Server(f"--state={d}", "--quiet") as s:
            c = Client(s.address)
            init(c)
            match(c)
            assert "another server uses it" in fails(d)
        with open(f"{d}/default.1.journal", encoding="utf-8") as f:
            good = f.read()
        for bad, text in ((good + "oops\n", "default.1.journal:2: "),
                          (good + good, "default.graph: job 1: "),
                          (good.replace("[8,", "[999,"), "not of this graph"),
                          ('{"op":"jump"}\n', "unknown change: jump"),
                          (good + '{"op":"cancel"}\n', "cancel without jobid")):
            with open(f"{d}/default.1.journal", "w", encoding="utf-8") as f:
                f.write(bad)
            assert text in fails(d), (text, fails(d))
        with open(f"{d}/default.1.journal", "w", encoding="utf-8") as f:
            f.write(good)
        with open(f"{d}/default.graph", encoding="utf-8") as f:
            snapshot = f.read()
        for key in ("topology", "jobs", "weights", "epoch", "jobid", "fingerprint"):
            for value in ({}, "x", -1, None):
                with open(f"{d}/default.graph", "w", encoding="utf-8") as f:
                    json.dump({**json.loads(snapshot), key: value}, f)
                assert "default.graph: " in fails(d), (key, value)
        with open(f"{d}/default.graph", "w", encoding="utf-8") as f:
            f.write(snapshot)
        with open(f"{d}/default.1.journal", "w", encoding="utf-8") as f:
            f.write(good + '{"op":"cancel","job')  # cut short: was not answered
        with Server(f"--state={d}", "--quiet") as s:
            assert info(Client(s.address), 1)[0] == "ALLOCATED"


harness.run([restart, killed, refusals])
