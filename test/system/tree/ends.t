#!/bin/sh
# How instances of a tree end: a parent that dies, a child that dies, a time limit.
. "${0%/*}/../lib.sh"
under_flux 2

# A process of ours is gone: no zombie of it counts.
gone () { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
inside () { FLUX_URI=$(flux uri --local "$J") "$@"; }
leaf () { FLUX_URI=$(flux uri --local "$J/$K") "$@"; }

# --- a child dies: its job fails, and that alone ---

J=$(timeout 60 flux alloc --bg -n1)
other=$(timeout 60 flux alloc --bg -n1)
beside=$(flux submit -n1 sleep inf)
id=$(inside flux submit -n1 sh -c 'echo $$ >task; exec sleep inf')
until_true [ -s task ]
kill -KILL "$(inside flux getattr broker.pid)"
succeeds 'the job of an instance whose broker dies ends' flux job wait-event -t 60 "$J" clean
is 'as failed' FAILED flux jobs -no '{status}' "$J"
succeeds 'with its own jobs' until_true gone "$(cat task)"
is 'a job beside it runs on' RUN flux jobs -no '{status}' "$beside"
is 'so does another instance' 1 sh -c \
    "FLUX_URI=$(flux uri --local "$other") flux run flux getattr instance-level"
flux cancel "$other" "$beside"

# --- a parent dies: what is below goes with it ---

J=$(timeout 60 flux alloc --bg -n1)
K=$(inside timeout 60 flux alloc --bg -n1)
rm -f task
leaf flux submit -n1 --quiet sh -c 'echo $$ >task; exec sleep inf'
until_true [ -s task ]
broker=$(leaf flux getattr broker.pid)
dirs="$(inside flux getattr rundir) $(leaf flux getattr rundir)"
removed () { for d in $dirs; do [ ! -e "$d" ] || return 1; done; }
kill -KILL "$(inside flux getattr broker.pid)"
succeeds 'a parent dies: its job ends' flux job wait-event -t 60 "$J" clean
succeeds 'so does the instance below' until_true gone "$broker"
succeeds 'and the job there' until_true gone "$(cat task)"
succeeds 'and their directories, though nobody had a program' until_true removed

# The same from the top: an instance of its own, which dies.
rm -f task
mkfifo uri
flux start -Srundir="$DIR/top" sh -c '
    J=$(flux alloc --bg -n1)
    FLUX_URI=$(flux uri --local $J) flux submit -n1 --quiet sh -c "echo \$\$ >task; exec sleep inf"
    until [ -s task ]; do flux getattr rank >/dev/null; done
    FLUX_URI=$(flux uri --local $J) sh -c "echo \$(flux getattr broker.pid) \$(flux getattr rundir)" >uri
    sleep inf' 2>/dev/null &
top=$!
mkdir -p top
read -r broker dirs <uri
kill -KILL "$(FLUX_URI=local://$DIR/top/local-0 flux getattr broker.pid)"
wait $top
succeeds 'the broker at the top dies: the instance in it ends' until_true gone "$broker"
succeeds 'and the job in that' until_true gone "$(cat task)"
succeeds 'and its directory' until_true removed

# --- a time limit: in order, and the log is kept ---

cat >limited.sh <<'END'
#!/bin/sh
echo "script: begins"
flux submit --quiet -n1 --output=inner.out sh -c 'echo job: begins; exec sleep inf'
sleep inf
END
J=$(flux batch -n1 -t 4s --dump=limited.tgz limited.sh)
succeeds 'a time limit ends it' flux job wait-event -t 60 "$J" clean
is 'as timed out' TIMEOUT flux jobs -no '{status}' "$J"
like 'its output is kept' '^script: begins$' cat "flux-$J.out"
like 'and that of the job in it' '^job: begins$' cat inner.out
like 'what it had is kept: its KVS' '^job/.*/guest/exec/eventlog$' tar tzf limited.tgz
ended () {
    tar xzOf limited.tgz "$(tar tzf limited.tgz | grep '^job/.*[0-9]/eventlog$')" |
        sed -n 's/.*"name":"\([a-z]*\)".*/\1/p' | tail -n 1
}
is 'in which its jobs are over' clean ended
finish
