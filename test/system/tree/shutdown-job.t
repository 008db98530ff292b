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
fails 'batch --dump is refused' 1 'ERROR: --dump: no broker can' \
    flux batch -n1 --dump --wrap true
fails 'alloc --dump, too' 1 'ERROR: --dump: no broker can' flux alloc -n1 --dump true
finish
