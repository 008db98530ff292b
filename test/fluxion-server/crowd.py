"""32 clients, one of which sends jobspecs of 14 MB: health stays quick.

usage: crowd.py [SECONDS]; 60 by `make fluxion-load`; ordinary test runs: 1, and 2 MB. With
FLUXION_HEALTH_MS (none in ordinary runs: machines are noisy) no answer of the health
service may take longer.
"""

import os
import subprocess
import sys
import threading

import grpc
import harness
from harness import Client, Server, pb, read

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 1
MEGABYTES = 14 if len(sys.argv) > 1 else 2
LIMIT_MS = float(os.environ.get("FLUXION_HEALTH_MS", "inf"))
GRAPH = read("cluster-nodes.json")
JOBSPEC = read("jobspec.yaml")
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", 64 << 20)]


def connect(address):
    c = Client(address, timeout=120)
    c.channel = grpc.insecure_channel(address, options=OPTIONS)
    return c


def heavy(address, stop, counts):
    "A jobspec that is right in the end, and one that is not."
    c = connect(address)
    texts = [JOBSPEC + f"# {'x' * 1000}\n" * 1000 * MEGABYTES, "[" + "{a: b}," * (143000 * MEGABYTES) + "{}]"]
    while not stop.is_set():
        try:
            c.cancel(c.match(texts[counts["heavy"] % 2]).jobid)
        except grpc.RpcError:
            pass
        counts["heavy"] += 1


def light(address, stop, counts, lock):
    c = connect(address)
    while not stop.is_set():
        try:
            c.cancel(c.match(JOBSPEC).jobid)
        except grpc.RpcError as e:
            assert "Allocation was not possible" in e.details(), e
        with lock:
            counts["light"] += 1
        stop.wait(0.02)


def crowd():
    "health is answered while 32 clients are served, one of them with large jobspecs"
    counts, lock, stop = {"heavy": 0, "light": 0}, threading.Lock(), threading.Event()
    with Server("--max-jobspec=64M", "--quiet") as s:
        c = connect(s.address)
        c.init(GRAPH, "lonode")
        threads = [threading.Thread(target=heavy, args=(s.address, stop, counts))]
        threads += [
            threading.Thread(target=light, args=(s.address, stop, counts, lock)) for _ in range(31)
        ]
        # In a process of its own: this one's threads wait for each other.
        probe = [sys.executable, "-c", PROBE, s.address, str(SECONDS)]
        for t in threads:
            t.start()
        p = subprocess.run(probe, stdout=subprocess.PIPE, text=True, timeout=SECONDS + 120)
        stop.set()
        for t in threads:
            t.join()
        times = sorted(float(x) for x in p.stdout.split())
        assert p.returncode == 0 and times, p
        print(
            f"# {len(times)} answers of health in {SECONDS:g} s: median {times[len(times) // 2]:.1f}"
            f" ms, most {times[-1]:.1f} ms; {counts['heavy']} jobspecs of {MEGABYTES} MB,"
            f" {counts['light']} others"
        )
        assert counts["heavy"] > 0 and counts["light"] > 0, counts
        assert times[-1] <= LIMIT_MS, times[-10:]
        find = pb.FindRequest(criteria="sched-now=allocated")
        assert c.call("Find", find, pb.FindResponse).result == ""


PROBE = """
import sys, time, grpc
check = grpc.insecure_channel(sys.argv[1]).unary_unary("/grpc.health.v1.Health/Check")
assert check(b"", timeout=60, wait_for_ready=True) == bytes([8, 1])
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    t = time.monotonic()
    assert check(b"", timeout=60) == bytes([8, 1])
    print(1000 * (time.monotonic() - t))
    time.sleep(0.005)
"""


harness.run([crowd])
