#!/bin/sh
# The graph scheduler in the place of the simple one, and back, with jobs running.
. "${0%/*}/../lib.sh"

under_flux 2

modules () {
    flux module list | awk '/sched/ { print $1, $NF }' | sort
}

to_fluxion () {
    flux module remove sched-simple &&
        flux module load sched-fluxion-resource load-allowlist=node,socket,core &&
        flux module load sched-fluxion-qmanager queue-params=queue-depth=4
}

to_simple () {
    flux module remove sched-fluxion-qmanager &&
        flux module remove sched-fluxion-resource &&
        flux module load sched-simple
}

used () {
    flux resource list -s allocated -no '{ncores} {rlist}'
}

cores=$(flux resource list -s free -no '{ncores}')
id=$(flux submit -n1 sleep 1000)
flux job wait-event -t 30 "$id" start >/dev/null
before=$(used)

succeeds 'the simple scheduler goes, the graph scheduler comes' to_fluxion
like 'it has the service' '^sched-fluxion-qmanager +sched' modules
is 'what runs has its cores' "$before" used
is 'a job runs on what is free' 'hello' flux run -n $((cores - 1)) sh -c \
    '[ "$FLUX_TASK_RANK" != 0 ] || echo hello'
is 'and gives it back' "$before" used
fails 'one that never fits is refused' 1 'alloc denied due to type="unsatisfiable"' \
    flux run -n $((cores + 1)) true
wide=$(flux submit -n "$cores" true)
like 'one that does not fit waits' '^S$' flux jobs -no '{status_abbrev}' "$wide"

succeeds 'back again, while one runs and one waits' to_simple
is 'what runs has its cores still' "$before" used
succeeds 'and to the graph once more' to_fluxion
is 'and still' "$before" used
flux cancel "$id"
succeeds 'the one that waited runs' flux job wait-event -t 30 "$wide" clean
is 'nothing is left allocated' '0' flux resource list -s allocated -no '{ncores}'

# A queue manager alone goes and comes: what it had placed is not placed twice.
id=$(flux submit -n1 sleep 1000)
flux job wait-event -t 30 "$id" start >/dev/null
before=$(used)
succeeds 'the queue manager is loaded again' sh -c \
    'flux module remove sched-fluxion-qmanager && flux module load sched-fluxion-qmanager'
is 'the graph has each job once' "$before" used
flux cancel "$id"
flux job wait-event -t 30 "$id" clean >/dev/null
is 'and loses it when it ends' '0' flux resource list -s allocated -no '{ncores}'

# Ten swaps under load.
flux submit --cc=1-60 -n1 true >ids
for i in 1 2 3 4 5; do
    to_simple && to_fluxion || break
done
waited () {
    while read -r job; do
        flux job wait-event -t 60 "$job" clean || return
    done <ids >/dev/null
}
succeeds 'ten swaps lose no job' waited
is 'nor a core' "0 $cores" sh -c \
    'echo $(flux resource list -s allocated,free -no "{state} {ncores}" |
        sort | awk "{ print \$NF }")'
is 'and all jobs have succeeded' 60 sh -c \
    'flux jobs -ano "{id} {result}" $(cat ids) | grep -c COMPLETED'

# Options
to_simple
flux module remove sched-simple
fails 'an unknown option' 1 'Unknown option \(nosuch\)' \
    flux module load sched-fluxion-resource nosuch=1
for bad in match-policy=nosuch match-format=nosuch load-format=nosuch reserve-vtx-vec=-1 \
    prune-filters=ALL: update-interval=x traverser=x load-file=/nosuch load-allowlist=core; do
    fails "a bad value: $bad" 1 '' flux module load sched-fluxion-resource "$bad"
    like "is named: ${bad%%=*}" "sched-fluxion-resource.*${bad%%=*}: " flux dmesg
done
flux module load sched-fluxion-resource
for bad in queue-policy=nosuch queue-params=queue-depth=foo queue-params=queue-depth=0 \
    policy-params=reservation-depth=x queue-policy-per-queue=x queue-policy-per-queue=a:easy; do
    fails "a bad value: $bad" 1 '' flux module load sched-fluxion-qmanager "$bad"
    like "is named: ${bad%%=*}" "sched-fluxion-qmanager.*${bad%%=*}: " flux dmesg
done
flux module load sched-fluxion-qmanager queue-policy=easy
flux module load sched-fluxion-feasibility
cat >feasible.py <<'E2'
import json, subprocess, sys
sys.path.insert(0, sys.argv[1])
import wire

spec = json.loads(subprocess.check_output(["flux", "submit", "--dry-run", "-n", sys.argv[2],
                                           "true"]))
r = wire.Client().rpc("feasibility.check", {"jobspec": spec})
print(r.errnum, r.text() if r.errnum else "")
E2
like 'what fits is feasible' '^0 ' python3 feasible.py "$FLUX_TEST_SOURCE/test/system" "$cores"
like 'what never fits is not' '^19 Unsatisfiable request' \
    python3 feasible.py "$FLUX_TEST_SOURCE/test/system" $((cores + 1))
finish
