"""hostile-peer.py CASE [SEED]: speaks to rank 0 as a broker of the tree, and is none.

Prints what became of it; FLUX_URI is that of rank 0 of an instance of three.
"""

import random
import subprocess
import sys

from zpeer import *


def flux(*args):
    r = subprocess.run(("flux",) + args, text=True, timeout=60, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    return r.stdout.strip()


endpoint, version = flux("getattr", "tbon.endpoint"), flux("getattr", "version")
owner = Client()


def uuid_of(rank):
    """The last part of the way that a message of that rank has come."""
    uri = flux("exec", "-r", str(rank), "flux", "getattr", "local-uri")
    owner.ok("service.add", {"service": "who"})
    Client(uri=uri).ask("who.am", {})
    m = owner.wait(lambda m: m.kind == REQUEST and m.topic == "who.am")
    owner.ok("service.remove", {"service": "who"})
    return m.routes[0]


def statuses():
    """Of all ranks, when what was sent before has been read."""
    p = Peer(endpoint, f"last{random.random()}")
    p.send(frames(REQUEST, "broker.ping", {}, routes=[], aux1=ANY, aux2=1))
    p.recv()  # the kiss of death for who is not known
    p.close()
    flux("exec", "-r", "1", "true")
    return " ".join(line.split()[-1] for line in flux("overlay", "status").splitlines())


def claims():
    """A living rank is not to be had, whatever one calls oneself."""
    uuid = uuid_of(1)
    p = Peer(endpoint, "x")
    p.hello(1, version)
    print(p.recv()[2].rstrip(b"\0").decode())
    for name in (uuid.encode() + b"\0", uuid.encode() + b"\0z", uuid.encode()):
        q = Peer(endpoint, name)
        for status in (OFFLINE, 4, -1, 99):
            q.control(STATUS, status)
        q.control(DISCONNECT, 0)
        q.hello(1, version)
        print(statuses())
        q.close()
        print(statuses())


def odd_frames(names, routes):
    kind = random.choice([REQUEST] * 6 + [RESPONSE] * 4 + [EVENT] * 2 + [CONTROL] * 3
                         + [0, 3, 255])
    way = [random.choice(routes) for _ in range(random.choice([0, 1, 1, 2, 5, 255, 300]))]
    payload = random.choice([None, {}, {"id": 1}, [], os.urandom(40), b"\0", b"",
                             b"[" * 5000, {"topic": "x", "flags": 0}])
    parts = frames(kind, random.choice(names + [None, "", "x" * 70000]), payload,
                   flags=random.choice([0, F_STREAMING, F_NORESPONSE, F_UPSTREAM,
                                        F_PRIVATE, 0x80, 0xFF]),
                   userid=random.choice([0, GUEST, UNKNOWN]),
                   rolemask=random.choice([OWNER, OWNER, 0, USER, 0xFFFFFFFF]),
                   aux1=random.choice([0, 0, 1, 2, ANY, 5, 2**31, 99]),
                   aux2=random.choice([0, 1, 2, random.randrange(2**32)]),
                   routes=random.choice([None, way, way, way]))
    kind = random.randrange(30)
    if kind == 0:
        parts[random.randrange(len(parts))] = os.urandom(random.choice([0, 1, 20, 300]))
    elif kind == 1:
        random.shuffle(parts)
    elif kind == 2:
        parts = [b"x"] * random.choice([1, 2, 400])
    elif kind == 3:
        parts.pop()
    return parts


def fuzz():
    """Rank 2 is lost, another takes its place, and says what nobody would say."""
    random.seed(int(sys.argv[2]))
    names = [h["topic"].replace("*", "x")
             for name in ("broker", "kvs", "job-manager", "job-exec", "job-info",
                          "barrier", "cron", "resource")
             for h in owner.ok(name + ".handlers").json()["handlers"]
             if not any(w in h["topic"] for w in ("panic", "shutdown", "remove"))]
    routes = ["", "x", "0", uuid_of(1), "a" * 300, "z\0y"]
    owner.ok("overlay.disconnect-subtree", {"rank": 2}, 0)
    p = Peer(endpoint, "evil")
    p.option(RCVTIMEO, 100)
    p.hello(2, version)
    for i in range(int(sys.argv[3])):
        p.send(odd_frames(names, routes))
        if i % 50 == 0:
            owner.ping()
            while p.recv():
                pass
            p.hello(2, version, status=random.choice([1, 2, 3, 0, -1, 99]))
    owner.ping(1)
    p.close()
    print("lives")


{"claims": claims, "fuzz": fuzz}[sys.argv[1]]()
