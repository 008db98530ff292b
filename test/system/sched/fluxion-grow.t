#!/bin/sh
# The graph scheduler and resources that become more: brokers that join late and leave,
# and another R.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_STAGE:-}" ]; then
    export FLUX_TEST_STAGE=leader
    set -- $(python3 -c '
import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])')
    flux keygen cert || exit 1
    cat >conf.toml <<END
[bootstrap]
curve_cert = "$DIR/cert"
hosts = [
    { host = "a0", bind = "tcp://127.0.0.1:$1", connect = "tcp://127.0.0.1:$1" },
    { host = "a1", bind = "tcp://127.0.0.1:$2", connect = "tcp://127.0.0.1:$2" },
]
[resource]
noverify = true
[[resource.config]]
hosts = "a[0-1]"
cores = "0-1"
[modules]
alternatives.sched = "sched-fluxion-qmanager"
[sched-fluxion-qmanager]
queue-policy = "easy"
END
    mkdir run-a0 run-a1
    FLUX_FAKE_HOSTNAME=a0 FLUX_TEST_ACTIVE=1 timeout -k 10 120 flux broker -Srundir="$DIR/run-a0" \
        -cconf.toml -Sbroker.quorum=1 sh "$SCRIPT"
    exit
fi

# Hosts that an expression finds.
hosts () {
    flux ion-resource find -q "$1" | jq -r '.execution.nodelist | join(",")' 2>/dev/null
}
event () {
    flux job wait-event -t 60 "$1" "$2" >/dev/null
}

is 'who has not joined is down' a1 hosts status=down
wide=$(flux submit -N2 -n2 -t 10m sleep 1000)
like 'a job that needs it waits' '^S$' flux jobs -no '{status_abbrev}' "$wide"
is 'others overtake it' a0 flux run -N1 -t 1m sh -c 'echo a0'
FLUX_FAKE_HOSTNAME=a1 flux broker -Srundir="$DIR/run-a1" -cconf.toml >a1.out 2>&1 &
late=$!
succeeds 'a broker joins, and the job starts' event "$wide" start
is 'on both' 'a[0-1]' hosts "jobid-alloc=$wide"
is 'nothing is down' null flux ion-resource find -q status=down
flux cancel "$wide"
succeeds 'it ends' event "$wide" clean
is 'nothing is allocated' null flux ion-resource find -q sched-now=allocated

# R with another node: while a scheduler has the one there is, it stays.
one=$(flux submit -n1 -t 10m sleep 1000)
event "$one" start
before=$(flux ion-resource find -q "jobid-alloc=$one")
flux R encode -r0-2 -c0-1 -H 'a[0-2]' >R3
flux R encode -r0-1 -c0-3 -H 'a[0-1]' >R
fails 'R stays while it is in use' 1 'in use' flux resource reload R
flux module remove sched-fluxion-feasibility
flux module remove sched-fluxion-qmanager
flux module remove sched-fluxion-resource
wide=$(flux submit -N2 -n8 -t 10m true)
succeeds 'then it has more cores' flux resource reload R
flux module load sched-fluxion-resource
flux module load sched-fluxion-qmanager
succeeds 'they are in the graph' sh -c '[ "$(flux resource list -s all -no "{ncores}")" = 8 ]'
is 'what runs has what it had' "$before" flux ion-resource find -q "jobid-alloc=$one"
flux cancel "$one"
succeeds 'what needs all of them runs' event "$wide" clean
is 'nothing is allocated' null flux ion-resource find -q sched-now=allocated
flux module remove sched-fluxion-qmanager
flux module remove sched-fluxion-resource
succeeds 'and a node that is not there' flux resource reload -f R3
flux module load sched-fluxion-resource
flux module load sched-fluxion-qmanager
is 'it is down' a2 hosts status=down

# Who leaves is down again.
flux overlay disconnect a1 2>/dev/null || kill $late
wait $late
succeeds 'a broker leaves' until_true sh -c '
    flux ion-resource find -q status=down | grep -q "a\[1-2\]"'
is 'what is left is used' a0 flux run -N1 sh -c 'echo a0'
finish
