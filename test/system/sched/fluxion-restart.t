#!/bin/sh
# Rank 0 is killed under running jobs: the graph after it is the graph before.
. "${0%/*}/../lib.sh"

mkdir state
cat >modules.toml <<EOF2
$(sed '/name = "sched-simple"/,$d; ${/\[\[modules\]\]/d}' "$FLUX_TEST_SOURCE/etc/modules.toml" |
    sed '$d')

[[modules]]
name = "sched-fluxion-resource"
ranks = "0"
after = ["resource"]

[[modules]]
name = "sched-fluxion-qmanager"
ranks = "0"
after = ["job-manager", "sched-fluxion-resource"]
EOF2

instance () {
    timeout -k 10 120 flux start -Sstatedir="$DIR/state" -Sbroker.modules_file="$DIR/modules.toml" sh -c "$1"
}

used () {
    cat >used.sh <<'E3'
flux jobs -no '{id} {status_abbrev} {ranks}' | sort
flux resource list -s allocated -no '{ncores} {rlist}'
E3
    sh used.sh
}
used >/dev/null 2>&1

instance '
    for i in 1 2; do flux submit -n1 -c1 sleep 1000 || exit 1; done >ids
    for id in $(cat ids); do flux job wait-event -t 30 $id start || exit 1; done >/dev/null
    sh used.sh >before
    kill -9 $(flux getattr broker.pid)' >/dev/null 2>&1
like 'two jobs run' '^2 ' tail -1 before
instance '
    for id in $(cat ids); do flux job eventlog $id; done >log
    flux resource list -s allocated -no "{ncores}" >after
    for id in $(cat ids); do flux jobs -no "{id} {status_abbrev}" $id; done >states
    flux cancel --all 2>/dev/null
    for id in $(cat ids); do flux job wait-event -t 30 $id clean || exit 1; done >/dev/null
    flux run true && flux resource list -s allocated -no "{ncores}" >end' >log2 2>&1
is 'what has R has its cores, and nothing else has' \
    "$(grep -c ' R$' states)" cat after
is 'in the end nothing is held' 0 cat end
finish
