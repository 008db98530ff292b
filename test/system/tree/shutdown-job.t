#!/bin/sh
# flux shutdown JOBID: an instance that is a job.
. "${0%/*}/../lib.sh"

under_flux 2

fails 'no such target' 1 'flux-shutdown: failed to resolve target nosuch to a Flux URI' \
    flux shutdown nosuch
fails 'no such job' 1 'target ƒ999 to a Flux URI: jobid ƒ999 not found' flux shutdown ƒ999
J=$(timeout 60 flux alloc --bg -n1)
succeeds 'a job by its id' flux shutdown --quiet "$J"
succeeds 'which ends' timeout 60 flux job wait-event "$J" clean
is 'this instance does not' 0 flux getattr instance-level
fails 'a job that has ended' 1 "jobid $J is not running" flux shutdown "$J"
id=$(flux batch -n1 --dump --wrap flux kvs put greeting=hello)
succeeds 'batch --dump' timeout 60 flux job wait-event "$id" clean
like 'keeps what the instance had' '^greeting$' tar tzf "flux-$id-dump.tgz"
succeeds 'alloc --dump=FILE, too' timeout 60 flux alloc -n1 --dump=it.tar flux kvs put a=1
like 'by that name' '^a$' tar tf it.tar
for what in 'batch --wrap' alloc; do
    fails "$what --dump: a suffix that is none" 1 'x.foo: the suffix names no format' \
        flux $what -n1 --dump=x.foo true
done
id=$(flux batch -n1 --dump="$DIR/nosuch/x.tar" --wrap true)
flux job wait-event -q -t 60 "$id" clean
is 'a dump that cannot be written fails the job' FAILED flux jobs -no '{status}' "$id"
like 'and says why' 'nosuch/x.tar: No such file' cat "flux-$id.out"
finish
