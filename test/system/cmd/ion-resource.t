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
like 'a match' '^0 +ALLOCATED ' flux ion-resource match allocate one.json
like 'is known' '^0 +ALLOCATED ' flux ion-resource info 0
like 'and found' '"R_lite"' flux ion-resource find -q sched-now=allocated
fails 'one that never fits' 19 'not enough nodes' \
    flux ion-resource match allocate_with_satisfiability nine.json
fails 'one that does not now' 16 '' flux ion-resource match allocate nine.json
fails 'no such file' 3 'nosuch.json' flux ion-resource match allocate nosuch.json
printf 'a: [\n' >open.yaml
printf '\377\376' >binary
printf '\0' >zero
echo '{"version": 1}' >short.json
fails 'a jobspec that is not YAML' 2 'open.yaml: .' flux ion-resource match allocate open.yaml
fails 'nor text' 2 'binary: it is not text' flux ion-resource match allocate binary
fails 'but nothing' 2 'zero: it is not text' flux ion-resource match allocate zero
fails 'R that is no text' 2 'binary: it is not text' flux ion-resource update binary 7
fails 'no jobspec' 1 'short.json: ' flux ion-resource match allocate short.json
like 'an option behind the operand' '"R_lite"' flux ion-resource find status=up -q --format=rv1
fails 'no such command' 1 'unknown match command' flux ion-resource match nosuch one.json
succeeds 'cancel' flux ion-resource cancel 0
fails 'twice' 3 'nonexistent' flux ion-resource cancel 0
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
like 'what is found as lines' '^"( *-+[a-z0-9]+\[[0-9]+:x\]\\n)+"$' \
    flux ion-resource find -q --format=simple status=up
fails 'a subcommand that there is not' 2 'nosuch' flux ion-resource nosuch
fails 'an option that there is not' 2 'nosuch' flux ion-R encode --nosuch
like 'statistics' '^Num. of Vertices: ' flux ion-resource stats
succeeds 'are cleared' flux ion-resource stats-cancel
like 'of failures' '^Num. of Jobs with Failed Matches Since Reset:  0$' flux ion-resource stats
like 'statistics as lines' '^Num. of Jobs Successfully Matched Since Reset:  0$' \
    flux ion-resource stats
fails 'usage' 2 'arguments are' flux ion-resource info

# Operations that keep nothing
like 'what would be had' '^-1 +MATCHED ' flux ion-resource match without_allocating one.json
like 'and some day' '^-1 +MATCHED ' \
    flux ion-resource match without_allocating_future one.json
like 'what can be had' '^Satisfiable request$' \
    flux ion-resource match satisfiability one.json
fails 'what cannot' 19 '' flux ion-resource match satisfiability nine.json
is 'nothing is kept' null flux ion-resource find -q sched-now=allocated

# R that was made elsewhere
cat >R1 <<'END'
{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],
"starttime":0,"expiration":0}}
END
sed 's/"core":"0"/"core":"1"/' R1 >R2
for R in R1 R2; do
    sed -i "s/\"starttime\":0/\"nodelist\":[\"$(hostname)\"],&/" $R
done
like 'R is placed' '^77 +ALLOCATED ' flux ion-resource update R1 77
like 'once more: the same' '^77 +ALLOCATED ' flux ion-resource update R1 77
fails 'another R of the same job' 1 'existing Jobid 77' flux ion-resource update R2 77
fails 'the same R of another job' 1 'already allocated' flux ion-resource update R1 78
like 'what it holds' '"core": "0"' flux ion-resource find -q jobid-alloc=77
like 'all of it goes' 'full removal: true' flux ion-resource partial-cancel 77 R1
is 'and is free' null flux ion-resource find -q sched-now=allocated

# What there is
like 'status' '"allocated": .*"R_lite": \[\]' flux ion-resource status
like 'the id of a core' '^0$' flux ion-resource ns-info 0 core 0
for expression in status=up sched-now=free sched-future=free agfilter=t 'names=core0' \
    'status=up and sched-now=free' '(status=down or sched-now=free)'; do
    like "find $expression" '"R_lite"' flux ion-resource find -q "$expression"
done
like 'as JGF with what is used' '"agfilter": ' \
    flux ion-resource find -q --format=jgf agfilter=t

# Grow and shrink under a queue manager that waits for it
flux module load sched-fluxion-qmanager queue-policy=easy
count () {
    flux module stats sched-fluxion-resource | python3 -c 'import json, sys
print(json.load(sys.stdin)["V"])'
}
before=$(count)
cat >more.json <<'END'
{"graph":{"nodes":[
{"id":"0","metadata":{"type":"cluster","id":0,"rank":-1,"paths":{"containment":"/cluster0"}}},
{"id":"9000","metadata":{"type":"node","id":9,"rank":9,"paths":{"containment":"/cluster0/node9"}}},
{"id":"9001","metadata":{"type":"core","id":0,"rank":9,"paths":{"containment":"/cluster0/node9/core0"}}}],
"edges":[{"source":"0","target":"9000"},{"source":"9000","target":"9001"}]}}
END
succeeds 'a node is added' flux ion-resource add-subgraph more.json
is 'with its core' $((before + 2)) count
like 'and found' '"rank": 9' flux ion-resource find -q --format=jgf names=node9
succeeds 'and removed' flux ion-resource remove-subgraph /cluster0/node9
is 'with its core' "$before" count
fails 'what is not there' 3 'path' flux ion-resource remove-subgraph /cluster0/node9
succeeds 'jobs run' flux run -n1 true

# What is no text is neither sent nor passed over.
bytes=$(printf 'a\377b')
fails 'a path that is no text' 1 'a.xffb is not text' flux ion-resource set-property "$bytes" a=b
fails 'one of several' 1 'not text' flux ion-resource remove-property /cluster0 "$bytes" a
fails 'a value' 1 'not text' flux ion-resource set-property /cluster0 "a=$bytes"
fails 'a status' 1 'not text' flux ion-resource set-status /cluster0 "$bytes"
fails 'criteria' 1 'not text' flux ion-resource find "$bytes"

flux resource R >R
succeeds 'R gets a graph' flux ion-R encode --input=R --output=R2
like 'of all that it names' '"scheduling": ' cat R2
fails 'what is not R' 1 'not JSON' sh -c 'echo x | flux ion-R encode'
finish
