"""Brokers that find each other by [bootstrap], each killed and started by itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

BUILD = os.environ.get("FLUX_TEST_BUILD") or os.path.abspath("build")
FLUX = os.path.join(BUILD, "src", "cmd", "flux")
LIMIT = 60  # s, for whatever has to happen


def ports(count):
    socks = [socket.socket() for _ in range(count)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    numbers = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return numbers


class Cluster:
    """SIZE brokers below the directory TOP, with the configuration CONF beside [bootstrap]
    and OPTIONS. What fails says SEED. Who ends is started again if ALWAYS, else only if it
    says that it lost its parent before it was in."""

    def __init__(self, top, size, options=(), conf="", seed=0, always=False):
        self.top, self.size, self.seed = top, size, seed
        self.options, self.always = list(options), always
        self.brokers = {}
        self.again = 0
        self.notes = []
        self.log = open(os.path.join(top, "log"), "ab")
        subprocess.run([FLUX, "keygen", os.path.join(top, "cert")], check=True)
        hosts = ",\n".join(
            f'{{ host = "a{i}", bind = "tcp://127.0.0.1:{p}", connect = "tcp://127.0.0.1:{p}" }}'
            for i, p in enumerate(ports(size)))
        with open(os.path.join(top, "conf.toml"), "w", encoding="ascii") as f:
            f.write(f'[tbon]\ntopo = "kary:2"\n{conf}\n[bootstrap]\ncurve_cert = "{top}/cert"\n'
                    f'hosts = [{hosts}]\n')
        self.uri = f"local://{top}/run-0/local-0"

    def note(self, text):
        self.notes.append(
            f"{time.strftime('%H:%M:%S')}.{int(time.time() * 1000) % 1000:03} {text}")

    def fail(self, text):
        print(f"seed {self.seed}: {text}", flush=True)
        for args in (["overlay", "status", "--no-pretty"], ["dmesg", "--human", "--color=never"]):
            try:
                p = subprocess.run([FLUX, *args], env=self.env(), stdout=subprocess.PIPE,
                                   text=True, timeout=LIMIT, check=False)
                print("\n".join(p.stdout.splitlines()[-60:]))
            except subprocess.TimeoutExpired:
                print(f"flux {args[0]} does not answer")
        print("\n".join(self.notes[-30:]))
        for p in self.brokers.values():
            p.kill()
        sys.exit(1)

    def start(self, rank):
        os.makedirs(os.path.join(self.top, f"run-{rank}"), exist_ok=True)
        self.note(f"rank {rank} starts")
        self.brokers[rank] = subprocess.Popen(
            [FLUX, "broker", "-c", self.top + "/conf.toml", f"-Srundir={self.top}/run-{rank}"]
            + self.options + (["sleep", "inf"] if rank == 0 else []),
            stdout=self.log, stderr=self.log_of(rank), stdin=subprocess.DEVNULL,
            env=dict(os.environ, FLUX_FAKE_HOSTNAME=f"a{rank}"))

    def log_of(self, rank):
        return open(os.path.join(self.top, f"log-{rank}"), "ab")

    def kill(self, rank):
        self.note(f"rank {rank} is killed")
        p = self.brokers.pop(rank)
        p.send_signal(signal.SIGKILL)
        p.wait()

    def env(self):
        return dict(os.environ, FLUX_URI=self.uri)

    def spawn(self, *args, out=subprocess.DEVNULL):
        return subprocess.Popen([FLUX, *args], stdout=out, stderr=out, text=True,
                                stdin=subprocess.DEVNULL, env=self.env())

    def flux(self, *args, limit=LIMIT):
        """Brokers that end meanwhile, and are to be started again, may be waited for."""
        p = self.spawn(*args, out=subprocess.PIPE)
        end = time.monotonic() + limit
        while True:
            try:
                out, err = p.communicate(timeout=0.5)
                return p.returncode, out, err
            except subprocess.TimeoutExpired:
                if (said := self.ended()) or time.monotonic() > end:
                    p.kill()
                    self.fail("\n".join([f"no answer: flux {' '.join(args)}"] + said))

    def ended(self):
        """What brokers said that should be there. Who is to be started again is, as by its
        unit."""
        said = []
        for rank, p in list(self.brokers.items()):
            if p.poll() is None:
                continue
            with open(os.path.join(self.top, f"log-{rank}"), encoding="utf-8") as f:
                words = f.read()[-2000:]
            last = words.rstrip().rsplit("\n", 1)[-1]
            if rank and (self.always or (p.returncode == 1 and "overlay: rank" in last)):
                self.note(f"rank {rank} ended: {last}")
                self.again += 1
                self.start(rank)
            else:
                said += [f"rank {rank} ended with {p.returncode}: {words}"]
        return said

    def wait_for(self, what, test):
        end = time.monotonic() + LIMIT
        while not test():
            if (said := self.ended()) or time.monotonic() > end:
                self.fail("\n".join([what] + said))
            time.sleep(0.02)

    def online(self):
        rc, out, _ = self.flux("overlay", "status", "--summary", "--no-pretty")
        return rc == 0 and out.strip().split(":")[-1].strip() == "full"

    def pid(self, rank=0):
        return self.brokers[rank].pid

    def descriptors(self, rank=0):
        return len(os.listdir(f"/proc/{self.pid(rank)}/fd"))

    def memory(self, rank=0):
        """kB"""
        with open(f"/proc/{self.pid(rank)}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def zombies(self):
        """Processes that brokers have not reaped, by the name of each."""
        pids = {p.pid for p in self.brokers.values()}
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    name, rest = f.read().rsplit(") ", 1)
            except OSError:
                continue
            state, parent = rest.split()[:2]
            if state == "Z" and int(parent) in pids:
                found.append(name)
        return found

    def jobs(self):
        rc, out, err = self.flux("jobs", "-a", "--json", "-c0")
        if rc != 0:
            self.fail(f"flux jobs: {err}")
        return json.loads(out).get("jobs", []) if out.strip() else []

    def end(self):
        """flux shutdown; nothing is left."""
        self.wait_for("what has ended is reaped", lambda: not self.zombies())
        rc = subprocess.run([FLUX, "shutdown", "--quiet"], env=self.env(), timeout=LIMIT,
                            check=False).returncode
        if rc != 0:
            self.fail(f"flux shutdown: {rc}")
        for rank, p in self.brokers.items():
            try:
                p.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.fail(f"rank {rank} does not end")
        left = subprocess.run(["pgrep", "-f", self.top], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.split()
        if left:
            self.fail(f"left behind: {left}")
