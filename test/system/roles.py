"""Cases of roles.t, each a guest against an instance of two brokers.

usage: roles.py CASE; FLUX_URI names rank 0, URI1 rank 1. Root runs it: a guest is a
connection of uid 65534. Says on stderr what is not as it should be, and exits 1.
"""

import base64
import fnmatch
import json
import os
import subprocess
import sys
import time

from wire import *

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "roles.tsv")
KIND = {"request": REQUEST, "event": EVENT}
bad = []


def check(good, text):
    if not good:
        bad.append(str(text))


def flux(*args):
    return subprocess.run(("flux",) + args, check=True, text=True, timeout=60,
                          stdout=subprocess.PIPE).stdout.strip()


class Row:
    def __init__(self, kind, topic, owner, guest, note=""):
        self.kind, self.topic, self.guest = KIND[kind], topic, guest
        assert owner == "yes" and guest in ("yes", "no", "own"), topic
        self.used = False
        # "of MODULE": there while this module is loaded
        self.module = note.split()[1].rstrip(";") if note.startswith("of ") else None


def table():
    with open(TABLE) as f:
        return [Row(*line.rstrip("\n").split("\t")) for line in f if line[0] != "#"]


def find(rows, kind, topic):
    """A row for this very topic goes before one with a pattern."""
    rows = [r for r in rows if r.kind == kind]
    for r in rows:
        if r.topic == topic:
            return r
    for r in rows:
        if fnmatch.fnmatchcase(topic, r.topic):
            return r
    return None


def handlers(owner):
    """{(kind, topic): (rolemask, module, rank)} of all that runs, on both ranks."""
    found = {}
    for rank in (0, 1):
        mods = owner.ok("module.list", nodeid=rank).json()["mods"]
        names = ["broker"] + [m["name"] for m in mods if m["path"] != "builtin"]
        for name in names:
            for h in owner.ok(name + ".handlers", nodeid=rank).json()["handlers"]:
                key = (h["type"], h["topic"])
                # what a module adds goes before what all modules have
                if key[0] != RESPONSE and key not in found:
                    found[key] = (h["rolemask"], name, rank)
    return found


def methods():
    """The table has what is registered, with its roles, and nothing else."""
    rows, found = table(), handlers(Client())
    loaded = {module for _, module, _ in found.values()}
    for (kind, topic), (rolemask, name, _) in sorted(found.items()):
        row = find(rows, kind, topic)
        if not row:
            check(False, f"{topic} of {name} (type {kind}) is not in roles.tsv")
            continue
        row.used = True
        check((row.guest != "no") == bool(rolemask & USER),
              f"{topic} of {name}: rolemask {rolemask:#x}, in roles.tsv: {row.guest}")
    for row in rows:
        check(row.used or row.topic == "config.sync"
              or (row.module and row.module not in loaded),
              f"{row.topic} is in roles.tsv, but nothing handles it")


def txn(namespace, *ops):
    """A KVS transaction (core/kvs/txn.h) of (kind, key, data)."""
    out = b"FKT1" + struct.pack("<III", 0, len(ops), len(namespace))
    out += namespace.encode() + b"\0"
    for kind, key, data in ops:
        out += struct.pack("<BBHII", kind, 0, 0, len(key), len(data))
        out += key.encode() + b"\0" + data + b"\0"
    return out


def signed(spec, userid=GUEST):
    """RFC 15 with the mechanism "none"."""
    header = f"version\0i1\0userid\0i{userid}\0mechanism\0snone\0".encode()
    parts = header, json.dumps(spec).encode()
    return ".".join([base64.b64encode(p).decode() for p in parts] + ["none"])


