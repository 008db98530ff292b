# Parts of messages are paid for by whoever sends them: a guest who never sends the rest fills
# no memory, and one whose message is too long is told, and goes on. So is what others need to
# decode his JSON, which may be many times its length.
. "${0%/*}/../lib.sh"
if [ "$(id -u)" -ne 0 ]; then
    skip 'guests' 'needs root'
    finish
fi
chmod 755 "$DIR"
# Not under_flux: it is the broker that makes the directory.
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    FLUX_TEST_ACTIVE=1 timeout 200 flux start --conf=access.allow-guest-user=true \
        -Slog-stderr-level=-1 -Sbroker.quota-bytes=32M sh "$SCRIPT"
    exit
fi
cat >memory.py <<'END'
import os
import sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
from wire import *

owner, guest = Client(), Client(guest=True)
pid = int(owner.ok("attr.get", {"name": "broker.pid"}).json()["value"])


def point(name, good, *why):
    print("ok" if good else "not ok", name, flush=True)
    if not good:
        print("#", *why)


def memory():
    """MB"""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) >> 10


def head(size):
    """Of a request with so many bytes."""
    return b"\xff\xee\x00\x12" + struct.pack(">I", size) + part(b"") + part(b"broker.ping\0")


# --- 10 MB each of 300, of what is announced as 12 MB, 1 GB
before = memory()
for announced in 12 << 20, 1 << 30:
    halves = []
    for i in range(150):
        c = Client(guest=True)
        c.sock.sendall(head(announced) + b"\xff" + struct.pack(">I", announced - 100))
        c.sock.sendall(bytes(10 << 20))
        halves.append(c)
    owner.ping()
    stats = owner.ok("broker.stats-get", {}).json()["router"]["quota"]
    user = next(u for u in stats["users"] if u["userid"] == GUEST)
    point(f"halves of {announced} bytes are charged", user["bytes"] <= 17 << 20, user)
    if not os.environ.get("FLUX_TEST_SANITIZER"):
        point("  they do not fill the memory", memory() < before + 100, before, memory())
    point("  others are served", owner.rpc("kvs.ping", {"x": "y" * 5000000}).errnum == 0)
    for c in halves:
        c.close()

# --- one that is too long
big = {"data": "x" * (20 << 20)}
m = guest.rpc("kvs.ping", big)
point("a request that is too long is refused",
      m.errnum == ENOBUFS and m.text() == f"user {GUEST} has his share of {32 << 20} bytes of"
      " messages (broker.quota-bytes) in this broker", m)
guest.send(REQUEST, "kvs.ping", big, flags=F_NORESPONSE)
point("  its sender goes on", guest.rpc("kvs.ping", {"a": 1}).json()["a"] == 1)
point("  with what he may have", guest.rpc("kvs.ping", {"a": "b" * (8 << 20)}).errnum == 0)

# --- one that is much when it is decoded
dear = b'{"a":[' + b"[]," * 1000000 + b"1]}\0"
before = memory()
for topic in "job-info.lookup", "job-manager.memo", "kvs.ping":
    m = guest.rpc(topic, dear)
    point(f"much JSON is refused: {topic}", m.errnum == ENOBUFS and "quota-bytes" in m.text(), m)
if not os.environ.get("FLUX_TEST_SANITIZER"):
    point("  before anybody decodes it", memory() < before + 60, before, memory())
point("  what is between quotes is none",
      guest.rpc("kvs.ping", {"a": "[]," * 1000000}).errnum == 0)

# --- a response
name = f"{GUEST}-big"
guest.ok("service.add", {"service": name})
tag = owner.ask(name + ".get", {})
m = guest.wait(lambda m: m.topic == name + ".get")
guest.send(RESPONSE, m.topic, big, userid=m.userid, rolemask=m.rolemask, aux2=m.tag,
           routes=m.routes)
point("who waits for one is told", owner.answer(tag).errnum == ENOBUFS)

# --- nothing is left
guest.close()
while True: # until it is seen that they are gone
    stats = owner.ok("broker.stats-get", {}).json()["router"]["quota"]
    user = next(u for u in stats["users"] if u["userid"] == GUEST)
    if user["connections"] == 0:
        break
point("nothing is charged in the end", user["bytes"] == 0, user)
END
cases /usr/bin/python3 memory.py
is 'nobody was closed for it' 0 sh -c 'flux dmesg | grep -c closing || true'
finish
