#!/bin/sh
# sched-backfill: jobs that end in time overtake the first one that waits; sched-fifo: none.
. "${0%/*}/../lib.sh"
under_flux 4

# a holds three of four nodes; b wants all of them; short ends before that, long does not.
queue () {
    flux module load "$@" || return
    a=$(flux submit -N3 --exclusive -t 1000s --job-name=a sleep 300)
    flux job wait-event -t 30 "$a" start >/dev/null
    b=$(flux submit -N4 --exclusive -t 60s --job-name=b sleep 300)
    l=$(flux submit -N1 --exclusive -t 10h --job-name=long sleep 300)
    s=$(flux submit -N1 --exclusive -t 300s --job-name=short sleep 300)
}
states () {
    flux jobs -no '{name} {state}' "$a" "$b" "$l" "$s" | paste -sd,
}
estimate () {
    flux jobs -no '{annotations.sched.t_estimate}' "$1"
}
clear () {
    flux cancel --all --quiet
    flux queue drain
    flux module remove "$1"
}
flux module remove sched-simple

succeeds 'backfill' queue sched-backfill
succeeds 'one that ends in time starts' flux job wait-event -t 30 "$s" start
is 'and no other' 'a RUN,b SCHED,long SCHED,short RUN' states
expects () { [ -n "$(estimate "$1")" ]; }
until_true expects "$b"
end=$(flux job info "$a" R | sed 's/.*"expiration": *\([0-9.]*\).*/\1/')
like 'the first one expects to start when a ends' "^${end%.*}" estimate "$b"
is 'the others expect nothing' '' estimate "$l"
succeeds 'it is reloaded under them' flux module reload sched-backfill
is 'nothing changes' 'a RUN,b SCHED,long SCHED,short RUN' states
until_true expects "$b"
flux cancel "$a" "$s"
succeeds 'the first one starts when it fits' flux job wait-event -t 30 "$b" start
is 'and expects nothing more' '' estimate "$b"
flux cancel "$b"
succeeds 'then the other' flux job wait-event -t 30 "$l" start
clear sched-backfill

# What the first one does not need may be had for longer.
flux module load sched-backfill
a=$(flux submit -N2 --exclusive -t 1000s sleep 300)
b=$(flux submit -N3 --exclusive -t 60s sleep 300)
l=$(flux submit -N1 --exclusive -t 10h sleep 300)
succeeds 'beside the first one' flux job wait-event -t 30 "$l" start
clear sched-backfill

queue sched-backfill queue-depth=1
sync=$(flux submit --urgency=0 true)
flux job wait-event -t 30 "$sync" priority >/dev/null
until_true expects "$b"
is 'no deeper than it may look' 'a RUN,b SCHED,long SCHED,short SCHED' states
clear sched-backfill

queue sched-fifo
is 'sched-fifo: nobody overtakes' 'a RUN,b SCHED,long SCHED,short SCHED' states
is 'nor expects anything' '' estimate "$b"
clear sched-fifo
succeeds 'sched-simple with the policy' queue sched-simple queue-policy=easy
succeeds 'does the same' flux job wait-event -t 30 "$s" start
clear sched-simple
for bad in queue-policy=nosuch queue-depth=0 queue-depth=100001 queue-depth=1x; do
    fails "$bad" 1 'unknown argument|Invalid argument' flux module load sched-backfill $bad
done
fails 'log-level: no such' 1 "log-level: '8' is not from 3 to 7" flux module load sched-simple log-level=8
fails 'alloc-check: whose it is' 1 'flux jobtap load alloc-check.so' \
    flux module load sched-simple alloc-check
ready () { flux dmesg | grep -c 'sched-simple.debug.* ready: '; }
before=$(ready)
flux module load sched-simple log-level=6
is 'log-level: not to be seen' "$before" ready
flux module reload sched-simple log-level=7
seen () { [ "$(ready)" -gt "$before" ]; }
until_true seen # it is loaded before it has its resources
is 'and to be seen' $((before + 1)) ready
finish
