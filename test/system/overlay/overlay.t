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
like 'its parent says lost' lost sh -c 'flux overlay status'
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