def payloads(job):
    """What a guest might say about what is the owner's."""
    ident = {"id": job}
    kvs = {"key": "resource.R", "namespace": "primary", "flags": 0}
    spec = json.loads(flux("run", "--dry-run", "true"))
    commit = txn("primary", (1, "secret", b"guest"))
    match = {"matchtag": 1}
    return {
        "attr.get": {"name": "rank"}, "attr.rm": {"name": "test.x"},
        "attr.set": {"name": "test.x", "value": "guest"},
        "barrier.enter": {"name": "guest", "nprocs": 2},
        "barrier.update": {"name": "owner", "nprocs": 2, "count": 2},
        "broker.getenv": {"names": ["PATH"]}, "broker.setenv": {"env": {"PATH": "/x"}},
        "broker.panic": {"reason": "guest"},
        "config.load": {"access": {}},
        "content.checkpoint-put": {"key": "kvs-primary", "value": {}},
        "content.load": os.urandom(20), "content.store": b"x",
        "event.publish": {"topic": "job-exception", "flags": 0},
        "event.subscribe": {"topic": "guest"}, "event.unsubscribe": {"topic": "guest"},
        "feasibility.check": {"jobspec": spec},
        "groups.get": {"name": "broker.online"}, "groups.join": {"name": "guest"},
        "groups.leave": {"name": "broker.online"},
        "groups.update": {"update": {"broker.online": "0"}},
        "job-exec.expiration": dict(ident, expiration=1.0),
        "job-exec.kill": dict(ident, signum=9),
        "job-exec.start": {"id": 1, "userid": GUEST, "jobspec": spec, "reattach": False,
                           "R": {"version": 1, "execution": {"R_lite": [
                               {"rank": "0", "children": {"core": "0"}}]}}},
        "job-exec.stdin": dict(ident, io={"stream": "stdin", "rank": "all",
                                          "eof": True}),
        "job-info.eventlog-watch": dict(ident, path="eventlog", flags=0),
        "job-info.lookup": dict(ident, keys=["R"], flags=0),
        "job-info.update-watch": dict(ident, key="R", flags=0),
        "job-ingest.submit": {"J": signed(spec), "urgency": 16, "flags": 0},
        "job-list.list": {"max_entries": 5, "attrs": ["all"], "constraint": {}},
        "job-list.list-id": dict(ident, attrs=["all"]),
        "job-manager.kill": dict(ident, signum=9),
        "job-manager.killall": {"dry_run": False, "userid": 0, "signum": 9},
        "job-manager.list": {"max_entries": 5, "attrs": ["id"]},
        "job-manager.memo": dict(ident, memo={"a": 1}),
        "job-manager.purge": {"age_limit": -1.0, "num_limit": 0, "batch": 10,
                              "force": True},
        "job-manager.purge-id": {"ids": [job]},
        "job-manager.queue-enable": {"enable": False, "all": True, "reason": "guest"},
        "job-manager.queue-start": {"start": False, "all": True, "nocheckpoint": False},
        "job-manager.raise": dict(ident, type="cancel", severity=0),
        "job-manager.raiseall": {"dry_run": False, "userid": 0, "severity": 0,
                                 "states": 127, "type": "cancel"},
        "job-manager.submit": {"jobs": [{"id": 1, "userid": GUEST, "urgency": 16,
                                         "flags": 0, "t_submit": 1.0, "env": 0,
                                         "jobspec": spec}], "envs": [{}]},
        "job-manager.update": dict(ident, updates={
            "attributes.system.duration": 1.0}),
        "job-manager.urgency": dict(ident, urgency=0),
        "job-manager.wait": ident,
        "kvs-watch.lookup": kvs, "kvs.commit": commit, "kvs.getroot": {
            "namespace": "primary"},
        "kvs.lookup": kvs, "kvs.wait-version": {"namespace": "primary", "sequence": 1},
        "kvs.namespace-create": {"namespace": "guest", "rootref": "", "owner": GUEST,
                                 "flags": 0},
        "kvs.namespace-remove": {"namespace": "owner"},
        "log.append": b"<6>1 2026-01-01T00:00:00Z host guest - - - a\x1b[2J\nlie",
        "module.load": {"path": "testmod", "args": []},
        "module.remove": {"name": "heartbeat"},
        "module.status": {"status": 4, "errnum": 1},
        "module.trace": {"names": ["*"]},
        "overlay.disconnect-subtree": {"rank": 1},
        "resource.drain": {"targets": "0-1", "reason": "guest", "mode": ""},
        "resource.undrain": {"targets": "0-1"},
        "rexec.exec": {"cmd": {"cmdline": ["/bin/id"], "env": {}, "cwd": "/",
                               "opts": {}, "channels": []}, "flags": 7,
                       "local_flags": 0},
        "rexec.kill": {"pid": os.getpid(), "signum": 9},
        "runat.push": {"name": "rc3", "commands": ["false"]},
        "sched.resource-status": {},
        "service.add": {"service": "job-archive"}, "service.remove": {"service": "kvs"},
    } | {t: match for t in ("groups.get-cancel", "job-info.eventlog-watch-cancel",
                            "job-info.update-watch-cancel", "kvs-watch.lookup-cancel")}


