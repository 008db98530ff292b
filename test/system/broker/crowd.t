# Many at once, and some who do not read: nobody else notices, and who takes more than
# his share is told. test/torture/crowd runs it with the numbers given to it.
. "${0%/*}/../lib.sh"

: "${CROWD_WATCHERS:=500}" "${CROWD_REQUESTS:=500}" "${CROWD_CLIENTS:=50}"
: "${CROWD_MUTE:=30}" "${CROWD_STOP:=0}"
export CROWD_WATCHERS CROWD_REQUESTS CROWD_CLIENTS CROWD_MUTE CROWD_STOP
crowd=$FLUX_TEST_BUILD/test/crowd
timer=$FLUX_TEST_BUILD/bench/bench-time

# MB that all queues together may have, for each rank.
QUOTA=32
under_flux 3 -Sbroker.quota-bytes=${QUOTA}M -Sbroker.client-queue-bytes=16M \
    -Stbon.queue-bytes=8M -Stbon.topo=kary:1 -Sbroker.quota-connections=4k \
    -Sbroker.quota-matches=64k -Stbon.torpid_max=none

# background NAME COMMAND...: runs until its input (descriptor 3) is closed; returns
# when it is ready.
background () {
    name=$1
    shift
    mkfifo "$name.in"
    "$@" <"$name.in" >"$name.said" 2>"$name.err" &
    eval "${name}_pid=$!"
    exec 3>"$name.in"
    rm "$name.in"
    until_true grep -q ready "$name.said"
}

rss () { # of rank 0, in MB
    awk '/^VmRSS/ { print int ($2 / 1024) }' "/proc/$broker0/status"
}
hwm () {
    awk '/^VmHWM/ { print int ($2 / 1024) }' "/proc/$broker0/status"
}
stat () {
    flux module stats broker | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" | head -1
}
broker0=$(flux getattr broker.pid)
broker1=$(flux exec -r1 flux getattr broker.pid)
broker2=$(flux exec -r2 flux getattr broker.pid)
flux kvs put crowd=1
flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so"
idle_inflight=$(stat inflight)

# ---- many watchers, requests, clients
# Only the long run measures (and builds what it measures with).
measure () { [ -z "${CROWD_RATIO:-}" ] || "$timer" 15 flux getattr rank; }
idle=$(measure)
background hold "$crowd" hold "$CROWD_WATCHERS" "$CROWD_REQUESTS" "$CROWD_CLIENTS" \
    testmod.hold
busy=$(measure)
like 'all of it is in flight' '"inflight":[0-9]{4}' flux module stats broker
if [ -n "${CROWD_RATIO:-}" ]; then
    echo "# getattr rank: idle $idle ms, in the crowd $busy ms," \
        "ratio $(awk "BEGIN { printf \"%.2f\", $busy / $idle }")"
    succeeds "getattr rank takes at most $CROWD_RATIO times as long" \
        awk "BEGIN { exit !($busy <= $CROWD_RATIO * $idle) }"
fi
exec 3>&-
wait "$hold_pid"
gone () { [ "$(stat inflight)" -le "$idle_inflight" ]; }
succeeds 'what they left is forgotten' until_true gone

# A sanitizer keeps what was freed for a while.
bounded () {
    if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
        skip 'memory is bounded' 'with a sanitizer'
    else
        succeeds 'memory is bounded' "$@"
    fi
}

# ---- clients that read nothing
before=$(rss)
background mute "$crowd" mute "$CROWD_MUTE"
exec 4>&3
background reader "$crowd" read 400
is 'events go out' '400 published' "$crowd" publish 400 200000
wait "$reader_pid"
like 'who reads gets them all' '^400 events' cat reader.said
bound=$((before + 3 * QUOTA + 40))
echo "# rank 0: $before MB before, $(rss) MB now, $(hwm) MB at most, bound $bound MB"
bounded test "$(hwm)" -le "$bound"
like 'slow ones were closed' 'does not read' flux dmesg
exec 3>&- 4>&-
wait "$mute_pid"

# ---- one that wants too much
flux setattr broker.quota-matches 1000
background greedy "$crowd" open testmod.hold 3000
like 'is told' 'refused, 0 failed: user .* has his share of 1000 requests' \
    cat greedy.said
fails 'who wants to hear events, too' 1 'subscribe x: user .* has his share of 1000 requests' \
    flux event sub --count=1 x
is 'others go on' 0 flux getattr rank
exec 3>&-
wait "$greedy_pid"
succeeds 'and it is forgotten' until_true gone
flux setattr broker.quota-matches 64k
flux setattr broker.quota-connections 40
background raw "$crowd" raw 100
like 'connections too' '^[0-9]+ let in: .* this user has too many' cat raw.said
exec 3>&-
wait "$raw_pid"
until_true flux setattr broker.quota-connections 4k
fails 'a limit is a number' 1 'not a number' flux setattr broker.quota-bytes lots

# ---- a broker that is stopped
flux setattr broker.client-queue-bytes 64M
kill -STOP "$broker2"
"$crowd" ask 2 200 1000 >ask.out 2>ask.err &
asker=$!
"$crowd" ask 2 400 100000 >flood.out 2>flood.err &
flood=$!
full () {
    flux exec -r1 flux module stats broker | grep -Eq '"queues":.*"bytes":(7[5-9]|8[0-9])[0-9]{5}'
}
succeeds 'what it is asked waits on the rank above' until_true full
# What does not fit has been refused then: it must not be answered in one burst with the rest,
# which would be more than its user may have waiting.
until_true grep -q 'all are asked' flood.err
[ "$CROWD_STOP" -eq 0 ] || sleep "$CROWD_STOP" # stopped as long as was asked for
kill -CONT "$broker2"
wait $flood $asker
like 'too much for it is refused' ' [1-9][0-9]* refused, 0 failed: too much waits' \
    cat flood.out
is 'what it had taken is answered' '200 answered, 0 refused, 0 failed' cat ask.out
is 'it is still there' 2 flux exec -r2 flux getattr rank
bounded test "$(hwm)" -le $((bound + 3 * 36))

# Events that it cannot take: it is lost, and what is behind it is forgotten.
flux exec -r2 flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so" 2>/dev/null
kill -STOP "$broker2"
is 'events go out' '500 published' "$crowd" publish 500 100000
lost () { flux overlay status 2>/dev/null | grep -q 'lost'; }
succeeds 'a broker that takes no events is lost' until_true lost
is 'others go on' 1 flux exec -r1 flux getattr rank
fails 'requests to it fail' 1 'route|reach' flux ping --count=1 --rank=2 broker
kill -CONT "$broker2"
echo "# rank 0: $(hwm) MB at most"
bounded test "$(hwm)" -le $((bound + 3 * 36))

finish
