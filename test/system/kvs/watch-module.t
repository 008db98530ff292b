#!/bin/sh
# kvs-watch is a module elsewhere, and here a part of kvs: what a user sees of it.
. "${0%/*}/../lib.sh"
under_flux 2

like 'is listed' '^kvs-watch +[0-9]+ +R ' flux module list
like 'after kvs' '^kvs .* kvs-watch$' flux module list
fails 'where it is' 1 '' flux exec -r 1 sh -c 'flux module list | grep kvs-watch'
like 'says what it has done' '"watchers":0' flux module stats kvs-watch
# An rc script that loads it has what it asks for, on each rank, and is told.
like 'load' 'load kvs-watch: is a service of the module kvs: it comes and goes' \
    sh -c 'flux module load kvs-watch 2>&1'
succeeds 'load everywhere' flux exec -r all flux module load kvs-watch
succeeds 'load by modprobe' flux modprobe load kvs-watch
fails 'load with arguments' 1 'load kvs-watch: is a service of the module kvs' \
    flux module load kvs-watch option=1
fails 'load as a process' 1 'load kvs-watch: is a service of the module kvs' \
    flux module load --exec kvs-watch
like 'load what is always there' 'load config: is a part of the broker' \
    sh -c 'flux module load config 2>&1'
for verb in remove reload; do
    fails "$verb" 1 "$verb kvs-watch: is a service of the module kvs: it comes and goes" \
        flux module $verb kvs-watch
done
fails 'another part' 1 'remove groups: is a part of the broker' flux module remove groups
fails 'none of that name' 1 'load nosuch: module not found' flux module load nosuch
fails 'to remove' 1 'remove nosuch: No such file' flux module remove nosuch
succeeds 'the watches go on' sh -c 'flux kvs put a=1 && [ "$(flux kvs get --watch --count=1 a)" = 1 ]'
finish