# A guest may say these, and reaches nothing of others; nobody answers.
SILENT = ("*.disconnect", "*-cancel")
STREAMS = ("groups.get", "job-info.*-watch", "log.dmesg", "module.trace", "rexec.exec",
           "job-manager.events-journal", "resource.acquire", "resource.journal",
           "job-exec.start", "kvs-watch.lookup", "overlay.health")
# Of these each has his own, and asking for them is no offence.
SHARED = ("barrier.enter",)


def snapshot(owner):
    """What a guest must not change."""
    state = {}
    jobs = owner.ok("job-list.list", {"max_entries": 0, "attrs": ["all"],
                                      "constraint": {}}).json()["jobs"]
    state["jobs"] = sorted(jobs, key=lambda j: j["id"])
    for name in ("config.get", "job-manager.queue-list", "kvs.namespace-list"):
        state[name] = [owner.ok(name, {}, rank).json() for rank in (0, 1)
                       if rank == 0 or name == "config.get"]
    for rank in (0, 1):
        names = owner.ok("attr.list", nodeid=rank).json()["names"]
        state["attrs", rank] = {n: owner.rpc("attr.get", {"name": n}, rank).text()
                                for n in names}
        mods = owner.ok("module.list", nodeid=rank).json()["mods"]
        state["modules", rank] = sorted((m["name"], m["status"], m["services"])
                                        for m in mods)
        state["kvs", rank] = flux("exec", "-r", str(rank), "flux", "kvs", "dir", "-R")
    state["resources"] = owner.ok("resource.status").json()
    state["env"] = owner.ok("broker.getenv", {"names": ["PATH"]}).json()
    return state


def compare(before, after):
    for key in before:
        check(before[key] == after[key],
              f"{key} was {before[key]}, is {after[key]}")


def one_call(guest, row, topic, module, rank, payload, full):
    flags = F_STREAMING if any(fnmatch.fnmatchcase(topic, p) for p in STREAMS) else 0
    tag = guest.ask(topic, payload, nodeid=rank or ANY, flags=flags)
    if row.guest == "no":
        m = guest.answer(tag)
        check(m.errnum == EPERM, f"a guest's {topic} {payload}: {m}")
        return
    silent = any(fnmatch.fnmatchcase(topic, p) for p in SILENT)
    if row.guest == "own" and full and not silent and topic not in SHARED:
        m = guest.answer(tag)
        check(m.errnum == EPERM, f"a guest's {topic} {payload}: {m}")
        return
    # what waits is not answered before the ping
    guest.ok(module + ".ping", {}, rank)
    m = next((m for m in guest.kept if m.tag == tag), None)
    if row.guest == "yes":
        check(not m or m.errnum != EPERM, f"a guest's {topic} {payload}: {m}")
    check(not m or m.errnum != ENOSYS, f"a guest's {topic} {payload}: {m}")


