#!/bin/sh
# flux ion-resource find: what each key means, by the paths that it prints.
. "${0%/*}/../lib.sh"

mkdir -p conf
cat >conf/resource.toml <<'END'
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-2]"
cores = "0-1"
[[resource.config]]
hosts = "n1"
properties = ["fast"]
END
[ -n "${FLUX_TEST_ACTIVE:-}" ] || under_flux 1 -c "$PWD/conf"

flux module remove sched-simple
flux module remove resource
flux module load resource monitor-force-up
flux module load sched-fluxion-resource match-policy=lonode

# Paths below the cluster; ancestors of what is found are there, too.
paths () {
    flux ion-resource find -q --format=jgf "$1" | jq -r '.graph.nodes[]?.metadata.paths.containment' |
        grep -v '^/cluster0$' | sed 's,/cluster0/,,' | sort | paste -sd' '
}
finds () { # EXPRESSION PATHS
    is "find $1" "$2" paths "$1"
}
all='n0 n0/core0 n0/core1 n1 n1/core0 n1/core1 n2 n2/core0 n2/core1'

# Job 1 has a core of n0; job 2 will have n0 and n1 when it is over, if n2 is down.
flux submit --dry-run -n1 -t 60 true >one.json
flux submit --dry-run -N2 -n2 -t 60 --exclusive true >two.json
flux ion-resource set-status /cluster0/n2 down
flux ion-resource match allocate one.json >/dev/null # job 0, which is over
flux ion-resource cancel 0
flux ion-resource match allocate one.json >/dev/null
like 'a reservation' '^2 +RESERVED' flux ion-resource match allocate_orelse_reserve two.json

finds status=up 'n0 n0/core0 n0/core1 n1 n1/core0 n1/core1'
finds status=down 'n2 n2/core0 n2/core1'
finds sched-now=allocated 'n0 n0/core0'
finds sched-future=reserved 'n0 n0/core0 n0/core1 n1 n1/core0 n1/core1'
finds sched-future=free 'n2 n2/core0 n2/core1'

two='n0 n0/core0 n0/core1 n1 n1/core0 n1/core1'
finds jobid-alloc=1 'n0 n0/core0'
finds jobid-alloc=2 ''
finds jobid-reserved=1 ''
finds jobid-reserved=2 "$two"
finds jobid-span=1 n0
finds jobid-span=2 'n0 n1'
finds jobid-tag=1 'n0 n0/core0'
finds jobid-tag=2 "$two"
for key in alloc reserved span tag; do
    finds "jobid-$key=3" ''
done
for id in 0x2 f3 ƒ3; do # other ways to write 2
    finds "jobid-reserved=$id" "$two"
done
finds 'jobid-alloc=1 or jobid-reserved=2' "$two"
finds 'jobid-tag=1 and jobid-tag=2' 'n0 n0/core0'
finds 'jobid-tag=2 and names=core1' 'n0 n0/core1 n1 n1/core1'
fails 'no job id' 1 'invalid criteria' flux ion-resource find jobid-tag=x

finds property=fast n1
finds PROPERTY=Fast n1
finds property=slow ''
finds 'property=fast or names=n2' 'n1 n2'
finds 'property=fast and status=down' ''
flux ion-resource set-property /cluster0/n2/core1 class=one
finds property=class 'n2 n2/core1'
flux ion-resource remove-property /cluster0/n2/core1 class
finds property=class ''
fails 'no property' 1 'invalid criteria' flux ion-resource find property=

# Job 1 goes: what was reserved stays so, till job 2 goes, too.
flux ion-resource cancel 1
finds jobid-tag=1 ''
finds jobid-span=1 ''
finds jobid-reserved=2 "$two"
flux ion-resource cancel 2
finds jobid-reserved=2 ''
finds sched-future=free "$all"
finish
