# What a call adds to what the instance keeps has a bound: beyond it the call is refused
# with a line, what was there is there, and room that is given back is room.
. "${0%/*}/../lib.sh"
under_flux 1
flux module load cron 2>/dev/null || flux module list | grep -q '^cron '

cat >bounds.py <<'END'
import errno
import os
import sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
from wire import *

c = Client()
LONG = "x" * 70000


def outcome(m):
    return (errno.errorcode[m.errnum] + " " + m.text()).strip() if m.errnum else "taken"


def row(name, want, got):
    good = got.startswith(want)
    print("ok" if good else "not ok", name, flush=True)
    if not good:
        print(f"# wanted {want}, got {got[:200]}")


def said(topic, payload, client=c):
    return outcome(client.rpc(topic, payload))


def many(topic, count, payload, client=c):
    """How many were taken, and the first refusal."""
    for first in range(0, count, 1000):
        tags = [client.ask(topic, payload(i))
                for i in range(first, min(first + 1000, count))]
        answers = [client.answer(t) for t in tags]
        for i, m in enumerate(answers):
            if m.errnum:
                return f"{first + i} {outcome(m)}"
    return "all taken"


# --- groups
other = Client()
row("groups", "1024 ENOSPC", many("groups.join", 1030, lambda i: {"name": f"g{i}"}, other)
    .replace("1023 ", "1024 "))
row("  the name of one", "ENAMETOOLONG", said("groups.join", {"name": LONG}))
other.close()
for i in range(1000):
    left = said("groups.join", {"name": "mine"})
    if left == "taken":
        break
row("  who is gone has left them", "taken", left)

# --- namespaces of the KVS
def space(i):
    return {"namespace": f"n{i}", "rootref": "", "owner": 4294967295, "flags": 0}


row("namespaces", "16383 ENOSPC", many("kvs.namespace-create", 17000, space))
row("  one that is removed makes room", "taken",
    said("kvs.namespace-remove", {"namespace": "n7"}))
row("  for one", "taken", said("kvs.namespace-create", space(7)))
row("  and no more", "ENOSPC", said("kvs.namespace-create", space(17001)))


# --- cron
def entry(command="true", **more):
    return dict({"type": "interval", "name": "a", "command": "true",
                 "argv": ["true", command], "args": {"interval": 1e6}}, **more)


row("an entry of cron", "ENOSPC", said("cron.create", entry("x" * 1100000)))
many("cron.create", 80, lambda i: entry("x" * 1000000))
row("  all of them", "ENOSPC the entries have 64 MB", said("cron.create",
                                                           entry("x" * 1000000)))
row("  one that is deleted makes room", "taken", said("cron.delete", {"id": 1}))
row("  for one", "taken", said("cron.create", entry("x" * 1000000)))
records = {"task-history-count": 1000}
many("cron.create", 101, lambda i: entry(**records))
row("  records of their tasks", "ENOSPC the entries keep 100000 records",
    said("cron.create", entry(**records)))

# --- commands for later
row("a command for later", "ENOSPC",
    said("runat.push", {"name": "a", "commands": ["x" * 5000000]}))
many("runat.push", 8, lambda i: {"name": "a", "commands": ["x" * 1000000]})
row("  all of them", "ENOSPC",
    said("runat.push", {"name": "a", "commands": ["x" * 1000000]}))

# --- texts that are kept
row("why a rank is drained", "E2BIG", said("resource.drain",
                                           {"targets": "0", "reason": LONG}))
row("  which it is not", '""', '"' + c.ok("resource.status", {}).json()
    .get("drain", {}).get("0", {}).get("reason", "") + '"')
row("why a queue is disabled", "E2BIG",
    said("job-manager.queue-enable", {"enable": False, "reason": LONG}))
row("why a queue is stopped", "E2BIG",
    said("job-manager.queue-start", {"start": False, "reason": LONG}))
row("the tag of a file", "ENAMETOOLONG", said("content.mmap-add", {
    "tag": LONG, "session": 1, "path": "/etc/passwd", "offset": 0, "size": 1}))

# --- the log of a job
job = int(sys.argv[1])
raised = {"id": job, "type": "a", "severity": 1}
row("the note of an exception", "E2BIG", said("job-manager.raise",
                                              dict(raised, note=LONG)))
each = {"dry_run": False, "userid": -1, "states": 0xff, "type": "a", "severity": 1,
        "note": "x" * 60000}
for i in range(40):
    answer = c.ok("job-manager.raiseall", each).json()
row("exceptions of all jobs", "{'count': 1, 'errors': 1}", str(answer))
row("  of one", "E2BIG", said("job-manager.raise", dict(raised, note="x")))
row("  which can be ended", "taken", said("job-manager.raise",
                                          dict(raised, severity=0, note="x")))
END
id=$(flux submit sleep 1000 | xargs flux job id --to=dec)
cases python3 bounds.py "$id"
is 'it has ended' INACTIVE sh -c \
    "flux job wait-event $id clean >/dev/null && flux jobs -no '{state}' $id"
succeeds 'others run' flux run true
like 'so says drain' 'a reason has at most' sh -c \
    'flux resource drain 0 "$(printf %5000s x)" 2>&1; true'
finish
