# A broker that is stopped is not gone, and its parent waits for tbon.torpid_max before it
# calls it torpid: flux overlay status sees at once that it does not answer.
. "${0%/*}/../lib.sh"
under_flux 3 -Stbon.topo=kary:1
pid=$(flux exec -r2 flux getattr broker.pid)
status () {
    flux overlay status --no-pretty --color=never "$@" | sed 's/^\([0-9]*\) [^:]*/\1/'
}
is 'all answer' '0: full
1: full
2: full' status --timeout=0
kill -STOP "$pid"
like 'one does not' '^2: full, does not answer$' status
like 'it is among those that are down' '^2: full, does not answer$' status --down
kill -CONT "$pid"
is 'it answers again' '2: full' status --rank=2 --timeout=0
is 'and nobody is down' '' status --down --timeout=0
finish
