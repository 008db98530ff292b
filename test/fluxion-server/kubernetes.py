"""The worked example for Kubernetes: nodes and pods in, bindings out."""

import json
import os
import subprocess
import sys
import tempfile

import harness
from harness import Client, Server, pb

FOLDER = os.path.join(harness.EXAMPLES, "kubernetes")
NODES, PODS = (os.path.join(FOLDER, f) for f in ("nodes.json", "pods.json"))


def bind(address, nodes=NODES, pods=PODS):
    return subprocess.run(
        [sys.executable, os.path.join(FOLDER, "bind.py"), nodes, pods, f"--host={address}"],
        capture_output=True,
        text=True,
        timeout=60,
    )


def example():
    "pods go where they fit, by priority, labels and groups; the rest waits"
    with Server("--quiet") as s:
        p = bind(s.address)
        assert p.returncode == 0, p.stderr
        items = json.loads(p.stdout)["items"]
        # worker-1 has 2 cores left, worker-2 3, gpu-1 8 and 2 GPUs.
        assert [(b["metadata"]["name"], b["target"]["name"]) for b in items] == [
            ("train", "gpu-1"),  # has priority
            ("web", "worker-1"),
            ("db", "worker-2"),  # the first with an ssd
            ("ring-0", "worker-1"),
            ("ring-1", "worker-2"),
            ("warm", "gpu-1"),  # its init container wants two cores
        ], items
        assert items[0]["kind"] == "Binding" and items[0]["metadata"]["namespace"] == "demo"
        # No GPU is left; of the group one does not fit, so that both wait.
        assert p.stderr == (
            "bind.py: not now: train-2: Allocation was not possible\n"
            "bind.py: not now: mpi-1: Allocation was not possible\n"
        ), p.stderr
        graphs = Client(s.address).call("List", pb.ListRequest(), pb.ListResponse).graphs
        assert [(g.name, g.jobs) for g in graphs] == [("kubernetes", 6)], graphs


def refusals():
    "no node, no file, no quantity: one line"
    with Server("--quiet") as s, tempfile.TemporaryDirectory() as d:

        def fails(nodes):
            path = os.path.join(d, "nodes.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(nodes, f)
            p = bind(s.address, path)
            assert p.returncode == 1 and p.stdout == "" and p.stderr.count("\n") == 1, p
            return p.stderr

        assert fails({"items": []}) == "bind.py: no node is ready\n"
        with open(NODES, encoding="utf-8") as f:
            nodes = json.load(f)
        nodes["items"][0]["status"]["allocatable"]["cpu"] = "4x"
        assert "'4x' is no quantity" in fails(nodes)
        del nodes["items"][0]["status"]["allocatable"]
        assert "'allocatable'" in fails(nodes)
        p = bind(s.address, os.path.join(d, "nosuch"))
        assert p.returncode == 1 and "No such file" in p.stderr, p
    p = bind("127.0.0.1:1")
    assert p.returncode == 1 and "UNAVAILABLE" in p.stderr, p


harness.run([example, refusals])