def calls():
    """Each method does to a guest what the table says, and changes nothing."""
    owner, rows = Client(), table()
    job = int(flux("job", "id", "--to=dec", flux("submit", "sleep", "1000")))
    flux("job", "wait-event", str(job), "start")
    owner.ok("kvs.namespace-create", {"namespace": "owner", "rootref": "", "owner": 0,
                                      "flags": 0})
    owner.ok("attr.set", {"name": "test.x", "value": "owner"})
    flux("kvs", "put", "secret=1")
    plausible = payloads(job)
    before = snapshot(owner)
    for (kind, topic), (_, module, rank) in sorted(handlers(owner).items()):
        row = find(rows, kind, topic)
        if kind != REQUEST or not row:
            continue
        for payload in (None, {}, plausible.get(topic)):
            guest = Client(guest=True)
            one_call(guest, row, topic, module, rank, payload, bool(payload))
            guest.close()
    compare(before, snapshot(owner))
    flux("cancel", str(job))
    flux("job", "wait-event", str(job), "clean")
    owner.ok("kvs.namespace-remove", {"namespace": "owner"})


def event_payloads(job):
    rootref = "sha1-" + "0" * 40
    setroot = {"namespace": "primary", "rootref": rootref, "sequence": 10**6,
               "owner": GUEST, "rootdir": {"ver": 1, "type": "dir", "data": {}}}
    return {
        "job-exception": {"id": job, "type": "cancel", "severity": 0, "note": ""},
        "kvs.namespace-primary-setroot": setroot,
        "kvs.namespace-primary-removed": {"namespace": "primary"},
        "config.sync": {"access": {"allow-guest-user": True}, "guest": {}},
        "job-purge-inactive": {"jobs": [job], "ids": [job]},
        "barrier.exit": {"name": "owner", "errnum": 0},
        "heartbeat.pulse": {}, "kvs.dropcache": {}, "shutdown": {}, "kvs.stats-clear": {},
        "job-exec.stats-clear": {}, "sched-simple.new": {}, "job-manager": {},
    }


def events():
    """No event that a service listens to comes from a guest, on either rank."""
    owner, rows = Client(), table()
    job = int(flux("job", "id", "--to=dec", flux("submit", "sleep", "1000")))
    flux("job", "wait-event", str(job), "start")
    flux("kvs", "put", "secret=1")
    flux("exec", "-r", "1", "flux", "kvs", "get", "secret")
    tag = owner.ask("barrier.enter", {"name": "owner", "nprocs": 2})
    owner.ok("event.subscribe", {"topic": ""})
    before = snapshot(owner)
    owner.kept.clear()
    listened = {t.replace("*", "x") for (k, t) in handlers(owner) if k == EVENT}
    plausible = event_payloads(job)
    forged = dict(userid=0, rolemask=OWNER)
    for uri in (os.environ["FLUX_URI"], os.environ["URI1"]):
        guest = Client(guest=True, uri=uri)
        for topic in sorted(listened | set(plausible)):
            o = plausible.get(topic, {})
            m = guest.rpc("event.publish", {"topic": topic, "flags": 0, "json": o})
            check(m.errnum == EPERM and "services listen" in m.text(),
                  f"a guest's event.publish of {topic}: {m}")
            m = guest.rpc("event.publish", {"topic": topic, "flags": F_PRIVATE,
                                            "json": o}, **forged)
            check(m.errnum == EPERM, f"with forged credentials, of {topic}: {m}")
            guest.send(EVENT, topic, o)
            guest.send(EVENT, topic, o, flags=F_PRIVATE, aux1=10**6, **forged)
        m = guest.rpc("event.publish", {"topic": "a\x1b[2J", "flags": 0})
        check(m.errnum == EPERM, f"a topic with an escape: {m}")
        # behind them, what a guest may say comes
        guest.send(EVENT, "65534.last", {}, **forged)
        m = owner.wait(lambda m: m.kind == EVENT and m.topic == "65534.last")
        check((m.userid, m.rolemask & OWNER) == (GUEST, 0), f"userid {m.userid}")
        guest.close()
    for m in owner.kept:
        check(m.kind != EVENT or m.userid == 0,
              f"an event of user {m.userid} came: {m}")
    for rank in (0, 1):
        for name in ("kvs", "barrier"):
            owner.ok(name + ".ping", {}, rank)
    for name in ("job-exec", "job-list", "job-manager"):
        owner.ok(name + ".ping", {})
    check(not [m for m in owner.kept if m.tag == tag and m.kind == RESPONSE],
          "the owner's barrier was let go")
    compare(before, snapshot(owner))
    flux("cancel", str(job))


