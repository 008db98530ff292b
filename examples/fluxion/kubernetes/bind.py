#!/usr/bin/python3
"""Place the pods of a Kubernetes cluster with the fluxion service.

    kubectl get nodes -o json >nodes.json
    kubectl get pods -A -o json >pods.json
    bind.py nodes.json pods.json >bindings.json
    kubectl create --raw ... <one of the bindings>

The nodes become a resource graph: cluster, zone, node, and below each node its cores, its
memory and its GPUs, as far as they are allocatable and not taken by pods that run there.
Labels of a node are its properties. Nodes that are not ready, cordoned, or have a taint
that keeps pods away are left out. Each pending pod of the scheduler (--scheduler) becomes
a jobspec; where it fits, a Binding is printed. Pods of one group (the label
scheduling.x-k8s.io/pod-group) are bound all or none. The uid of a pod is the id of its
request, so that a lost answer is asked for again.
"""

import argparse
import json
import math
import os
import sys

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from client import FluxionClient, pb  # noqa: E402

ZONE = "topology.kubernetes.io/zone"
GROUP = "scheduling.x-k8s.io/pod-group"
GPU = "nvidia.com/gpu"
SUFFIX = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "P": 1e15, "E": 1e18, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
    "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip


def quantity(text):
    """'250m', '4', '16Gi' as a number."""
    text = str(text)
    number = text.rstrip("numkKMGTPEi")
    suffix = text[len(number) :]
    try:
        return float(number) * SUFFIX[suffix]
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is no quantity") from None


def requests(pod):
    """What a pod asks for: all its containers, or one of those that run before them."""
    spec = pod["spec"]

    def one(container):
        return container.get("resources", {}).get("requests", {})

    total = {}
    for name in ("cpu", "memory", GPU):
        together = sum(quantity(one(c).get(name, 0)) for c in spec["containers"])
        before = [quantity(one(c).get(name, 0)) for c in spec.get("initContainers", [])]
        total[name] = max([together, *before])
    return total


def counts(amounts, rounded=math.ceil):
    """Cores, gibibytes of memory, GPUs."""
    return {
        "core": rounded(round(amounts.get("cpu", 0), 6)),
        "memory": rounded(round(amounts.get("memory", 0) / 2**30, 6)),
        "gpu": rounded(amounts.get(GPU, 0)),
    }


def is_usable(node):
    ready = any(
        c["type"] == "Ready" and c["status"] == "True"
        for c in node.get("status", {}).get("conditions", [])
    )
    spec = node.get("spec", {})
    taints = {t["effect"] for t in spec.get("taints", [])}
    return ready and not spec.get("unschedulable") and not taints & {"NoSchedule", "NoExecute"}


class Graph:
    """JGF, vertex by vertex."""

    def __init__(self):
        self.nodes, self.edges = [], []

    def add(self, parent, kind, number, name=None, properties=None, rank=-1):
        name = name or f"{kind}{number}"
        vertex = str(len(self.nodes))
        path = (self.path(parent) if parent else "") + "/" + name
        metadata = {
            "type": kind, "basename": kind, "name": name, "id": number, "rank": rank,
            "uniq_id": len(self.nodes), "paths": {"containment": path},
        }  # fmt: skip
        if properties:
            metadata["properties"] = properties
        self.nodes.append({"id": vertex, "metadata": metadata})
        if parent:
            self.edges.append({"source": parent, "target": vertex})
        return vertex

    def path(self, vertex):
        return self.nodes[int(vertex)]["metadata"]["paths"]["containment"]

    def text(self):
        return json.dumps({"graph": {"nodes": self.nodes, "edges": self.edges}})


def to_jgf(nodes, pods):
    """The graph of what pods can still get; None if that is nothing."""
    graph, zones = Graph(), {}
    usable = [n for n in nodes if is_usable(n)]
    used = {}
    for pod in pods:
        phase = pod.get("status", {}).get("phase")
        if pod["spec"].get("nodeName") and phase not in ("Succeeded", "Failed"):
            used.setdefault(pod["spec"]["nodeName"], []).append(requests(pod))
    cluster = graph.add(None, "cluster", 0)
    for rank, node in enumerate(usable):
        name, labels = node["metadata"]["name"], node["metadata"].get("labels", {})
        zone = labels.get(ZONE, "default")
        if zone not in zones:
            zones[zone] = graph.add(cluster, "zone", len(zones), zone)
        properties = {f"{k}={v}": "" for k, v in labels.items()}
        vertex = graph.add(zones[zone], "node", rank, name, properties, rank)
        free = {k: quantity(v) for k, v in node["status"]["allocatable"].items()
                if k in ("cpu", "memory", GPU)}  # fmt: skip
        for taken in used.get(name, []):
            for kind, amount in taken.items():
                free[kind] = free.get(kind, 0) - amount
        for kind, count in counts(free, math.floor).items():
            for number in range(count):
                graph.add(vertex, kind, number, rank=rank)
    return graph.text() if usable else None


