# What a batch script does with the signals of its job, and what it says at its end.
. "${0%/*}/../lib.sh"
under_flux 2

cat >trap.sh <<'EOF'
#!/bin/sh
trap 'echo "trap: TERM"; flux kvs put last=words && flux kvs get last; exit 3' TERM
flux submit --quiet -n1 sleep inf
echo begins >begun-$1
sleep inf &
wait
EOF
out () { sed 's/^/ /' "flux-$1.out" | tr -d '\n'; }
words=' trap: TERM words'
begin () { # a batch job whose script has begun; in $J
    J=$(flux batch -n1 "$@")
    [ -n "$J" ] && succeeds 'a script runs' until_true [ -s "begun-$n" ]
}

n=1
begin -t 5s trap.sh 1
succeeds 'its time is over' flux job wait-event -t 60 "$J" clean
is 'its trap has the instance, and its output is kept' "$words" out "$J"
is 'it has timed out' TIMEOUT flux jobs -no '{status}' "$J"
like 'its status is that of the script' 'finish status=768$' flux job eventlog "$J"

n=2
begin -N2 -n2 trap.sh 2
flux cancel "$J"
succeeds 'one of two brokers is canceled' flux job wait-event -t 60 "$J" clean
is 'the same' "$words" out "$J"

# Who has no trap, and who hears nothing.
cat >deaf.sh <<'EOF'
#!/bin/sh
trap '' TERM HUP
echo begins >begun-3
sleep inf
EOF
n=3
begin deaf.sh
flux cancel "$J"
succeeds 'a script that ignores all ends' flux job wait-event -t 60 "$J" clean
J=$(flux batch -n1 -t 3s --wrap sleep inf)
succeeds 'one without a trap ends' flux job wait-event -t 60 "$J" clean
like 'as one at its time limit' 'finish status=36352$' flux job eventlog "$J"

# Signals that are the script's: its instance goes on.
cat >usr.sh <<'EOF'
#!/bin/sh
trap 'echo "got USR1"; flux run echo and goes on; exit 0' USR1
echo begins >begun-$1
while :; do sleep inf & wait $!; done
EOF
n=4
begin usr.sh 4
flux job kill -s USR1 "$J"
succeeds 'a signal for the script' flux job wait-event -t 60 "$J" clean
# What its shell says, sometimes, of the sleep that had the signal, too, is no matter.
out_own () { out "$1" | sed 's/ User defined signal 1//'; }
is 'it has got it, once, and its instance none' ' got USR1 and goes on' out_own "$J"
like 'nobody was harmed' 'finish status=0$' flux job eventlog "$J"

# Signals that come before the script runs: it gets them, as any program does that is
# asked before it has set a trap, and not its instance, which may be anywhere on its way.
cat >runs.sh <<'EOF'
#!/bin/sh
exec sleep inf
EOF
J=$(flux batch -n1 -t 30s --signal=USR1@1m runs.sh)
succeeds 'more time than the job has: the signal comes at once' \
    flux job wait-event -t 60 "$J" clean
like 'the instance starts for all that' 'memo.*"ssh:' flux job eventlog "$J"
like 'it is the script that has it' 'finish status=35328$' flux job eventlog "$J"
J=$(flux submit -n1 -t 30s --signal=USR1@1000d sleep inf)
flux job wait-event -t 60 "$J" clean >/dev/null
like 'more time than this machine runs' 'finish status=35328$' flux job eventlog "$J"

mkdir -p rc/rc1.d
cat >rc/rc1.d/gate <<EOF
#!/bin/sh
echo here >"$DIR/arrived"
read x <"$DIR/gate"
EOF
chmod +x rc/rc1.d/gate
mkfifo arrived gate
J=$(FLUX_RC_EXTRA=$DIR/rc flux batch -n1 -t 60s --output=none runs.sh)
read -r x <arrived
flux job kill -s USR1 "$J"
flux job kill -s USR2 "$J"
echo on >gate
succeeds 'a signal while its instance starts' flux job wait-event -t 60 "$J" clean
like 'the script gets it' 'finish status=3(5328|5840)$' flux job eventlog "$J"
finish