def private():
    """Private events go to the owner and who sent them; a guest may send some."""
    owner, guest, other = Client(), Client(guest=True), Client(guest=True)
    for c in (owner, guest):
        c.ok("event.subscribe", {"topic": ""})
    owner.ok("event.publish", {"topic": "secret.a", "flags": F_PRIVATE})
    guest.ok("event.publish", {"topic": "mine.a", "flags": F_PRIVATE})
    guest.send(EVENT, "mine.b", {}, flags=F_PRIVATE, userid=0, rolemask=OWNER)
    for c in (owner, guest):
        c.wait(lambda m: m.kind == EVENT and m.topic == "mine.b")
    topics = [m.topic for m in guest.kept if m.kind == EVENT]
    check("mine.a" in topics and "secret.a" not in topics, f"a guest saw {topics}")
    topics = [m.topic for m in owner.kept if m.kind == EVENT]
    check({"mine.a", "secret.a"} <= set(topics), f"the owner saw {topics}")
    other.close()


def uuid(client):
    return client.ping()["route"].split("!")[0]


def cancels():
    """Cancel and disconnect reach what the same connection asked for, whatever routes
    and matchtags they claim to have."""
    owner, guest = Client(), Client(guest=True)
    other = Client(guest=True)
    watch = {"name": "broker.online"}
    tags = {}
    for c in (owner, other):
        tags[c] = [c.ask("groups.get", watch, flags=F_STREAMING)]
        c.answer(tags[c][0])
        tags[c].append(c.ask("state-machine.wait", {}))
        tags[c].append(c.ask("barrier.enter", {"name": "mine", "nprocs": 2}))
        tags[c].append(c.ask("job-manager.drain", {}))
    tags[owner].append(owner.ask("kvs-watch.lookup", {
        "key": "nosuch", "namespace": "primary", "flags": 4 | 8}, flags=F_STREAMING))
    tags[owner].append(owner.ask("log.dmesg", {"follow": True, "nobacklog": True},
                                 flags=F_STREAMING))
    for c in (owner, other):
        for name in ("barrier", "kvs", "job-manager"):
            c.ok(name + ".ping", {})
    services = "groups state-machine barrier job-manager kvs-watch kvs log".split()
    for victim in (owner, other):
        for name in services:
            for routes in ([], [uuid(victim)], ["x", uuid(victim)]):
                for flags in (0, F_NORESPONSE):
                    guest.send(REQUEST, name + ".disconnect", None, flags=flags,
                               routes=routes, aux1=ANY, userid=0, rolemask=OWNER)
                    for tag in tags[victim]:
                        for method in ("cancel", "get-cancel", "lookup-cancel"):
                            guest.send(REQUEST, f"{name}.{method}", {"matchtag": tag},
                                       flags=F_NORESPONSE, routes=routes, aux1=ANY)
    for name in ("broker", "barrier", "kvs", "job-manager"):
        guest.ok(name + ".ping", {})
    flux("exec", "-r", "0", "true")
    owner.ok("groups.join", {"name": "roles-test"})
    for c in (owner, other):
        second = c.ask("groups.get", watch, flags=F_STREAMING)
        c.answer(second)
        c.ping()
        for name in ("barrier", "kvs", "job-manager"):
            c.ok(name + ".ping", {})
        ended = [m for m in c.kept if m.kind == RESPONSE and m.tag in tags[c]]
        check(not [m for m in ended if m.errnum], [str(m) for m in ended])
    # what is asked for twice is answered once both are there: they are still waiting
    late = Client()
    late.ok("barrier.enter", {"name": "mine", "nprocs": 2})
    check(owner.answer(tags[owner][2]).errnum == 0, "the owner's barrier")
    late = Client(guest=True)
    late.ok("barrier.enter", {"name": "mine", "nprocs": 2})
    check(other.answer(tags[other][2]).errnum == 0, "the other guest's barrier")
    for c in (owner, other):
        m = c.answer(tags[c][3])
        check(m.errnum == 0, f"drain: {m}")


