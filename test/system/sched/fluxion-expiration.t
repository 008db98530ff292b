#!/bin/sh
# When a running job may run longer, or ends sooner, reservations behind it move.
. "${0%/*}/../lib.sh"

under_flux 2

flux module remove sched-simple
flux module load sched-fluxion-resource
flux module load sched-fluxion-qmanager queue-policy=conservative
a=$(flux submit -N2 --exclusive -t 1000s sleep 3000)
flux job wait-event -t 30 "$a" start >/dev/null
now=$(date +%s)
b=$(flux submit -N2 -t 1000s true)
c=$(flux submit -N1 -t 1000s true)

# Hundreds of seconds from now at which b and c are to start.
estimates () {
    flux job list-ids "$b" "$c" | python3 -c '
import json, sys
for line in sys.stdin:
    at = json.loads(line).get("annotations", {}).get("sched", {}).get("t_estimate")
    print(round((at - int(sys.argv[1])) / 100) if at else "-", end=" ")' "$now"
}
becomes () {
    for _ in $(seq 300); do
        [ "$(estimates)" = "$2" ] && break
    done
    is "$1" "$2" estimates
}

reload () {
    flux module remove sched-fluxion-qmanager &&
        flux module load sched-fluxion-qmanager queue-policy=conservative
}
swap () {
    flux module remove sched-fluxion-qmanager &&
        flux module remove sched-fluxion-resource &&
        flux module load sched-fluxion-resource &&
        flux module load sched-fluxion-qmanager queue-policy=conservative
}

becomes 'both are reserved' '10 20 '
succeeds 'the job may run longer' flux update "$a" duration=3000s
becomes 'its successors wait longer' '30 40 '
succeeds 'the queue manager comes again' reload
becomes 'it knows of it' '30 40 '
succeeds 'the job ends sooner' flux update "$a" duration=500s
becomes 'its successors come sooner' '5 15 '
succeeds 'graph and queues are made anew' swap
becomes 'they know of it' '5 15 '
flux resource list -s allocated -no '{nnodes}' >nodes
is 'it holds what it held' 2 cat nodes

cat >stats.py <<'E2'
import sys
sys.path.insert(0, sys.argv[1])
import wire

q = wire.Client().rpc("sched-fluxion-qmanager.stats-get", {}).json()["queues"]["default"]
print(q["pending_queues"]["pending"], q["pending_queues"]["blocked"],
      q["scheduled_queues"]["running"])
E2
is 'stats tell who waits and who runs' "['$(flux job id --to=f58plain "$b")', '$(flux job id \
    --to=f58plain "$c")'] [] ['$(flux job id --to=f58plain "$a")']" \
    python3 stats.py "$FLUX_TEST_SOURCE/test/system"

flux cancel --all >/dev/null 2>&1
finish
