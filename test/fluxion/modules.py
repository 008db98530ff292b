#!/usr/bin/python3
"""A workload through the modules of the graph scheduler in virtual time.

usage: modules.py [COUNT [SEED [POLICY...]]]

COUNT * 50 jobs (100: a day of 5,000) on 1,000 nodes, as fluxion-trace makes them, for each
POLICY (easy). sched-fluxion-resource and -qmanager run in a real broker; job-manager is
this script, as a module, and the wall clock stands where it says. Each job has to start when it does in
the simulation, and all have to end.
"""

import errno
import heapq
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.path.abspath(os.environ.get("FLUX_TEST_BUILD") or "build")
FLUX = os.path.join(BUILD, "src", "cmd", "flux")
TRACE = os.path.join(BUILD, "test", "fluxion-trace_test")
NODES = 1000
EPOCH = 1000000000
SUCCESS, ANNOTATE = 0, 1


def jobspec(nodes, limit):
    core = {"type": "core", "count": 1}
    node = {"type": "node", "count": 1, "exclusive": True, "with": [core]}
    return {
        "version": 1,
        "resources": [{"type": "slot", "count": nodes, "label": "t", "with": [node]}],
        "tasks": [{"command": ["a"], "slot": "t", "count": {"per_slot": 1}}],
        "attributes": {"system": {"duration": limit}},
    }


class Manager:
    """What the queue manager knows of job-manager (RFC 27)."""

    def __init__(self, h):
        import flux.brokermod
        from flux.constants import FLUX_MSGTYPE_REQUEST, FLUX_MSGTYPE_RESPONSE, FLUX_O_NONBLOCK

        self.h, self.Message, self.nonblock = h, flux.message.Message, FLUX_O_NONBLOCK
        self.response = FLUX_MSGTYPE_RESPONSE
        self.now, self.start, self.R, self.ends = 0, {}, {}, []
        flux.brokermod.BrokerModule(h).set_running()
        msg = h.recv(FLUX_MSGTYPE_REQUEST, topic_glob="job-manager.sched-hello")
        h.respond_error(msg, errno.ENODATA)
        msg = h.recv(FLUX_MSGTYPE_REQUEST, topic_glob="job-manager.sched-ready")
        h.respond(msg, {"count": 0})

    def set_clock(self, now):
        self.now = now
        with open("clock.new", "w", encoding="ascii") as f:
            f.write(f"@{EPOCH + now}")
        os.rename("clock.new", "clock")

    def tell(self, topic, payload):
        """And wait until nothing more comes of it."""
        msg = self.Message()
        msg.topic, msg.payload = topic, payload
        self.h.send(msg)
        stats = "sched-fluxion-qmanager.stats-get"
        while self.h.rpc(stats).get()["queues"]["default"]["busy"]:
            pass
        while msg := self.h.recv(self.response, topic_glob="sched.alloc", flags=self.nonblock):
            text = msg.payload_str
            assert text and text[0] == "{", text
            answer = msg.payload
            if answer["type"] == SUCCESS:
                self.start[answer["id"] - 1], self.R[answer["id"] - 1] = self.now, answer["R"]
                self.fresh.append(answer["id"] - 1)
            else:
                assert answer["type"] == ANNOTATE, answer

    def replay(self, jobs):
        """Jobs are (submit, nodes, limit, run, start)."""
        arrivals = list(range(len(jobs)))[::-1]
        while arrivals or self.ends:
            times = [jobs[arrivals[-1]][0]] if arrivals else []
            now = min(times + [self.ends[0][0]] if self.ends else times)
            self.set_clock(now)
            self.fresh = []
            while self.ends and self.ends[0][0] == now:
                i = heapq.heappop(self.ends)[1]
                self.tell("sched.free", {"id": i + 1, "R": self.R.pop(i), "final": True})
            while arrivals and jobs[arrivals[-1]][0] == now:
                i = arrivals.pop()
                alloc = {"id": i + 1, "priority": 16, "userid": 0, "t_submit": float(now)}
                self.tell("sched.alloc", {**alloc, "jobspec": jobspec(*jobs[i][1:3])})
            for i in self.fresh:
                heapq.heappush(self.ends, (now + jobs[i][3], i))