def responses():
    """A guest that serves cannot answer for others, nor twice, nor elsewhere."""
    owner, guest = Client(), Client(guest=True)
    guest.ok("service.add", {"service": "65534-x"})
    check(guest.rpc("service.add", {"service": "x"}).errnum == EPERM, "service x")
    waiting = owner.ask("state-machine.wait", {})
    barrier = owner.ask("barrier.enter", {"name": "r", "nprocs": 2})
    owner.ok("barrier.ping", {})
    tag = owner.ask("65534-x.hello", {})
    req = guest.wait(lambda m: m.kind == REQUEST)
    check(req.routes and req.userid == 0, "the request")
    victim = req.routes[-1]
    for forged in (waiting, barrier, tag + 1, tag + 2):
        guest.send(RESPONSE, "65534-x.hello", {"lie": 1}, routes=req.routes, aux2=forged)
    guest.send(RESPONSE, "65534-x.hello", {"lie": 1}, routes=["x", victim], aux2=tag)
    guest.send(RESPONSE, "65534-x.hello", {"lie": 1}, routes=[victim, victim], aux2=tag)
    guest.send(RESPONSE, "65534-x.hello", {"true": 1}, routes=req.routes, aux2=tag)
    guest.send(RESPONSE, "65534-x.hello", {"lie": 1}, routes=req.routes, aux2=tag)
    guest.ping()
    check(owner.answer(tag).json() == {"true": 1}, "the answer")
    check(not owner.has(lambda m: b"lie" in (m.payload or b"")), "a forged answer came")
    late = Client()
    late.ok("barrier.enter", {"name": "r", "nprocs": 2})
    check(owner.answer(barrier).errnum == 0, "the barrier")


def barriers():
    """A barrier's name is its user's own."""
    owner, second, guest = Client(), Client(), Client(guest=True)
    tag = owner.ask("barrier.enter", {"name": "b", "nprocs": 2})
    mine = guest.ask("barrier.enter", {"name": "b", "nprocs": 2})
    wrong = guest.ask("barrier.enter", {"name": "c", "nprocs": 7})
    guest.ok("barrier.ping", {})
    owner.ok("barrier.ping", {})
    check(not [m for m in owner.kept if m.tag == tag], "a guest opened the barrier")
    guest.close()
    second.ok("barrier.enter", {"name": "b", "nprocs": 2})
    m = owner.answer(tag)
    check(m.errnum == 0, f"the barrier: {m}")
    tags = [c.ask("barrier.enter", {"name": "c", "nprocs": 2}) for c in (owner, second)]
    for c, tag in zip((owner, second), tags):
        check(c.answer(tag).errnum == 0, "the other barrier")


def namespaces():
    """A guest reads and writes his namespace, and from there nothing else."""
    owner, guest = Client(), Client(guest=True)
    owner.ok("kvs.namespace-create", {"namespace": "g", "rootref": "", "owner": GUEST,
                                      "flags": 0})
    link = {"ver": 1, "type": "symlink", "data": {"namespace": "primary",
                                                  "target": "secret"}}
    flux("kvs", "put", "secret=1")
    for uri in (os.environ["FLUX_URI"], os.environ["URI1"]):
        guest = Client(guest=True, uri=uri)
        m = guest.rpc("kvs.commit", txn("g", (2, "l", json.dumps(link).encode()),
                                        (1, "v", b"1")))
        check(m.errnum == 0, f"commit: {m}")
        m = guest.rpc("kvs.commit", txn("primary", (1, "secret", b"2")))
        check(m.errnum == EPERM, f"commit: {m}")
        m = guest.rpc("kvs.lookup", {"namespace": "g", "flags": 0, "key": "v"})
        check(m.errnum == 0 and "MQ==" in m.text(), f"lookup: {m}")
        for topic in ("kvs.lookup", "kvs-watch.lookup"):
            for ns, key in (("g", "l"), ("primary", "secret"), ("primary", ".")):
                m = guest.rpc(topic, {"namespace": ns, "flags": 0, "key": key})
                check(m.errnum == EPERM, f"{topic} {ns} {key}: {m}")
        guest.close()
    owner.ok("kvs.namespace-remove", {"namespace": "g"})


