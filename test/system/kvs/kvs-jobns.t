# The namespace of a job is its guest directory in the primary one.
. "${0%/*}/../lib.sh"
under_flux 4

A=$(flux submit -N1 flux kvs put x=1 d.y=2)
B=$(flux submit -N1 flux kvs put x=2)
flux job wait-event "$A" clean >/dev/null
flux job wait-event "$B" clean >/dev/null
ns () { flux job namespace "$1"; }
guest () { echo "$(flux job id --to=kvs "$1").guest"; }
NA=$(ns "$A")

is 'tasks are told' "$NA" sh -c "flux run sh -c 'echo \$FLUX_KVS_NAMESPACE' | sed 's/job-.*/$NA/'"
is 'what a task puts is its job'"'"'s' '1
2' flux kvs get -N "$NA" x d.y
is 'another job has its own' 2 flux kvs get -N "$(ns "$B")" x
fails 'the primary namespace has none of it' 1 'No such file' flux kvs get x
is 'it is in the guest directory' '1
2' sh -c "flux kvs get $(guest "$A").x; flux kvs get $(guest "$A").d.y"
is 'ls' 'd         exec      output    x' sh -c "flux kvs ls -N $NA -w40"
is 'dir -R, on another rank' 'd.y = 2
x = 1' sh -c "flux exec -r 2 flux kvs dir -R -N $NA | grep -v -e ^exec -e ^output"
is 'what a rank has put it can get' '3' flux exec -r 3 sh -c \
    "flux kvs put -N $NA z=3 && flux kvs get -N $NA z"
is 'several operations' 'ab' sh -c "flux kvs put -N $NA t=a && flux kvs put --append -N $NA t=b &&
    flux kvs get -N $NA t"
is 'unlink' 'gone' sh -c "flux kvs unlink -N $NA t && flux kvs get -N $NA t || echo gone"
is 'a link stays within' 1 sh -c "flux kvs link -N $NA x l && flux kvs get -N $NA l"
is 'a link into it' 2 sh -c "flux kvs link -T $(ns "$B") x intoB && flux kvs get intoB"

# --- roots, versions, watches ---

is 'getroot is the directory' "$(flux kvs get --treeobj "$(guest "$A")")" flux kvs getroot -N "$NA"
is 'getroot, on another rank' "$(flux kvs get --treeobj "$(guest "$A")")" \
    flux exec -r 1 flux kvs getroot -N "$NA"
is 'a snapshot of it' 1 sh -c "flux kvs get --at \"\$(flux kvs getroot -N $NA)\" x"
is 'its owner' "$(id -u)" flux kvs getroot -o -N "$NA"
is 'its version is that of the primary namespace' "$(flux kvs version)" flux kvs version -N "$NA"
succeeds 'wait for a version' flux kvs wait -N "$NA" "$(flux kvs version)"
cat >watch.sh <<EOS
flux kvs get -N $NA --watch --count=2 x &
pid=\$!
until [ "\$(flux module stats kvs-watch | jq .watchers)" -ge 1 ]; do :; done
flux kvs put -N $NA x=5
wait \$pid
EOS
is 'watch' '1
5' sh watch.sh
is 'watch by the other name' 5 flux kvs get --watch --count=1 "$(guest "$A").x"

# --- there is nothing to create or to remove ---

fails 'create' 1 'File exists' flux kvs namespace create "$NA"
fails 'remove' 1 'not supported' flux kvs namespace remove "$NA"
NO=job-1234567
fails 'put: no such job' 1 'not supported' flux kvs put -N $NO x=1
fails 'put on another rank: no such job' 1 'not supported' flux exec -r 1 flux kvs put -N $NO x=1
fails 'get: no such job' 1 'No such file' flux kvs get -N $NO x
fails 'getroot: no such job' 1 'not supported' flux kvs getroot -N $NO
fails 'nothing is left of that' 1 'No such file' flux kvs get --treeobj "$(flux job id --to=kvs 1234567)"
fails 'a key outside cannot be named' 1 'Invalid argument' flux kvs put -N "$NA" .=1
succeeds 'a namespace whose name only looks like one' sh -c '
    flux kvs namespace create job-01 && flux kvs put -N job-01 a=1 && flux kvs get -N job-01 a &&
    flux kvs namespace remove job-01'
flux job purge --force "$B" >/dev/null
fails 'it goes with its job' 1 'not supported' flux kvs put -N "$(ns "$B")" x=1

# --- a nested instance: its parent's KVS is seen in the namespace of its job ---

cat >batch.sh <<'EOS'
#!/bin/sh
flux getattr parent-kvs-namespace
echo "ns=$FLUX_KVS_NAMESPACE"
flux kvs put mine=1
flux --parent kvs put x=7
flux run flux kvs put y=1
flux kvs get y || echo none
EOS
J=$(flux batch -n1 --output=batch.out --error=batch.err batch.sh)
flux job wait-event "$J" clean >/dev/null
is 'the namespace of a parent is that of the job; the instance has its own' "$(ns "$J")
ns=
none" cat batch.out
is 'is where flux --parent puts' 7 flux kvs get -N "$(ns "$J")" x
fails 'and the instance itself puts into its own' 1 'No such file' flux kvs get mine
finish
