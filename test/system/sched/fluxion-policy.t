#!/bin/sh
# Queue policies of the graph scheduler: who is reserved, and who goes ahead.
. "${0%/*}/../lib.sh"

under_flux 4

flux module remove sched-simple
flux module load sched-fluxion-resource

# a holds three nodes of four for 100 s; b and c want all; short fits beside and ends
# before b starts, long would not.
queue () {
    flux module load sched-fluxion-qmanager "$@" || return
    a=$(flux submit -N3 --exclusive -t 100s --job-name=a sleep 300)
    flux job wait-event -t 30 "$a" start >/dev/null
    now=$(date +%s)
    b=$(flux submit -N4 -t 60s --job-name=b sleep 300)
    c=$(flux submit -N4 -t 60s --job-name=c sleep 300)
    s=$(flux submit -N1 -t 30s --job-name=short sleep 300)
    l=$(flux submit -N1 -t 10m --job-name=long sleep 300)
    all="$b $c $s $l"
}


# name:status:seconds until it is to start, in tens
seen () {
    # shellcheck disable=SC2086
    flux job list-ids $all 2>/dev/null | python3 -c '
import json, sys
now = int(sys.argv[1])
for line in sys.stdin:
    job = json.loads(line)
    at = job.get("annotations", {}).get("sched", {}).get("t_estimate")
    print(job["name"], {8: "S", 16: "R"}.get(job["state"], "-"), round((at - now) / 10) if at else "-")
' "$now"
}

# Wait until the queue is as expected; then it is said what it was.
becomes () {
    expected=$2
    for _ in $(seq 200); do
        got=$(seen)
        [ "$got" = "$expected" ] && break
    done
    is "$1" "$expected" echo "$got"
}

# With each policy: more than there is, and what nobody has.
never () {
    for n in -N5 '-N1 --requires=rank:7' -n1000; do
        # shellcheck disable=SC2086
        id=$(flux submit -t 60s $n true)
        flux job wait-event -t 30 "$id" exception >/dev/null || return
        flux jobs -no '{exception.note}' "$id" | grep -q 'type="unsatisfiable"' || return
    done
}

over () {
    flux cancel --all >/dev/null 2>&1
    for id in $a $all; do
        flux job wait-event -t 30 "$id" clean >/dev/null || return
    done
    flux module remove sched-fluxion-qmanager
}

for policy in fcfs easy hybrid conservative; do
    flux module load sched-fluxion-qmanager queue-policy=$policy
    succeeds "$policy: what never fits is refused" never
    flux module remove sched-fluxion-qmanager
done
queue queue-policy=fcfs
becomes 'fcfs: none goes ahead' 'b S -
c S -
short S -
long S -'
succeeds 'fcfs: over' over

queue queue-policy=easy
becomes 'easy: one is reserved' 'b S 10
c S -
short R -
long S -'
succeeds 'easy: over' over

queue queue-policy=hybrid policy-params=reservation-depth=2
becomes 'hybrid: two are' 'b S 10
c S 16
short R -
long S -'
succeeds 'hybrid: over' over

queue queue-policy=conservative
becomes 'conservative: all are' 'b S 10
c S 16
short R -
long S 22'
like 'they are counted' '"reserved": *3' flux module stats sched-fluxion-qmanager
succeeds 'conservative: over' over

# Jobs without a limit: one that is reserved leaves nothing behind it, as long as it is.
endless () {
    flux module load sched-fluxion-qmanager "$@" || return
    a=$(flux submit -N4 --exclusive -t 100s --job-name=a sleep 300)
    flux job wait-event -t 30 "$a" start >/dev/null
    now=$(date +%s)
    b=$(flux submit -N4 --job-name=b sleep 300)
    c=$(flux submit -N4 -t 60s --job-name=c sleep 300)
    all="$b $c"
}
endless queue-policy=conservative
becomes 'nothing is behind a job without a limit' 'b S 10
c S -'
flux job urgency "$c" 20 >/dev/null
becomes 'but one that now goes before' 'b S 16
c S 10'
flux job urgency "$c" 16 >/dev/null
becomes 'no more' 'b S 10
c S -'
flux cancel "$b"
becomes 'it is cancelled: the next takes its place' 'b - -
c S 10'
flux cancel "$a"
succeeds 'and runs in the end' flux job wait-event -t 30 "$c" start
succeeds 'endless: over' over
endless queue-policy=conservative
becomes 'again' 'b S 10
c S -'
flux cancel "$b" "$a"
succeeds 'both are gone at once: it runs' flux job wait-event -t 30 "$c" start
succeeds 'over' over

# Two queues over the same nodes.
queues () {
    printf '[queues.x]\n[queues.y]\n' | flux config load
    flux module load sched-fluxion-qmanager queue-policy=conservative
    flux queue start --all --quiet
    a=$(flux submit -qx -N3 --exclusive -t 100s --job-name=a sleep 300)
    flux job wait-event -t 30 "$a" start >/dev/null
    now=$(date +%s)
    b=$(flux submit -qx -N4 -t 60s --job-name=b sleep 300)
    l=$(flux submit -qy -N1 -t 10m --job-name=long sleep 300)
    all="$b $l"
}
queues
becomes 'a queue counts on what another has reserved' 'b S 10
long S 16'
flux cancel "$b"
becomes 'that is given up: it is there at once' 'b - -
long R -'
succeeds 'over' over
finish
