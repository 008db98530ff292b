#!/bin/sh
# flux ion-resource and flux ion-R.
. "${0%/*}/../lib.sh"

under_flux 2

fails 'without the module' 1 'ion-resource' flux ion-resource params
flux module remove sched-simple
flux module load sched-fluxion-resource match-policy=lonode
like 'params' '"policy": "lonode"' flux ion-resource params
flux submit --dry-run -N1 -n1 -t 60 true >one.json
flux submit --dry-run -N9 -t 60 true >nine.json
like 'a match' '^1 +ALLOCATED ' flux ion-resource match allocate one.json
like 'is known' '^1 +ALLOCATED ' flux ion-resource info 1
like 'and found' '"R_lite"' flux ion-resource find -q sched-now=allocated
fails 'one that never fits' 19 'not enough nodes' \
    flux ion-resource match allocate_with_satisfiability nine.json
fails 'one that does not now' 16 '' flux ion-resource match allocate nine.json
fails 'no such file' 3 'nosuch.json' flux ion-resource match allocate nosuch.json
fails 'no such command' 1 'unknown match command' flux ion-resource match nosuch one.json
succeeds 'cancel' flux ion-resource cancel 1
fails 'twice' 3 'nonexistent' flux ion-resource cancel 1
is 'nothing is allocated' null flux ion-resource find -q sched-now=allocated
succeeds 'a property' flux ion-resource set-property /cluster0 class=one
is 'is there' "class = ['one']" flux ion-resource get-property /cluster0 class
succeeds 'is removed' flux ion-resource remove-property /cluster0 class
fails 'and gone' 3 "Property 'class' was not found for resource /cluster0" \
    flux ion-resource get-property /cluster0 class
fails 'a path that is not there' 3 'path' flux ion-resource set-status /nosuch down
fails 'a status that is none' 1 'neither up nor down' \
    flux ion-resource set-status /cluster0 sideways
fails 'wrong criteria' 1 'invalid criteria' flux ion-resource find 'nosuch=1'
like 'statistics' '^Num. of Vertices: ' flux ion-resource stats
succeeds 'are cleared' flux ion-resource stats-cancel
fails 'usage' 2 'arguments are' flux ion-resource info

flux resource R >R
succeeds 'R gets a graph' flux ion-R encode --input=R --output=R2
like 'of all that it names' '"scheduling": ' cat R2
fails 'what is not R' 1 'not JSON' sh -c 'echo x | flux ion-R encode'
finish
