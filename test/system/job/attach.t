# flux job attach: output, input, exceptions, exit codes.
. "${0%/*}/../lib.sh"
under_flux 2

attach () {
    flux job attach "$@"
}
is 'output' hi sh -c 'flux job attach $(flux submit echo hi)'
is 'labels' '0: hi
1: hi' sh -c 'flux job attach -l $(flux submit -n2 -N2 echo hi) | sort'
fails 'exit code' 3 '^flux-job: task\(s\) exited with exit code 3$' \
    flux job attach $(flux submit sh -c 'exit 3')
fails 'signal' 137 '^flux-job: task\(s\) Killed$' \
    flux job attach $(flux submit sh -c 'kill -9 $$')
fails 'quiet' 3 '^$' flux job attach -q $(flux submit sh -c 'exit 3')
fails 'no program' 127 'FATAL: task 0 .*/nonexistent: No such file' \
    flux job attach $(flux submit /nonexistent)
fails 'unknown job' 1 '^flux-job: Failed to attach to ƒ999: No such job$' \
    flux job attach ƒ999
fails 'not an id' 1 'error parsing jobid: "notanid"' flux job attach notanid
is 'redirected' 'stdout redirected
stderr redirected' sh -c 'flux job attach $(flux submit -n2 --output=out echo hi) 2>&1 |
    sed -E "s/^\[0-1\]: (std... redirected) to out$/\1/"'
is 'input' text sh -c 'echo text | flux job attach $(flux submit cat)'
is 'input of one task' '0: text' \
    sh -c 'echo text | flux job attach -l -i0 $(flux submit -n2 cat)'
is 'no input' '' sh -c 'flux job attach $(flux submit cat) </dev/null'
big () {
    seq 1 100000 >in
    flux job attach $(flux submit cat) <in >out && cmp in out && echo same
}
is 'much input, much output' same big
bytes () {
    head -c 100000 /dev/urandom >in
    flux job attach $(flux submit cat) <in >out && cmp in out && echo same
}
is 'any bytes' same bytes

id=$(flux submit sleep 300)
flux job wait-event -t 30 $id start >/dev/null
flux cancel -m bored $id
fails 'canceled' 143 "job.exception $id type=cancel severity=0 bored" flux job attach $id
held=$(flux submit --urgency=hold true)
flux cancel $held
fails 'canceled before it ran' 1 "job.exception $held type=cancel severity=0" \
    flux job attach $held
fails 'timeout' 142 'type=timeout severity=0 resource allocation expired' \
    flux job attach $(flux submit -t 0.3s sleep 300)
id=$(flux submit sleep 300)
flux job wait-event -t 30 $id start >/dev/null
is 'wait-event returns' 0 sh -c "flux job attach -w start $id; echo \$?"
flux job kill -s USR1 $id
fails 'killed' 138 'User defined signal 1' flux job attach $id

shown () {
    flux job attach -E -X $(flux submit true) 2>&1 |
        sed -E 's/^[0-9.]+s: //; s/ .*//' | grep '^job' | xargs
}
is 'events' 'job.submit job.validate job.depend job.priority job.alloc job.start job.finish job.release job.free job.clean' shown

# Ctrl-C twice; the first event shows that signals are heeded
until_line () {
    while read -r line <&3; do
        case $line in *"$1"*) return 0 ;; esac
    done
    return 1
}
interrupt () {
    mkfifo pipe.$2
    flux job attach -E $id 2>pipe.$2 &
    pid=$!
    exec 3<pipe.$2
    until_line job.submit
    kill -$1 $pid
    until_line 'one more ctrl-' && kill -$2 $pid
    cat <&3 >rest
    wait $pid
    echo $?
}
id=$(flux submit sleep 300)
flux job wait-event -t 30 $id start >/dev/null
is 'Ctrl-C and Ctrl-Z' 0 interrupt INT TSTP
like 'detached' 'detaching' cat rest
is 'Ctrl-C twice' 143 interrupt INT INT
like 'canceled' 'canceling job' cat rest
like 'the note' 'interrupted by ctrl-C' flux job eventlog $id

# Ctrl-Z alone: as any program; the job goes on
state () { grep -q "^State:.$1" /proc/$pid/status; }
suspended () {
    mkfifo pipe.stop
    id=$(flux submit sh -c 'until [ -e go ]; do :; done; echo done')
    flux job attach -E $id >stopped.out 2>pipe.stop &
    pid=$!
    exec 3<pipe.stop
    until_line job.start
    kill -TSTP $pid
    until_true state T || return 1
    : >go
    flux job wait-event $id clean >/dev/null
    state T || return 1
    kill -CONT $pid
    cat <&3 >/dev/null
    wait $pid
    cat stopped.out
}
is 'Ctrl-Z suspends' done suspended

# the last lines
id=$(flux submit sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo l$i; done')
flux job wait-event $id clean >/dev/null
is 'attach --tail: ten' '10 l3' sh -c "flux job attach --tail $id >t; echo \$(wc -l <t) \$(head -n1 t)"
is 'attach --tail=2' 'l11
l12' flux job attach --tail=2 $id
is 'attach --tail=0' '' flux job attach --tail=0 $id
is 'attach --tail: labels' '0: l12' flux job attach -l --tail=1 $id
fails 'attach --tail: no number' 1 'tail=x: not a number' flux job attach --tail=x $id
id=$(flux submit sh -c 'printf "a\\nb\\n"; flux kvs get -N primary --waitcreate go >/dev/null; echo c; echo d')
flux job wait-event -p output $id data >/dev/null || true
flux job memo $id n=1 && flux job memo $id n=2
like 'wait-event -c 2: the second of its kind' 'memo .*n.*2' flux job wait-event -c 2 $id memo
tail_running () {
    flux job attach --tail=1 -w start $id >/dev/null
    flux job attach --tail=1 $id >t &
    flux kvs put go=1
    wait $!
    cat t
}
like 'attach --tail: all that comes later' '^d$' tail_running
is 'attach --tail: no output' '' flux job attach --tail $(flux submit true)
is 'run --quiet' '' sh -c 'flux run --quiet sh -c "exit 3" 2>&1 || [ $? = 3 ]'
finish
