# Messages to the scheduler, and to job-manager, that no peer of theirs would send.
. "${0%/*}/../lib.sh"

under_flux 1

cat >send.py <<'E2'
import sys
sys.path.insert(0, sys.argv[1])
import wire

c = wire.Client()
spec = {"resources": [{"type": "slot", "count": 1, "label": "t",
                       "with": [{"type": "core", "count": 1}]}],
        "tasks": [{"command": ["true"], "slot": "t", "count": {"per_slot": 1}}],
        "attributes": {"system": {"duration": 0}}, "version": 1}
R = {"version": 1, "execution": {"R_lite": [{"rank": "0-4", "children": {"core": "0-99"}}],
                                 "starttime": 0, "expiration": 0}}
queued = int(sys.argv[2])
odd = [None, {}, [], {"id": queued}, {"id": -1, "R": {}}, {"id": "x"}, {"jobs": 7},
       {"id": queued, "priority": 1, "jobspec": {}}, {"id": queued, "R": R, "final": True},
       {"id": queued, "priority": 1, "userid": 0, "t_submit": 0, "jobspec": spec},
       {"jobs": [[], [1], ["x", {}], [2 ** 62, 1]]}]
for topic in ("sched.alloc", "sched.free", "sched.prioritize"):
    for payload in odd:
        c.send(wire.REQUEST, topic, payload)
for topic in ("sched.alloc", "sched.free", "sched.cancel", "*.start"):
    for payload in odd + [{"id": queued, "type": 0, "R": 5}, {"id": queued, "type": 9}]:
        c.send(wire.RESPONSE, topic, payload)
c.ping()
print("sent")
E2

# all cores are taken, and one job waits behind
flux submit -n "$(flux resource list -no '{ncores}' | head -1)" sleep 1000 >running
flux job wait-event -t 30 "$(cat running)" start >/dev/null
waits=$(flux submit echo late)
before=$(flux resource list -no '{state} {ncores}')
is 'they are sent' sent python3 send.py "$FLUX_TEST_SOURCE/test/system" "$(flux job id "$waits")"
is 'the resources are what they were' "$before" flux resource list -no '{state} {ncores}'
is 'so are the jobs' "$waits S
$(cat running) R" flux jobs -no '{id} {status_abbrev}'
flux cancel "$(cat running)"
is 'the job that waited runs once there is room' late flux job attach "$waits"
is 'once' 1 sh -c "flux job eventlog $waits | grep -c ' start'"
finish