def to_jobspec(pod):
    """One slot on one node, with what the pod asks for."""
    wanted = [
        {"type": kind, "count": count} for kind, count in counts(requests(pod)).items() if count
    ] or [{"type": "core", "count": 1}]
    system = {"duration": 0}
    selector = pod["spec"].get("nodeSelector", {})
    if selector:
        system["constraints"] = {"properties": [f"{k}={v}" for k, v in selector.items()]}
    return json.dumps(
        {
            "version": 9999,
            "resources": [
                {
                    "type": "node",
                    "count": 1,
                    "with": [{"type": "slot", "count": 1, "label": "pod", "with": wanted}],
                }
            ],
            "tasks": [{"command": ["pod"], "slot": "pod", "count": {"per_slot": 1}}],
            "attributes": {"system": system},
        }
    )


def binding(pod, node):
    meta = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta["name"], "namespace": meta.get("namespace", "default")},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def node_of(allocation):
    for vertex in json.loads(allocation)["graph"]["nodes"]:
        if vertex["metadata"]["type"] == "node":
            return vertex["metadata"]["name"]
    raise ValueError("the allocation has no node")


def groups(pods, scheduler):
    """Pending pods of the scheduler: those of a group together, the most urgent first."""
    result = {}
    for i, pod in enumerate(pods):
        spec = pod["spec"]
        if spec.get("nodeName") or spec.get("schedulerName", "default-scheduler") != scheduler:
            continue
        meta = pod["metadata"]
        group = meta.get("labels", {}).get(GROUP)
        key = (meta.get("namespace"), group) if group else i
        result.setdefault(key, []).append(pod)
    return sorted(result.values(), key=lambda g: -max(p["spec"].get("priority", 0) for p in g))


def place(client, graph, epoch, group):
    """Bindings of all pods of the group; or none, and nothing is held."""
    jobs, bindings = [], []
    for pod in group:
        request = pb.MatchRequest(
            jobspec=to_jobspec(pod), request="allocate", graph=graph, epoch=epoch,
            id=pod["metadata"].get("uid", ""),
        )  # fmt: skip
        try:
            answer = client.call("Match", request, pb.MatchResponse)
        except grpc.RpcError as e:
            if e.code() != grpc.StatusCode.UNKNOWN:
                raise
            for jobid in jobs:
                request = pb.CancelRequest(jobID=jobid, graph=graph, epoch=epoch)
                client.call("Cancel", request, pb.CancelResponse)
            return None, f"{pod['metadata']['name']}: {e.details()}"
        jobs.append(answer.jobid)
        bindings.append(binding(pod, node_of(answer.allocation)))
    return bindings, None


def items(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)["items"]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("nodes", help="kubectl get nodes -o json")
    p.add_argument("pods", help="kubectl get pods -A -o json")
    p.add_argument("--host", default="localhost:4242")
    p.add_argument("--tls-ca", help="PEM file of the CA that signed the server")
    p.add_argument("--graph", default="kubernetes", help="name of the graph in the service")
    p.add_argument("--policy", default="lonode")
    p.add_argument("--scheduler", default="fluxion", help="schedulerName of the pods")
    args = p.parse_args()

    try:
        pods = items(args.pods)
        jgf = to_jgf(items(args.nodes), pods)
        if not jgf:
            sys.exit("bind.py: no node is ready")
        client = FluxionClient(args.host, args.tls_ca)
        request = pb.InitRequest(jgf=jgf, policy=args.policy, graph=args.graph, report=True)
        epoch = client.call("Init", request, pb.InitResponse).epoch
        bound = []
        for group in groups(pods, args.scheduler):
            bindings, why = place(client, args.graph, epoch, group)
            bound += bindings or []
            if why:
                print(f"bind.py: not now: {why}", file=sys.stderr)
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": bound}, indent=2))
    except grpc.RpcError as e:
        sys.exit(f"fluxion at {args.host}: {e.code().name}: {e.details()}")
    except KeyError as e:
        sys.exit(f"bind.py: the nodes or pods have no {e}")
    except (ValueError, OSError) as e:
        sys.exit(f"bind.py: {e}")


if __name__ == "__main__":
    main()