def report(policy, jobs, manager, seconds):
    waits = sorted(manager.start[i] - jobs[i][0] for i in range(len(jobs)))
    end = max(manager.start[i] + jobs[i][3] for i in range(len(jobs)))
    work = sum(nodes * run for _, nodes, _, run, _ in jobs)
    yield (
        f"{policy:13} {sum(waits) / len(waits):10.0f} {waits[len(waits) // 2]:10}"
        f" {100 * work / NODES / (end - jobs[0][0]):11.1f} % {seconds:8.1f} s"
    )
    wrong = [i for i, job in enumerate(jobs) if manager.start[i] != job[4]]
    for i in wrong[:10]:
        yield f"job {i + 1} starts at {manager.start[i]}, not at {jobs[i][4]}"


def mod_main(h, *args):
    """In the place of job-manager."""
    try:
        with open("jobs", encoding="ascii") as f:
            jobs = [tuple(map(int, line.split())) for line in f]
        manager, t0 = Manager(h), time.monotonic()
        manager.replay(jobs)
        lines = list(report(args[0], jobs, manager, time.monotonic() - t0))
    except BaseException:  # pylint: disable=broad-exception-caught
        lines = ["", traceback.format_exc()]
    with open("result", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def outside(count, seed, policy):
    with tempfile.TemporaryDirectory(prefix="fluxion-modules.") as d:
        with open(os.path.join(d, "jobs"), "w", encoding="ascii") as f:
            command = [TRACE, str(count * 50), str(NODES), seed, "dump", policy]
            subprocess.run(command, stdout=f, check=True)
        with open(os.path.join(d, "resource.toml"), "w", encoding="ascii") as f:
            f.write(f'[resource]\nnoverify = true\n[[resource.config]]\nhosts = "n[0-{NODES - 1}]"\n')
            f.write('cores = "0"\n')
        env = {**os.environ, "FLUX_TEST_CLOCK": os.path.join(d, "clock")}
        env["LD_PRELOAD"] = os.path.join(BUILD, "test", "test-clock.so")
        env["PATH"] = os.path.dirname(FLUX) + ":" + env["PATH"]
        shutil.copy(__file__, os.path.join(d, "job-manager.py"))
        os.mkfifo(os.path.join(d, "result"))
        with open(env["FLUX_TEST_CLOCK"], "w", encoding="ascii") as f:
            f.write(f"@{EPOCH}")
        script = (
            "for m in sched-simple job-exec job-list cron job-ingest job-manager resource; do"
            " flux module remove $m || exit 1; done;"
            " flux module load resource monitor-force-up && exec >out 2>&1 &&"
            f" flux module load {d}/job-manager.py {policy} &&"
            " flux module load sched-fluxion-resource policy=low &&"
            f" flux module load sched-fluxion-qmanager queue-policy={policy} && cat result"
        )
        p = subprocess.run([FLUX, "start", "-c", d, "sh", "-c", script], env=env, cwd=d, check=False)
        with open(os.path.join(d, "out"), encoding="utf-8") as f:
            lines = f.read().splitlines()
        print("\n".join(lines), flush=True)
        return 1 if p.returncode != 0 or len(lines) != 1 else 0


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    print(f"{count * 50} jobs, {NODES} nodes, seed {seed}, through the modules; waits in seconds")
    print(f"{'policy':13} {'mean wait':>10} {'median':>10} {'utilization':>13} {'took':>10}", flush=True)
    return max(outside(count, seed, policy) for policy in sys.argv[3:] or ["easy"])


if __name__ == "__main__":
    sys.exit(main())
