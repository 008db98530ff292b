# The tree: a follower is killed, the others go on; a tree of some depth.
. "${0%/*}/../lib.sh"
under_flux 7 -Stbon.topo=kary:2 --test-exit-mode=leader

is 'status' '0 full' sh -c "flux overlay status --no-pretty 2>/dev/null | head -1 |
    sed 's/ [^ ]*: / /' || flux overlay status | head -1 | sed 's/ [^ ]*: / /'"
is 'parentof' 2 flux overlay parentof 6
is 'level' 2 flux exec -r 6 flux getattr tbon.level
is 'descendants' 2 flux exec -r 1 flux getattr tbon.descendants
like 'ping from leaf to leaf' '^6!broker.ping' \
    flux exec -r 3 flux ping --count=1 --rank=6 broker
is 'events reach all ranks' 7 sh -c \
    'flux exec -r all sh -c "flux getattr size" | wc -l'

# What goes by between brokers, as rank 0 sees it: traced REGEX COMMAND...
traced () {
    regex=$1
    shift
    : >trace.out
    "$@" >trace.out &
    tracer=$!
    until grep -Eq "$regex" trace.out; do
        flux ping --count=1 --rank=1 broker >/dev/null
        flux ping --count=1 --rank=2 broker >/dev/null
    done
    kill $tracer
    wait $tracer
    true
}
succeeds 'trace: requests to a neighbour' traced '^[0-9:.]+ tx 1 > broker\.ping \[[0-9]+\]$' \
    flux overlay trace --rank=1 --type=request 'broker.*'
is 'and nothing else' '' sed '/ tx 1 > broker\./d' trace.out
succeeds 'trace: answers of the other' \
    traced '^[0-9:.]+ rx 2 < broker\.ping \[[0-9]+\] success$' flux overlay trace -r 2 -t response
is 'and nothing else' '' sed '/ [rt]x 2 < /d' trace.out
succeeds 'trace: payloads, times for people' traced '^\{.*"seq":0' \
    flux overlay trace --full --human 'broker.ping'
fails 'trace: no such neighbour' 1 '9: no such rank' flux overlay trace -r 9
fails 'trace: no such type' 1 'valid types: request, response, event, control' \
    flux overlay trace -t nosuch
fails 'disconnect: who is no parent' 1 'no such child is connected' \
    flux overlay disconnect --parent=1 2

# An RPC that is under way to a broker when it dies gets an answer.
pid=$(flux exec -r 6 flux getattr broker.pid)
kill -STOP "$pid"
flux ping --count=1 --rank=6 broker >ping.out 2>&1 &
ping=$!
kill -9 "$pid"
wait $ping
like 'RPC to a killed broker fails' 'No route to host' cat ping.out
fails 'so do later ones' 1 'No route to host' flux ping --count=1 --rank=6 broker
like 'the others answer' '^5!broker.ping' flux ping --count=1 --rank=5 broker
like 'its parent says lost, and why' 'lost lost connection' sh -c 'flux overlay status'
like 'the tree above is degraded' degraded sh -c 'flux overlay status'
like 'the log says so' 'broker lost: .* \(rank 6\)' sh -c \
    'flux dmesg; flux exec -r 2 flux dmesg'
is 'a job on the others runs' ok flux run echo ok

# An inner broker is killed: what hangs below it ends.
pid=$(flux exec -r 1 flux getattr broker.pid)
below=$(flux exec -r 3-4 flux getattr broker.pid)
kill -9 "$pid"
fails 'nothing below an inner broker is reached' 1 'No route to host' \
    flux ping --count=1 --rank=3 broker
like 'the other half is' '^5!broker.ping' flux ping --count=1 --rank=5 broker
wait_gone () {
    for p in $below; do
        timeout 20 tail --pid="$p" -f /dev/null || return 1
    done
}
succeeds 'what is below ends' wait_gone
finish
