# What job-manager, the scheduler and job-exec say to each other, said by a client of the
# owner: nothing of it keeps a job, or the instance, from its end.
. "${0%/*}/../lib.sh"

cat >forge.py <<'E2'
"""forge.py WHAT ID: a message that only a module would send."""
import json
import os
import subprocess
import sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
from wire import *

what, job = sys.argv[1], int(sys.argv[2])
spec = json.loads(subprocess.check_output(["flux", "run", "--dry-run", "true"]))
c = Client()


def serve():
    """The scheduler: says nothing of what it is asked, but learns who asks."""
    c.ok("service.add", {"service": "sched"})
    c.answer(c.ask("job-manager.sched-hello", {}, flags=F_STREAMING))
    c.ok("job-manager.sched-ready", {"mode": "unlimited"})
    m = c.wait(lambda m: m.kind == REQUEST and m.topic == "sched.alloc")
    assert m.json()["id"] == job, m
    return m.routes


if what == "start":
    m = c.rpc("job-exec.start", {"id": job, "userid": os.getuid(), "jobspec": spec,
                                 "reattach": True, "R": {}}, flags=F_STREAMING)
elif what == "alloc":
    m = c.rpc("sched.alloc", {"id": job, "priority": 1, "userid": os.getuid(),
                              "t_submit": 1.0, "jobspec": spec})
elif what == "answer":
    routes = serve()
    c.ok("service.remove", {"service": "sched"})
    other = Client()  # whatever it says: it is no scheduler
    for o in {"id": job, "type": 2, "note": "no"}, {"id": job, "type": 3}, {}:
        other.send(RESPONSE, "sched.alloc", o, routes=routes)
    other.send(RESPONSE, "sched.alloc", aux1=ENOSYS, routes=routes)
    other.ping()
    print(subprocess.check_output(["flux", "jobs", "-no", "{state}"], text=True), end="")
    c.send(RESPONSE, "sched.alloc", {"id": job, "type": 2, "note": "late"},
           routes=routes)
    c.ping()
    print(subprocess.check_output(["flux", "jobs", "-no", "{state}"], text=True), end="")
    c.ok("service.add", {"service": "sched"})
    c.send(RESPONSE, "sched.alloc", {"id": job, "type": 2, "note": "never"},
           routes=routes)
    print(subprocess.check_output(["flux", "job", "wait-event", str(job), "exception"],
                                  text=True).count("never"))
    sys.exit(0)
print(m.errnum)
E2

case ${1:-} in
start)
    id=$(flux submit sleep 1000)
    flux job wait-event -t 30 "$id" start >/dev/null
    python3 forge.py start "$(flux job id "$id")"
    exit ;;
alloc) # all is taken; then comes a job that the scheduler has heard of
    flux submit -n "$(flux resource list -no '{ncores}' | head -1)" sleep 1000 >id
    flux job wait-event -t 30 "$(cat id)" start >/dev/null
    id=$(flux submit --urgency=hold true)
    python3 forge.py alloc "$(flux job id "$id")"
    flux job urgency "$id" 16
    exit ;;
answer)
    flux module remove sched-simple
    id=$(flux submit true)
    python3 forge.py answer "$(flux job id "$id")"
    exit ;;
esac

LIMIT=40
is 'nobody takes a job that runs away from job-manager; the instance ends' 17 \
    flux start sh "$SCRIPT" start
is 'only job-manager asks the scheduler for resources; the instance ends' 1 \
    flux start sh "$SCRIPT" alloc
is 'only who is the service sched answers for it' "$(printf 'SCHED\nSCHED\n1')" \
    flux start sh "$SCRIPT" answer
finish
