#!/bin/sh
# The graph scheduler at the start of an instance, with what the environment says.
. "${0%/*}/../lib.sh"

# started COMMAND: what it prints in an instance that has the graph scheduler.
started () {
    flux start --conf=modules.alternatives.sched=sched-fluxion-qmanager sh -c "$1"
}
modules='flux module list | awk "/^sched/ { print \$1 }" | sort'
policy='flux ion-resource params | jq -r .params.policy 2>/dev/null || flux ion-resource params'
queue='flux module stats sched-fluxion-qmanager | jq -r ".queues.default | .policy, .queue_depth"'

is 'without variables' 'sched-fluxion-feasibility
sched-fluxion-qmanager
sched-fluxion-resource' started "$modules"
export FLUXION_RESOURCE_OPTIONS='policy=lonode  match-format=rv1'
export FLUXION_QMANAGER_OPTIONS='queue-policy=easy queue-params=queue-depth=7'
like 'options of the graph' 'lonode' started "$policy"
is 'all of them' 'true' started 'flux run true; flux job info $(flux job last) R | jq "has(\"scheduling\")"'
is 'options of the queues' 'easy
7' started "$queue"
is 'they take the place of those of modprobe' '["queue-policy=easy", "queue-params=queue-depth=7"]' sh -c '
    flux start --conf=modules.sched-fluxion-qmanager.args="[\"queue-policy=hybrid\"]" \
        flux modprobe show sched-fluxion-qmanager | jq -c .args | sed "s/,/, /"'
is 'and also count when modprobe loads them later' 'load sched-fluxion-resource policy=lonode match-format=rv1
load sched-fluxion-qmanager queue-policy=easy queue-params=queue-depth=7' flux start sh -c \
    'flux module remove sched-simple; flux modprobe load --dry-run sched-fluxion-qmanager'
export FLUXION_RESOURCE_OPTIONS='' FLUXION_QMANAGER_OPTIONS=' '
is 'empty ones say nothing' 'fcfs
32' started "$queue"
export FLUXION_RESOURCE_OPTIONS=bogus=1
fails 'what is not understood fails the start' 1 'Unknown option \(bogus\)' started true
unset FLUXION_RESOURCE_OPTIONS FLUXION_QMANAGER_OPTIONS

export FLUXION_QMANAGER_RC_NOOP=1
is 'no queue manager, and nothing in its place' 'sched-fluxion-feasibility
sched-fluxion-resource' started "$modules"
is 'the graph alone' 'sched-fluxion-resource' flux start sh -c "
    flux module remove sched-simple; flux modprobe load sched-fluxion-resource; $modules"
fails 'who asks for it is told' 0 'INFO: disabled here: sched-fluxion-qmanager$' \
    started 'flux modprobe load sched-fluxion-qmanager'
is 'a site loads it by itself' 'sched-fluxion-qmanager' started "
    flux module load sched-fluxion-qmanager && flux run true && flux module list | grep -o '^sched-fluxion-q[a-z]*'"
unset FLUXION_QMANAGER_RC_NOOP
export FLUXION_RESOURCE_RC_NOOP=1
is 'without a graph there is no queue manager' '' started "$modules"
is 'nor are jobs asked whether they can run' '' flux start sh -c "
    flux module remove sched-simple; flux modprobe load sched-fluxion-feasibility 2>/dev/null; $modules"
unset FLUXION_RESOURCE_RC_NOOP

# A host that is drained, or was not yet heard of, may come.
cat >drained <<'SH'
flux resource drain 1
id=$(flux submit -N2 true)
until [ "$(flux module stats sched-fluxion-resource | jq .match.failed.njobs)" = 1 ]; do
    sleep 0.01
done
flux jobs -no '{status}' "$id"
flux resource undrain 1
flux job attach "$id"
SH
is 'a job waits for what is down' 'SCHED' flux start -s2 \
    --conf=modules.alternatives.sched=sched-fluxion-qmanager sh drained
finish
