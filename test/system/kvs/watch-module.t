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
like 'load on another rank' 'load kvs-watch: is a part of the module kvs on rank 0' \
    sh -c 'flux exec -r 1 flux module load kvs-watch 2>&1'
succeeds 'load everywhere' flux exec -r all flux module load kvs-watch
succeeds 'load by modprobe' flux modprobe load kvs-watch
fails 'load with arguments' 1 'load kvs-watch: is a service of the module kvs' \
    flux module load kvs-watch option=1
fails 'load as a process' 1 'load kvs-watch: is a service of the module kvs' \
    flux module load --exec kvs-watch
like 'load what is always there' 'load config: is a part of the broker' \
    sh -c 'flux module load config 2>&1'
fails 'remove on another rank' 1 'remove kvs-watch: is a part of the module kvs on rank 0' \
    flux exec -r 1 flux module remove kvs-watch

# It is removed and loaded by itself: who watches is told, the store goes on.
: >out
flux kvs put a=0
flux kvs get --watch a >out 2>err &
watcher=$!
until_true grep -q 0 out
succeeds 'remove' flux module remove kvs-watch
wait $watcher && not_ok "the watcher ends" || ok "the watcher ends"
like 'and says why' 'ended' cat err
fails 'is listed no more' 1 '' sh -c 'flux module list | grep kvs-watch'
fails 'to remove it again' 1 'remove kvs-watch: is a part of the module kvs' \
    flux module remove kvs-watch
fails 'nobody can watch' 1 'No service matching kvs-watch.lookup' \
    flux kvs get --watch a
fails 'also from another rank' 1 'kvs-watch' flux exec -r 1 flux kvs get --watch a
succeeds 'the store goes on' sh -c 'flux kvs put a=1 && [ "$(flux kvs get a)" = 1 ]'
succeeds 'load it again' flux module load kvs-watch
succeeds 'it works' sh -c '[ "$(flux kvs get --watch --count=1 a)" = 1 ]'
succeeds 'reload' flux module reload kvs-watch
like 'it begins anew' '"looks":0' flux module stats kvs-watch
fails 'another part' 1 'remove groups: is a part of the broker' flux module remove groups
fails 'none of that name' 1 'load nosuch: module not found' flux module load nosuch
fails 'to remove' 1 'remove nosuch: No such file' flux module remove nosuch
succeeds 'the watches go on' sh -c 'flux kvs put a=1 && [ "$(flux kvs get --watch --count=1 a)" = 1 ]'
finish