def floods():
    """What a guest does wrong does not push the instance's words out of the log; what
    he registers is printable, and has an end."""
    owner = Client()
    owner.ok("log.append", b"<6>1 2026-01-01T00:00:00Z 0 me - - - the owner's word")
    start = time.monotonic()
    for _ in range(300):
        guest = Client(guest=True)
        guest.sock.sendall(b"\xff\xee\x00\x12\x00\x00\x00\x04none")
        check(guest.sock.recv(1) == b"", "the connection is open")
    lines = flux("dmesg").splitlines()
    count = len([x for x in lines if "closing client" in x])
    check(1 <= count <= time.monotonic() - start + 2, f"{count} lines about guests")
    check([x for x in lines if "the owner's word" in x], "the owner's word")
    guest = Client(guest=True)
    m = guest.rpc("service.add", {"service": "65534-\x1b[2J"})
    check(m.errnum == EPERM, f"an escape as a service: {m}")
    owner.ok("attr.set", {"name": "broker.quota-matches", "value": "1000"})
    codes = [guest.rpc("service.add", {"service": f"65534-{i}"}).errnum
             for i in range(1100)]
    check(codes[0] == 0 and codes[-1] == ENOBUFS, f"services: {codes[0]}, {codes[-1]}")
    guest.close()
    owner.rpc("65534-0.x", {})  # answered for who is gone
    guest = Client(guest=True)
    guest.ok("service.add", {"service": "65534-0"})
    guest.ok("service.remove", {"service": "65534-0"})
    guest.close()
    owner.ok("attr.set", {"name": "broker.quota-matches", "value": "1M"})


def jobs():
    """No way in for a job of another user, and none to its start."""
    owner, guest = Client(), Client(guest=True)
    query = {"max_entries": 0, "attrs": [], "constraint": {}}
    before = owner.ok("job-list.list", query).json()["jobs"]
    spec = json.loads(flux("run", "--dry-run", "touch", "/tmp/no-such-dir/x"))
    for flags in (0, 1, 2, 4, 8, 15, 0x4000):
        for what in ({"J": signed(spec)}, {"J": signed(spec, 0)}, {"jobspec": spec}):
            o = {**what, "urgency": 16, "flags": flags}
            m = guest.rpc("job-ingest.submit", o)
            check(m.errnum == EPERM and "setuid helper" in m.text(), f"submit: {m}")
            m = guest.rpc("job-ingest.submit", o, userid=0, rolemask=OWNER)
            check(m.errnum == EPERM, f"submit with forged credentials: {m}")
            m = owner.rpc("job-ingest.submit", o, userid=GUEST, rolemask=OWNER)
            check(m.errnum == EPERM, f"submit by the owner for a guest: {m}")
    m = owner.rpc("job-ingest.submit", {"J": signed(spec), "urgency": 16, "flags": 0})
    check(m.errnum == EPERM, f"submit of what a guest signed: {m}")
    o = {"jobs": [{"id": 12345, "userid": GUEST, "urgency": 16, "flags": 0,
                   "t_submit": 1.0, "env": 0, "jobspec": spec}], "envs": [{}]}
    m = owner.ok("job-manager.submit", o)
    check(m.json().get("errors", [{}])[0].get("errnum") == EPERM, f"job-manager: {m}")
    R = {"version": 1, "execution": {"R_lite": [
        {"rank": "0", "children": {"core": "0"}}], "starttime": 0, "expiration": 0,
        "nodelist": ["x"]}}
    tag = owner.ask("job-exec.start", {"id": 12345, "userid": GUEST, "jobspec": spec,
                                       "R": R, "reattach": False}, flags=F_STREAMING)
    m = owner.answer(tag)
    check("exception" in m.text() and "setuid helper" in m.text(), f"job-exec: {m}")
    check(owner.ok("job-list.list", query).json()["jobs"] == before, "a job got in")


def main():
    globals()[sys.argv[1]]()
    for text in bad:
        print(text[:2000], file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
