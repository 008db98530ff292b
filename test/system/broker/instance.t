# An instance: attributes, modules, log, tree, events.
. "${0%/*}/../lib.sh"
under_flux 4

is 'getattr' 4 flux getattr size
fails 'unknown attribute' 1 '^flux-getattr: nosuch: No such file or directory$' \
    flux getattr nosuch
fails 'setattr of an unknown one' 1 '^flux-setattr: nosuch: unknown attribute$' \
    flux setattr nosuch 1
fails 'setattr of what cannot change' 1 '^flux-setattr: rank: ' flux setattr rank 3
succeeds 'setattr' flux setattr log-stderr-level 4
is 'it was set' 4 flux getattr log-stderr-level
like 'lsattr' '^broker.boot-method$' flux lsattr
like 'lsattr -v: values from column 40' '^size {36}4$' flux lsattr -v
is 'lsattr is sorted' '' sh -c 'flux lsattr >a; sort -c a'

is 'exec on all ranks' '0
1
2
3' sh -c 'flux exec flux getattr rank | sort'
is 'exec without rank 0' '1
2
3' sh -c 'flux exec -r all -x 0 flux getattr rank | sort'
is 'exec -l' '2: hello' flux exec -r 2 -l echo hello
fails 'exec: worst status' 1 '^\[1-3\]: Exit 1$' flux exec -r all -x 0 sh -c 'exit 1'
fails 'exec: no such rank' 1 '9' flux exec -r 9 true
fails 'exec: no such program' 127 'No such file or directory' flux exec -r 0 /nonexistent

like 'module list' '^kvs +[0-9]+  R +[0-9]+ +[0-9]+ kvs-watch$' flux module list
fails 'module load: unknown' 1 '^flux-module: load nosuch: module not found in search path$' \
    flux module load nosuch
fails 'module load: no such file' 1 '^flux-module: load ./nosuch: No such file' \
    flux module load ./nosuch
fails 'module load: loaded' 1 '^flux-module: load kvs: File exists$' flux module load kvs
fails 'module remove: unknown' 1 '^flux-module: remove nosuch: No such file or directory$' \
    flux module remove nosuch
fails 'module stats: unknown' 1 \
    '^flux-module: nosuch.stats-get: No service matching nosuch.stats-get is registered$' \
    flux module stats nosuch
is 'module debug' 0x0 flux module debug kvs
is 'module debug: setbit' 0x10 flux module debug --setbit=0x10 kvs
fails 'module debug: no mask' 1 'not a mask' flux module debug --set=x kvs
succeeds 'module reload' flux module reload barrier
fails 'module reload: in use' 1 \
    '^flux-module: reload job-manager: is in use: remove sched-simple, job-exec, job-list first$' \
    flux module reload job-manager
fails 'module reload: what the KVS stands on' 1 \
    '^flux-module: reload content: is in use: remove kvs, content-sqlite first$' \
    flux module reload content
fails 'module remove: in use' 1 \
    '^flux-module: remove resource: is in use: remove sched-simple first$' \
    flux module remove resource
reload () {
    for m in sched-simple job-exec job-list job-manager resource; do
        flux module remove $m || return 1
    done
    for m in resource job-manager job-list job-exec sched-simple; do
        flux module load $m || return 1
    done
    flux run echo again
}
is 'modules come back' again reload
fails 'module: unknown subcommand' 1 'nosuch' flux module nosuch

like 'ping' '^0!kvs.ping pad=0 seq=0 time=[0-9.]+ ms \(.*\)$' flux ping --count=1 kvs
like 'ping a rank' '^2!broker.ping pad=0 seq=0 time=[0-9.]+ ms \(.*!.*\)$' \
    flux ping --count=1 --rank=2 broker
like 'ping RANK!SERVICE' '^3!broker.ping pad=5 seq=1 ' \
    flux ping --count=2 --interval=1ms --pad=5 '3!broker'
fails 'ping: no such service' 1 '^flux-ping: nosuch.ping: Function not implemented$' flux ping --count=1 nosuch
fails 'ping: no such rank' 1 '^flux-ping: 9!broker.ping: No route to host$' \
    flux ping --count=1 --rank=9 broker

succeeds 'logger' flux logger -s info --appname=me hello log
like 'dmesg' \
    '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z me\.info\[0\]: hello log$' flux dmesg
like 'dmesg -H' '^\[ +\+[0-9]+\.[0-9]{6}\] me\.info\[0\]: hello log$' flux dmesg -H
is 'dmesg -C' '' sh -c 'flux dmesg -C; flux dmesg'

is 'overlay lookup' 1 sh -c 'flux overlay lookup 2 | wc -l'
is 'overlay parentof' 0 flux overlay parentof 3
fails 'overlay parentof the root' 1 '0: has no parent' flux overlay parentof 0
fails 'overlay parentof: no such rank' 1 'no such rank' flux overlay parentof 9
like 'overlay status' '^└─ 3 .*: full$' flux overlay status
like 'overlay status -v' '^0 .*: full for [0-9.]+' flux overlay status -v
is 'overlay errors' '' flux overlay errors
like 'uptime' '^ [0-9:]{8} run [0-9.]+m?s,  owner [^ ]+,  depth 0,  size 4$' flux uptime

is 'event sub and pub' 'foo.bar	{"a":1}' sh -c '
    flux event sub --count=1 foo. >event & pid=$!
    until flux event pub foo.bar "{\"a\":1}" && [ -s event ]; do :; done
    wait $pid; cat event'
is 'event sub -r: no payload' 'bare	' sh -c '
    flux event sub --count=1 -r bare >bare & pid=$!
    until flux event pub -r bare && [ -s bare ]; do :; done
    wait $pid; cat bare'
like 'event pub -s' '^seq=[0-9]+$' flux event pub -s foo
fails 'event pub: not JSON' 1 '^flux-event: payload is not a JSON object' \
    flux event pub foo notjson

is 'config get' object sh -c 'flux config get | jq -r type'
fails 'config get: not set' 1 '^flux-config: nosuch.key is not set$' flux config get nosuch.key
is 'config get: default' x flux config get --default=x nosuch.key
succeeds 'config set' flux config set foo.bar=1
is 'it is set' 1 flux config get foo.bar

is 'hostlist --expand' 'foo0 foo1 foo2 foo3 bar' flux hostlist --expand 'foo[0-3],bar'
is 'hostlist' 'foo[0-1,3]' flux hostlist foo0,foo1,foo3
is 'hostlist -c' 4 flux hostlist -c 'foo[0-3]'
is 'hostlist -n' foo1 flux hostlist -n 1 'foo[0-3]'
fails 'hostlist: malformed' 1 '^flux-hostlist: ERROR: Invalid jobid or hostlist foo\[0-$' \
    flux hostlist 'foo[0-'
is 'hostlist of the instance' 4 flux hostlist -c instance
finish
