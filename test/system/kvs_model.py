"""The KVS against a plain model in memory: random transactions from all ranks, lookups
on all ranks (values, directories whole and in parts, links, old roots) and watches;
every answer and every notice is compared.

usage: kvs_model.py OPERATIONS [SEED]; URIS names the ranks' sockets. Prints the seed
and, when something differs, what, and exits 1. MODEL=FILE goes on with the model of an
earlier run, all of which has to be there, and keeps its own there.

Each rank writes below a directory of its own, so that the order of commits that are on
their way together does not matter; readers first wait for the version that they are to
see. Notices of a watch may leave out values between, but not the last one.
"""

import base64
import copy
import os
import pickle
import random
import struct
import sys
import time

from wire import *

READDIR, READLINK, WATCH, WAITCREATE, APPEND = 1, 2, 4, 8, 32
WATCH_UNIQ, WATCH_APPEND = 128, 256
NO_MERGE = 1
EINVAL, ENOTDIR, EISDIR, ELOOP = 22, 20, 21, 40
DIRS, LEAVES, LINKS, BIG = 3, 6, 3, 300

if len(sys.argv) < 2:
    sys.exit(__doc__)
total = int(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
print(f"seed {seed}", flush=True)
rnd = random.Random(seed)
clients = [Client(uri=uri) for uri in os.environ["URIS"].split()]
model = {}      # name -> bytes, dict (a directory) or Link
history = []    # (rootref, model then)
count = {}      # what was compared
removed = set() # keys whose last change in this round was to be removed


class Link(str):
    pass


class Differs(Exception):
    pass


def short(x):
    s = repr(x)
    return s if len(s) < 200 else f"{s[:150]}... ({len(s)})"


def counted(what):
    count[what] = count.get(what, 0) + 1


# --- the model ---

def find(tree, key, flags):
    """The value, or an errno. Follows links as a lookup with these flags does."""
    parts, links = key.split("."), 0
    at, i = tree, 0
    while True:
        if not isinstance(at, dict) or parts[i] not in at:
            return ENOENT
        at, last = at[parts[i]], i == len(parts) - 1
        i += 1
        if isinstance(at, Link) and not (last and flags & READLINK):
            links += 1
            if links > 10:
                return ELOOP
            parts, i, at = str(at).split(".") + parts[i:], 0, tree
        elif last:
            break
    if flags & READLINK:
        return at if isinstance(at, Link) else EINVAL
    if flags & READDIR:
        return at if isinstance(at, dict) else ENOTDIR
    return at if isinstance(at, bytes) else EISDIR


def parent(tree, key, create):
    *way, name = key.split(".")
    for part in way:
        if part not in tree:
            if not create:
                return None, name
            tree[part] = {}
        tree = tree[part]
    return tree, name


def apply(tree, ops):
    for kind, key, value in ops:
        at, name = parent(tree, key, kind != "unlink")
        if kind == "unlink":
            if at is not None:
                at.pop(name, None)
        elif kind == "append":
            old = at.get(name, b"")
            at[name] = (old if isinstance(old, bytes) else b"") + value
        else:
            at[name] = value


# --- what is done ---

def leaf(rank):
    if rnd.random() < 0.3:
        return f"r{rank}.big.k{rnd.randrange(BIG)}"
    way = "".join(f".d{rnd.randrange(DIRS)}" for _ in range(rnd.randrange(3)))
    return f"r{rank}{way}.k{rnd.randrange(LEAVES)}"


def directory(rank):
    return f"r{rank}." + ".".join(f"d{rnd.randrange(DIRS)}"
                                  for _ in range(1 + rnd.randrange(2)))


def random_value():
    size = rnd.choice((0, 1, 10, 10, 10, 100, 2000))
    return rnd.randbytes(size) if rnd.random() < 0.5 else b"x" * size


def random_op(rank):
    x = rnd.random()
    if x < 0.5:
        return "put", leaf(rank), random_value()
    if x < 0.6:
        return "append", f"r{rank}.a{rnd.randrange(2)}", rnd.randbytes(rnd.randrange(1, 40))
    if x < 0.8:
        return "unlink", leaf(rank), None
    if x < 0.84:
        return "unlink", directory(rank), None
    if x < 0.88:
        return "mkdir", directory(rank), {}
    to = leaf(rnd.randrange(len(clients)))
    if rnd.random() < 0.4:
        to = directory(rnd.randrange(len(clients)))
    return "link", f"r{rank}.l{rnd.randrange(LINKS)}", Link(to)


def encode_txn(ops, flags):
    ns = b"primary"
    out = b"FKT1" + struct.pack("<III", flags, len(ops), len(ns)) + ns + b"\0"
    for kind, key, value in ops:
        code, data = 1, value
        if kind == "unlink":
            code, data = 3, b""
        elif kind == "mkdir":
            code, data = 2, b'{"data":{},"type":"dir","ver":1}'
        elif kind == "link":
            code = 2
            data = b'{"data":{"target":"%s"},"type":"symlink","ver":1}' % value.encode()
        key = key.encode()
        out += struct.pack("<BBHII", code, 0, APPEND if kind == "append" else 0,
                           len(key), len(data)) + key + b"\0" + data + b"\0"
    return out


def commit_round():
    """Each rank sends some; then all are answered. What each key has been meanwhile."""
    sent, values, sequence, ref = [], {}, -1, None
    removed.clear()
    for rank, c in enumerate(clients):
        for _ in range(rnd.randrange(4)):
            ops = [random_op(rank) for _ in range(rnd.randrange(1, 6))]
            flags = NO_MERGE if rnd.random() < 0.2 else 0
            sent.append((c, c.ask("kvs.commit", encode_txn(ops, flags)), ops))
    for c, tag, ops in sent:
        m = c.answer(tag)
        if m.errnum:
            raise Differs(f"commit {ops}: {m}")
        apply(model, ops)
        for w in watches:
            values.setdefault(w.key, []).append(find(model, w.key, 0))
        for kind, key, _ in ops:
            removed.add(key) if kind == "unlink" else removed.discard(key)
        o = m.json()
        if o["sequence"] > sequence:
            sequence, ref = o["sequence"], o["rootref"]
    counted("commits")
    count["operations"] = count.get("operations", 0) + sum(len(o) for _, _, o in sent)
    return sequence, ref, values


# --- what is compared ---

def kind_of(o):
    return {"val": "value", "valref": "value", "dir": "dir", "dirref": "dir",
            "symlink": "link"}[o if isinstance(o, str) else o["type"]]


def kind_of_model(v):
    return "dir" if isinstance(v, dict) else "link" if isinstance(v, Link) else "value"


def got(m, flags):
    if m.errnum:
        return m.errnum
    val = m.json()["val"]
    if flags & READDIR:
        return {name: kind_of(o) for name, o in val["data"].items()}
    if flags & READLINK:
        return val["data"]["target"]
    return base64.b64decode(val["data"])


def wanted(tree, key, flags):
    v = find(tree, key, flags)
    if isinstance(v, dict):
        return {name: kind_of_model(o) for name, o in v.items()}
    return v


def random_key():
    rank = rnd.randrange(len(clients))
    x = rnd.random()
    if x < 0.4:
        return leaf(rank)
    if x < 0.5:
        return f"r{rank}.a{rnd.randrange(2)}"
    if x < 0.7:
        return directory(rank)
    if x < 0.8:
        return f"r{rank}.l{rnd.randrange(LINKS)}"
    if x < 0.9:
        return f"r{rank}.l{rnd.randrange(LINKS)}.k{rnd.randrange(LEAVES)}"
    return f"r{rank}.big"


def check(what, m, tree, key, flags):
    a, b = got(m, flags), wanted(tree, key, flags)
    counted(what)
    if a != b:
        raise Differs(f"{what} of {key}, flags {flags}: {short(a)} instead of {short(b)}")


def read_round(sequence):
    for c in clients:
        if sequence >= 0:
            c.ok("kvs.wait-version", {"namespace": "primary", "sequence": sequence})
        asked = []
        for _ in range(6):
            key, flags = random_key(), rnd.choice((0, 0, READDIR, READLINK))
            asked.append((c.ask("kvs.lookup", {"key": key, "flags": flags,
                                               "namespace": "primary"}), key, flags))
        for tag, key, flags in asked:
            check("lookups", c.answer(tag), model, key, flags)


def read_parts(c, key):
    names, page = {}, ""
    while page is not None:
        m = c.rpc("kvs.lookup", {"key": key, "flags": READDIR, "namespace": "primary",
                                 "page": page, "names": True})
        if m.errnum:
            return m.errnum
        o = m.json()
        names.update({n: kind_of(t) for n, t in o["val"]["data"].items()})
        page = o.get("next")
    return names


def read_old():
    ref, tree = rnd.choice(history)
    c, key, flags = rnd.choice(clients), random_key(), rnd.choice((0, READDIR, READLINK))
    root = {"data": [ref], "type": "dirref", "ver": 1}
    m = c.rpc("kvs.lookup", {"key": key, "flags": flags, "rootdir": root})
    check("old roots", m, tree, key, flags)


class Watch:
    def __init__(self):
        self.client = rnd.choice(clients)
        rank = rnd.randrange(len(clients))
        self.append = rnd.random() < 0.3
        self.key = f"r{rank}.a{rnd.randrange(2)}" if self.append else leaf(rank)
        self.flags = WATCH | WAITCREATE
        if self.append:
            self.flags |= WATCH_APPEND
        elif rnd.random() < 0.5:
            self.flags |= WATCH_UNIQ
        self.tag = self.client.ask("kvs-watch.lookup",
                                   {"key": self.key, "flags": self.flags,
                                    "namespace": "primary"}, flags=F_STREAMING)
        self.text, self.ended = b"", None
        self.last = None
        self.first = find(model, self.key, 0)

    def notices(self):
        """What has come; the answer of the watch service came behind it."""
        self.client.ok("kvs-watch.stats-get", nodeid=0)
        mine = [m for m in self.client.kept if m.kind == RESPONSE and m.tag == self.tag]
        self.client.kept = [m for m in self.client.kept if m not in mine]
        return mine

    def check(self, values):
        """values: what the key was in this round, in its order. A value may have to be
        loaded before it is told."""
        allowed = [self.first if self.last is None else self.last] + values
        limit = time.monotonic() + 60
        while True:
            self.take(allowed)
            wrong = self.ended is None and self.is_wrong()
            if not wrong:
                return
            if time.monotonic() > limit:
                raise Differs(wrong)
            time.sleep(.001)

    def take(self, allowed):
        for m in self.notices():
            counted("notices")
            if m.errnum:
                if m.errnum not in allowed and not (self.append and m.errnum == EINVAL):
                    raise Differs(f"watch of {self.key}: {m}")
                self.ended = m.errnum
                return
            v = got(m, 0)
            if self.append:
                self.text += v
                continue
            if self.flags & WATCH_UNIQ and v == self.last:
                raise Differs(f"watch of {self.key}: {short(v)} twice")
            while allowed and allowed[0] != v:
                allowed.pop(0)
            if not allowed:
                raise Differs(f"watch of {self.key}: {short(v)} was never there")
            self.last = v

    def is_wrong(self):
        now = find(model, self.key, 0)
        seen = self.text if self.append else self.last
        if isinstance(now, bytes) and seen != now and not (now == b"" and not seen):
            return f"watch of {self.key}: {short(seen)} is not the last: {short(now)}"
        # Without WATCH_FULL nobody is told that a directory above was removed.
        if now == ENOENT and self.last is not None and self.key in removed:
            return f"watch of {self.key}: it goes on, and the key is gone"
        return None

    def cancel(self):
        self.client.send(REQUEST, "kvs-watch.lookup-cancel", {"matchtag": self.tag},
                         flags=F_NORESPONSE, aux1=ANY)
        m = self.client.wait(lambda m: m.kind == RESPONSE and m.tag == self.tag
                             and m.errnum)
        if m.errnum != ENODATA:
            raise Differs(f"cancel of {self.key}: {m}")


watches = []


def watch_round(values):
    for w in list(watches):
        w.check(values.get(w.key, []))
        if w.ended is not None:
            watches.remove(w)
        elif rnd.random() < 0.05:
            w.cancel()
            watches.remove(w)
    while len(watches) < 12:
        w = Watch()
        w.check([])
        if w.ended is None:
            watches.append(w)


def run():
    while count.get("operations", 0) < total:
        sequence, ref, values = commit_round()
        read_round(sequence)
        watch_round(values)
        if rnd.random() < 0.2:
            c, key = rnd.choice(clients), random_key()
            c.ok("kvs.wait-version", {"namespace": "primary",
                                      "sequence": max(sequence, 0)})
            a, b = read_parts(c, key), wanted(model, key, READDIR)
            counted("directories in parts")
            if a != b:
                raise Differs(f"{key} in parts: {a!r} instead of {b!r}")
        if ref and rnd.random() < 0.1:
            o = clients[0].ok("kvs.getroot", {"namespace": "primary"}, nodeid=0).json()
            history.append((o["rootref"], copy.deepcopy(model)))
            del history[:-8]
        if history and rnd.random() < 0.3:
            read_old()


def check_all(c, tree, key):
    """All that is below."""
    entries = [(f"{key}.{name}", v) for name, v in tree.items()]
    asked = [(c.ask("kvs.lookup", {"key": key, "flags": READDIR, "namespace": "primary"}),
              key, READDIR)]
    for k, v in entries:
        if not isinstance(v, dict):
            flags = READLINK if isinstance(v, Link) else 0
            asked.append((c.ask("kvs.lookup", {"key": k, "flags": flags,
                                               "namespace": "primary"}), k, flags))
    for tag, k, flags in asked:
        check("kept", c.answer(tag), model, k, flags)
    for k, v in entries:
        if isinstance(v, dict):
            check_all(c, v, k)


def load_model(path):
    if os.path.exists(path):
        with open(path, "rb") as f:
            model.update(pickle.load(f))
    for rank, c in enumerate(clients):
        c.ok("kvs.getroot", {"namespace": "primary"})
        check_all(c, model.get(f"r{rank}", {}), f"r{rank}")


def keep_model(path):
    with open(path + ".new", "wb") as f:
        pickle.dump(model, f)
    os.rename(path + ".new", path)


kept = os.environ.get("MODEL")
try:
    load_model(kept) if kept else None
    run()
    keep_model(kept) if kept else None
except Differs as e:
    print(f"seed {seed}: {e}", file=sys.stderr)
    sys.exit(1)
print(", ".join(f"{n} {what}" for what, n in sorted(count.items())))
