"""Many clients at once on one fluxion service, checked by replaying its record.

usage: load.py [SECONDS]; 3 in ordinary test runs, 60 by `make fluxion-load`.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

import harness
from harness import Client, Server, read

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 3
GRAPH = read("cluster-nodes.json")


def garbage(port, stop):
    """Bytes that are no HTTP/2, frames that are no gRPC, until told to stop."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    frames = [
        b"\0" * 512,
        preface + b"\xff" * 64,
        preface + settings + b"\0\0\5\1\4\0\0\0\1\x82\x86\x84\xff\xff",
        preface + settings + b"\0\xff\xff\0\1\0\0\0\1" + b"x" * 1000,
        b"GET /fluxion HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    count = 0
    while not stop.wait(0.02):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(frames[count % len(frames)])
        except OSError:
            pass
        count += 1


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmRSS"))


def vertices(allocation):
    """What an allocation holds, whatever the flavour of JGF."""
    nodes = json.loads(allocation)["graph"]["nodes"]
    return sorted(
        (n["metadata"]["paths"]["containment"], bool(n["metadata"].get("exclusive")))
        for n in nodes
    )


def replay(record, folder):
    """Run the recorded calls through resource-query; compare each answer."""
    commands, expected, specs = [], [], {}
    for line in open(record, encoding="utf-8"):
        e = json.loads(line)
        if e["op"] in ("match", "match-failed"):
            spec = specs.setdefault(e["jobspec"], f"{folder}/spec{len(specs)}.yaml")
            how = "allocate_orelse_reserve" if e["reservation"] else "allocate"
            commands.append(f"match {how} {spec}")
            expected.append(e)
        elif e["op"] == "cancel":
            commands.append(f"cancel {e['jobid']}")
    for text, path in specs.items():
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    graph, out = f"{folder}/graph.json", f"{folder}/out"
    with open(graph, "w", encoding="utf-8") as f:
        f.write(GRAPH)
    program = os.path.join(harness.BUILD, "src", "fluxion-tools", "resource-query")
    subprocess.run(
        [program, "-L", graph, "-f", "jgf", "-F", "jgf", "-P", "lonode", "-d"]
        + ["-S", "CA", "-t", out],
        input="\n".join(commands + ["quit", ""]),
        text=True,
        check=True,
        capture_output=True,
    )
    answers = []
    allocation = None
    for line in open(out, encoding="utf-8"):
        if line.startswith("{"):
            allocation = line
        elif line.startswith("INFO: JOBID="):
            answers.append([int(line.split("=")[1]), allocation, 0])
            allocation = None
        elif line.startswith("INFO: SCHEDULED AT="):
            at = line.split("=")[1].strip()
            answers[-1][2] = 0 if at == "Now" else int(at)
    assert len(answers) == len(expected), (len(answers), len(expected))
    for (jobid, text, at), e in zip(answers, expected):
        if e["op"] == "match-failed":
            assert text is None, (jobid, e)
            continue
        assert (jobid, at) == (e["jobid"], e["at"]), (jobid, at, e)
        assert vertices(text) == vertices(e["allocation"]), (jobid, text, e)
    return len(answers)


def load():
    "clients at once, some leaving, some sending garbage: no wrong allocation"
    generator = os.environ["FLUXION_GO_LOAD"]
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        record = f"{folder}/record"
        with Server("--quiet", f"--record={record}") as s:
            Client(s.address).init(GRAPH, "lonode")
            args = [generator, f"--address={s.address}", "--clients=32"]
            args += [f"--jobspec={harness.EXAMPLES}/jobspec.yaml"]
            subprocess.run([*args, "--time=1s"], check=True, capture_output=True)
            before = memory(s.process.pid)
            noise = threading.Thread(target=garbage, args=(s.port, stop))
            noise.start()
            p = subprocess.run(
                [*args, f"--time={SECONDS}s"], capture_output=True, text=True
            )
            stop.set()
            noise.join()
            after = memory(s.process.pid)
            assert p.returncode == 0, p.stderr
            result = json.loads(p.stdout)
            assert s.stop() == 0
        print("# " + json.dumps(result))
        print(f"# memory: {before} KiB before, {after} KiB after")
        assert result["failed"] == 0, p.stderr
        assert result["matched"] > 0 and result["canceled"] > 0
        print(f"# {replay(record, folder)} matches replayed")


harness.run([load])
