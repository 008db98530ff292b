"""The guest of test/torture/guest, and the owner who looks after it.

usage: guest.py ROUNDS SEED; FLUX_URI and URI1 name the ranks, PYTHONPATH has wire.py.
"""

import importlib
import json
import os
import random
import sys
import time

import roles
from wire import *

fuzz = importlib.import_module("service-fuzz")
PER_ROUND = 200
MEMORY_MAX = 400 << 20  # of a broker: all that a guest may make it keep, and itself


def topics(owner):
    found = [t for (kind, t) in roles.handlers(owner)]
    found += [r.topic for r in roles.table()]
    return sorted({t.replace("*", "x") for t in found})


def topic(names):
    kind = random.randrange(20)
    if kind == 0:
        return random.choice(["", ".", "x" * 3000, "a\x1b[2J", "kvs", "kvs.", ".kvs",
                              f"{GUEST}-x.y", "nosuch.method", "kvs.disconnect.x"])
    if kind == 1:
        return None
    if kind < 5:
        service = random.choice(names).split(".")[0]
        return service + random.choice([".disconnect", ".cancel", ".get-cancel",
                                        ".lookup-cancel", ".stats-clear"])
    return random.choice(names)


def odd():
    """A value that no member of a request should have."""
    kind = random.randrange(12)
    if kind == 0:
        o = []
        for _ in range(random.choice([10, 300, 900])):
            o = random.choice([[o], {"id": o}])
        return o
    if kind == 1:
        return list(range(random.choice([1, 1000, 50000])))
    if kind == 2:
        return {"k" * i: i for i in range(random.choice([1, 200]))}
    if kind == 3:
        return random.choice(["\u0000", "a\u0000b", "\ud800", "x" * 10**6])
    return fuzz.value()


def mutate(o):
    """A request that is nearly right: members are missing, odd, or of another."""
    o = dict(o)
    for key in list(o):
        kind = random.randrange(6)
        if kind == 0:
            del o[key]
        elif kind < 3:
            o[key] = odd()
        elif kind == 3 and isinstance(o[key], dict):
            o[key] = mutate(o[key])
    return o


def deep():
    """Text that is nested beyond all reason, complete or not."""
    n = random.choice([500, 3000, 200000])
    head, tail = random.choice([(b'{"a":', b"}"), (b"[", b"]"), (b'{"id":[', b"]}")])
    return head * n + b"1" + (tail * n if random.randrange(2) else b"") + b"\0"


def payload(name, plausible):
    kind = random.randrange(12)
    known = plausible.get(name, {})
    if kind < 2:
        return known
    if kind < 8 and isinstance(known, dict) and known:
        return json.dumps(mutate(known)).encode() + b"\0"
    if kind == 8:
        return os.urandom(random.choice([1, 30, 5000]))
    if kind == 9 and random.randrange(10) == 0:
        return deep()
    return fuzz.payload()


def message(names, plausible, uuids):
    name = topic(names)
    kind = random.choice([REQUEST] * 12 + [EVENT] * 4 + [RESPONSE] * 3
                         + [CONTROL, 0, 3, 255])
    flags = random.choice([0, 0, 0, F_STREAMING, F_NORESPONSE, F_UPSTREAM, F_PRIVATE,
                           F_STREAMING | F_NORESPONSE, 0x80])
    routes = [random.choice(uuids) for _ in range(random.choice([0, 0, 0, 1, 2, 5]))]
    data = encode(kind, name, payload(name, plausible), flags=flags,
                  userid=random.choice([0, GUEST, UNKNOWN, 1000]),
                  rolemask=random.choice([0, OWNER, USER, OWNER | LOCAL, 0xFFFFFFFF]),
                  aux1=random.choice([ANY, ANY, ANY, 0, 1, 2, 99]),
                  aux2=random.choice([0, 1, 2, 3, random.randrange(1 << 32)]),
                  routes=routes)
    if random.randrange(200) == 0:
        data = bytearray(data)
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


class Guest:
    """Reads what it is sent, or does not, and comes back when it is put out."""

    def __init__(self, uri):
        self.uri = uri
        self.client = None

    def send(self, data):
        try:
            if not self.client:
                self.client = Client(guest=True, uri=self.uri)
                self.client.sock.setblocking(False)
            self.client.sock.sendall(data)
            if random.randrange(3):
                while self.client.sock.recv(1 << 16):
                    pass
                self.close()
        except BlockingIOError:
            if random.randrange(50) == 0:
                self.close()
        except ConnectionError:
            self.close()

    def close(self):
        if self.client:
            self.client.close()
        self.client = None


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if "VmRSS" in line)


def look(owner, before, job, pids):
    """The owner's view; the slowest answer."""
    slowest = 0
    for rank in (0, 1):
        start = time.monotonic()
        owner.ok("attr.get", {"name": "rank"}, rank)
        slowest = max(slowest, time.monotonic() - start)
    for pid in pids:
        roles.check(memory(pid) < MEMORY_MAX, f"broker {pid}: {memory(pid)} bytes")
    roles.compare(before, roles.snapshot(owner))
    o = owner.ok("job-list.list-id", {"id": job, "attrs": ["state"]}).json()["job"]
    roles.check(o["state"] == 16, f"the owner's job: {o}")
    return slowest


def main():
    rounds, seed = int(sys.argv[1]), int(sys.argv[2])
    random.seed(seed)
    owner = Client()
    spec_job = roles.flux("submit", "sleep", "100000")
    job = int(roles.flux("job", "id", "--to=dec", spec_job))
    roles.flux("job", "wait-event", spec_job, "start")
    roles.flux("kvs", "put", "secret=1")
    names, plausible = topics(owner), roles.payloads(job)
    uuids = ["x", "", roles.uuid(owner), roles.uuid(Client()), "00000000-0000"]
    watch = owner.ask("groups.get", {"name": "broker.online"}, flags=F_STREAMING)
    owner.answer(watch)
    barrier = owner.ask("barrier.enter", {"name": "owner", "nprocs": 2})
    before, slowest = roles.snapshot(owner), 0
    pids = [int(owner.ok("attr.get", {"name": "broker.pid"}, r).json()["value"])
            for r in (0, 1)]
    guests = [Guest(os.environ[v]) for v in ("FLUX_URI", "URI1", "FLUX_URI")]
    for i in range(rounds):
        for _ in range(PER_ROUND):
            random.choice(guests).send(message(names, plausible, uuids))
        if i % 10 == 0 or i == rounds - 1:
            slowest = max(slowest, look(owner, before, job, pids))
        early = [str(m) for m in owner.kept if m.tag in (watch, barrier)]
        roles.check(not early, f"the owner was told {early}")
        if roles.bad:
            print(f"seed {seed}, round {i}", *roles.bad, sep="\n", file=sys.stderr)
            sys.exit(1)
    for g in guests:
        g.close()
    second = Client()
    second.ok("barrier.enter", {"name": "owner", "nprocs": 2})
    owner.answer(barrier)
    roles.flux("cancel", spec_job)
    roles.flux("job", "wait-event", spec_job, "clean")
    print(f"{rounds * PER_ROUND} messages, slowest answer {slowest * 1000:.0f} ms, "
          f"{max(memory(p) for p in pids) >> 20} MB")


main()
