#!/bin/sh
# flux sproc, and flux exec --attach: processes in the background.
. "${0%/*}/../lib.sh"
under_flux 2

# bg LABEL OPTIONS... -- COMMAND...: in the background of rank 1
bg () {
    label=$1
    shift
    flux exec -r 1 --bg --quiet --waitable --label="$label" "$@"
}

bg one sleep 1000
flux exec -r 1 --bg --quiet --label=two sleep 1000
like 'ps' '^ +[0-9]+ R +one +sleep$' flux sproc ps -r 1
like 'its header' '^ +PID ST LABEL +COMMAND$' flux sproc ps -r 1
is 'without' 2 sh -c 'flux sproc ps -n -r 1 | grep -c " R "'
is 'a format' 'R one 1 False bg,waitable
R two 1 False bg' flux sproc ps -r 1 -n --sort label -o '{state} {label} {rank} {attached} {flags}'
like 'a named format' '^ +[0-9]+ R +bg +two +sleep$' flux sproc ps -r 1 --format=long
like 'json' '^\[\{.*"label":"one"' flux sproc ps -r 1 --json
is 'the other rank has none' '[]' flux sproc ps -r 0 -j
fails 'no such rank' 1 'ps: No route to host' flux sproc ps -r 9
fails 'no rank' 2 "'x' is no rank" flux sproc ps -r x
fails 'no such service' 1 'ps: No service matching nosuch.list' flux sproc ps -s nosuch
fails 'no such field' 1 'Unknown format field: nosuch' flux sproc ps -o '{nosuch}'
fails 'more arguments' 2 'unrecognized arguments: x' flux sproc ps x

fails 'no such label' 1 'kill: label nosuch does not belong to any' \
    flux sproc kill 15 nosuch
fails 'no such pid' 1 'wait: pid 99999999 does not belong to any' \
    flux sproc wait 99999999
fails 'kill: no such service' 1 'kill: No service matching nosuch.kill' \
    flux sproc kill -s nosuch 15 one
fails 'no signal' 2 "'NOSUCH' is no signal" flux sproc kill NOSUCH one
fails 'nothing to signal' 2 'SIGNUM and one PID or LABEL' flux sproc kill 15
fails 'kill and wait' 143 '' flux sproc kill -r 1 --wait 15 one
fails 'it is gone' 1 'wait: label one does not belong' flux sproc wait -r 1 one
fails 'not waitable' 1 'wait: process is not waitable' flux sproc wait -r 1 two
succeeds 'by pid, a name of a signal' \
    flux sproc kill -r 1 KILL "$(flux sproc ps -r 1 -n -o '{pid}')"

bg three sh -c 'echo out; echo err >&2; exit 3'
run flux sproc wait -r 1 -o three
is 'wait has the status, and what it wrote' '3 out err' echo "$rc $out $err"
bg four sh -c 'echo out; exit 0'
is 'what it wrote' out flux sproc wait --service=rexec -r 1 --output four
bg five sh -c 'yes | head -c 200000; exit 0'
is 'no more than 64 KB of it' 65536 sh -c 'flux sproc wait -r 1 -o five | wc -c'

mkfifo go
bg six sh -c 'echo before; read -r x <go; echo after; exit 4'
until_true sh -c 'flux sproc ps -r 1 -n -o "{label}" | grep -q six'
(until_true sh -c 'flux sproc ps -r 1 -n -o "{label} {statex}" | grep -q "six R+"'
 echo >go) &
run flux exec -r 1 --attach six
is 'attach: as it ends, what it wrote before and after' '4 before
after' echo "$rc $out"
wait
fails 'it was waited for' 127 'label six: label six does not belong' \
    flux exec -r 1 --attach six
fails 'attach to none' 127 'rank 0: label nosuch' flux exec -r 0 --attach nosuch
fails 'attach with what is for a new one' 1 'runs already: --label cannot be used' \
    flux exec --attach --label=x six
fails 'attach to more' 1 'one PID or LABEL is expected' flux exec --attach six seven
fails 'waitable in the foreground' 1 'waitable can only be used with --bg' \
    flux exec -r 0 --waitable true
finish
