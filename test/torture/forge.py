"""See test/torture/forge.

usage: forge.py COUNT SEED; forge.py inside SEED: what runs in each instance.
"""

import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import roles
from wire import *

fuzz = importlib.import_module("service-fuzz")
END_MAX = 60  # s, with the 10 s that a silent scheduler gets
MESSAGES = 150
R = {"version": 1, "execution": {"R_lite": [{"rank": "0-1", "children": {"core": "0-9"}}],
                                 "starttime": 0, "expiration": 0, "nodelist": ["x", "y"]}}


def spec(*args):
    return json.loads(roles.flux("run", "--dry-run", *args))


def number(job):
    return int(roles.flux("job", "id", "--to=dec", job))


class Forger:
    def __init__(self):
        self.specs = [spec("true"), spec("-n1000", "true"), spec("-N2", "sleep", "1")]
        self.jobs = [number(j) for j in self.submit()]
        self.uris = [os.environ["FLUX_URI"], roles.flux("exec", "-r1", "flux", "getattr",
                                                        "local-uri")]
        self.routes = []
        self.clients = []

    def submit(self):
        yield roles.flux("submit", "sleep", "1000")
        yield roles.flux("submit", "-N2", "--exclusive", "sleep", "0.1")
        yield roles.flux("submit", "--urgency=hold", "true")
        held = roles.flux("submit", "--urgency=hold", "true")
        yield held
        yield roles.flux("submit", f"--dependency=afterany:{held}", "true")
        yield roles.flux("submit", "sh", "-c", "trap '' TERM; sleep 1000")

    def job(self):
        return random.choice(self.jobs * 3 + [0, -1, 1, 2**62, 2**63 - 1])

    def client(self):
        if not self.clients or random.randrange(20) == 0:
            self.clients.append(Client(uri=random.choice(self.uris)))
            self.clients[-1].sock.setblocking(False)
        if random.randrange(30) == 0:
            self.clients.pop(random.randrange(len(self.clients))).close()
            return self.client()
        return random.choice(self.clients)

    def take_the_place(self, name):
        """Removes a module and is the service in its place, so that it is asked."""
        service, module = {"sched": ("sched", "sched-simple"),
                           "exec": ("job-exec", "job-exec")}[name]
        if subprocess.run(["flux", "module", "remove", module]).returncode:
            return
        c = Client()
        c.ok("service.add", {"service": service})
        if name == "sched":
            c.answer(c.ask("job-manager.sched-hello", {}, flags=F_STREAMING))
            c.rpc("job-manager.sched-ready", {"mode": "unlimited"})
        else:
            c.rpc("job-manager.exec-hello", {"service": service})
        c.ping()
        self.routes += [m.routes for m in c.kept if m.kind == REQUEST]
        c.sock.setblocking(False)
        if random.randrange(2):
            c.close()
        else:
            self.clients.append(c)
        if random.randrange(2):
            subprocess.run(["flux", "module", "load", module])

    def request(self):
        i = {"id": self.job()}
        return random.choice([
            ("sched.alloc", dict(i, priority=random.randrange(32), userid=os.getuid(),
                                 t_submit=1.0, jobspec=random.choice(self.specs))),
            ("sched.free", dict(i, R=R, final=True)), ("sched.cancel", i),
            ("sched.prioritize", {"jobs": [[self.job(), 5]]}),
            ("sched.expiration", dict(i, expiration=1.0)),
            ("job-manager.sched-hello", {}),
            ("job-manager.sched-ready", {"mode": random.choice(["unlimited", "limited"]),
                                         "limit": 1}),
            ("job-manager.exec-hello", {"service": random.choice(["sched", "x"])}),
            ("job-manager.disconnect", {}), ("sched.disconnect", {}),
            ("job-exec.disconnect", {}),
            ("job-exec.start", dict(i, userid=os.getuid(), R=R, reattach=True,
                                    jobspec=random.choice(self.specs))),
            ("job-exec.start", dict(i, userid=os.getuid(), R=R, reattach=False,
                                    jobspec=random.choice(self.specs))),
            ("job-exec.kill", dict(i, signum=random.randrange(66))),
            ("job-exec.expiration", dict(i, expiration=1.0)),
            ("job-exec.attach", {"shell": random.choice(["", "x"])}),
            ("job-exec.frames", os.urandom(random.choice([0, 1, 30, 300]))),
            ("job-exec.exchange", os.urandom(random.choice([0, 1, 30, 300]))),
            ("resource.acquire", {}), ("resource.acquire-cancel", {"matchtag": 1}),
            ("job-manager.urgency", dict(i, urgency=random.randrange(32))),
            ("job-manager.raise", dict(i, type="x", severity=random.randrange(3))),
            ("job-manager.events-journal", {}), ("job-manager.alloc-query", {}),
            ("job-manager.submit", {"jobs": [dict(
                i, urgency=16, flags=0, t_submit=1.0, env=0, userid=os.getuid(),
                jobspec=random.choice(self.specs))], "envs": [{}]}),
        ])

    def response(self):
        i = {"id": self.job()}
        kind = random.choice(["start", "finish", "release", "exception", "reattached"])
        data = {"start": {}, "finish": {"status": 0}, "reattached": {},
                "release": {"ranks": "all", "final": True},
                "exception": {"severity": 0, "type": "x", "note": "y"}}[kind]
        return random.choice([
            ("sched.alloc", dict(i, type=0, R=R, R_owed=bool(random.randrange(2)))),
            ("sched.alloc", dict(i, type=random.randrange(1, 5), note="x")),
            ("sched.free", {}), ("sched.cancel", {}), ("sched.alloc", {}),
            ("job-exec.start", dict(i, type=kind, data=data)),
            ("x.start", dict(i, type=kind, data=data)),
        ])

    def send(self):
        c = self.client()
        tag = random.choice([0, 0, 1, 2, random.randrange(2**32)])
        try:
            if random.randrange(3):
                topic, o = self.request()
                if random.randrange(8) == 0:
                    o = fuzz.payload()
                c.send(REQUEST, topic, o, aux1=random.choice([ANY, ANY, 0, 1]), aux2=tag,
                       flags=random.choice([0, F_STREAMING, F_NORESPONSE]))
            else:
                topic, o = self.response()
                routes = random.choice(self.routes) if self.routes else []
                c.send(RESPONSE, topic, o, aux1=random.choice([0, 0, 0, ENOSYS, EPERM]),
                       aux2=tag, routes=routes, flags=random.choice([0, F_STREAMING]))
            while random.randrange(2) and c.sock.recv(1 << 16):
                pass
        except BlockingIOError:
            pass
        except OSError:
            self.clients.remove(c)


