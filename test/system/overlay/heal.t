# With tbon.heal, the loss of a broker between others does not end those below it: they
# find the next one above, miss no event, and what is asked of them meanwhile waits.
. "${0%/*}/../lib.sh"
# The others are not ended because one is.
under_flux 7 --test-exit-mode=leader -Stbon.topo=kary:2 -Stbon.heal=20s

is 'the attribute' 20s flux getattr tbon.heal
id=$(flux submit --requires=rank:5 sh -c 'until [ -e go ]; do sleep 0.1; done; echo whole')
flux job wait-event -q "$id" start
# Below the one that will be lost: what they say and are told goes by it.
low=$(flux submit --requires=rank:3 -n1 sh -c 'echo before; until [ -e go ]; do sleep 0.1; done; echo after')
wide=$(flux submit -N2 --requires=rank:3-4 -n2 sh -c 'until [ -e go ]; do sleep 0.1; done; echo both')
fed=$(flux submit --requires=rank:4 -n1 cat)
flux job wait-event -q "$low" start
flux job wait-event -q "$wide" start
flux job wait-event -q "$fed" start
flux exec -r3 flux kvs put before=1
pid=$(flux exec -r1 flux getattr broker.pid)
kill -9 "$pid"
# What was on its way to it when it was lost is not known to have come anywhere, and answered
# so. From then on what is for those below it waits for them.
fails 'the lost one is not waited for' 68 'No route to host' flux exec -r1 true
is 'both find their way, and are asked' '3
4' sh -c 'flux exec -r3,4 flux getattr rank | sort'
is 'they ask' 1 flux exec -r3 flux kvs get before
is 'they ask each other' 1 sh -c 'flux exec -r3 flux ping -c1 4 | grep -c seq=0'
like 'rank 0 has adopted them' 'adopting .*rank 3' flux dmesg
like 'and says what is so' '^ *7 ' \
    sh -c 'flux resource list -s all -no "{nnodes} {state}" | awk "{n += \$1} END {print n, \"\"}"'
# Events, with those that came when there was no parent.
flux exec -r3 sh -c 'flux event sub -c3 heal >events; echo done >>events' &
sub=$!
until_true sh -c 'flux event pub heal.a; grep -q heal.a events'
flux event pub heal.b
flux event pub heal.c
wait $sub
is 'events come there' done tail -1 events
flux kvs put after=1
is 'the KVS there follows' 1 flux exec -r4 sh -c 'flux kvs wait $(flux kvs version) && flux kvs get after'
flux exec -r4 flux kvs put there=2
is 'and writes' 2 flux kvs get there
: >go
is 'a job elsewhere has not noticed' whole flux job attach "$id"
is 'nor has one below the lost one' 'before
after' flux job attach "$low"
is 'nor one that is there on two' 'both
both' flux job attach "$wide"
is 'standard input comes to another' fed sh -c 'echo fed | flux job attach "$1"' sh "$fed"
is 'jobs run where they are adopted' 'rank 4' \
    sh -c 'flux run --requires=rank:4 sh -c "echo rank \$(flux getattr rank)"'
finish