def inside(seed):
    random.seed(seed)
    f = Forger()
    if random.randrange(2):
        f.take_the_place(random.choice(["sched", "exec"]))
    for _ in range(MESSAGES):
        f.send()
    Client().ping()
    print("sent", flush=True)
    if random.randrange(2):  # stays, and keeps its connections, until it is put out
        signal.pause()


def outside(count, seed):
    slowest = 0
    for n in range(seed, seed + count):
        p = subprocess.Popen(["flux", "start", "-s2", sys.executable, __file__, "inside",
                              str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        line = p.stdout.readline()
        start = time.monotonic()
        if n % 2:
            p.send_signal(signal.SIGTERM)
        else:
            time.sleep(0.5 * (n % 3))
            p.send_signal(signal.SIGTERM)
        try:
            _, err = p.communicate(timeout=END_MAX)
        except subprocess.TimeoutExpired:
            if "FORGE_KEEP" not in os.environ:
                p.kill()
            sys.exit(f"seed {n}: after {END_MAX} s it has not ended (pid {p.pid})")
        slowest = max(slowest, time.monotonic() - start)
        if line != "sent\n" or p.returncode < 0 or p.returncode == 128 + 11:
            sys.exit(f"seed {n}: {line!r}, status {p.returncode}\n{err}")
    print(f"{count} instances, the slowest took {slowest:.1f} s to end")


if sys.argv[1] == "inside":
    inside(int(sys.argv[2]))
else:
    outside(int(sys.argv[1]), int(sys.argv[2]))
