# The shell server of a rank is killed: that costs its own jobs, and no other.
. "${0%/*}/../lib.sh"
under_flux 3

kill_server () {
    pkill -KILL -P "$(flux exec -r "$1" flux getattr broker.pid)" flux-shell
}
start () {
    id=$(flux submit --requires="rank:$1" -N"$2" sleep 1000)
    flux job wait-event -t 30 "$id" start >/dev/null
}

start 0 1 && zero=$id
start 1 1 && one=$id
start 2 1 && two=$id
kill_server 1
like 'its job says why' 'lost contact with job shell on .*rank 1.: flux-shell: Killed' \
    flux job wait-event -t 30 "$one" exception
is 'and ends' '' flux job wait-event -q -t 30 "$one" clean
is 'those of other ranks have not noticed' 'RUN RUN' sh -c \
    "echo \$(flux jobs -no '{state}' $zero $two)"
is 'the server is started again' here flux run --requires=rank:1 echo here

# the rank that decides is no exception
kill_server 0
like 'nor is rank 0 spared' 'lost contact with job shell on .*rank 0.: flux-shell: Killed' \
    flux job wait-event -t 30 "$zero" exception
is 'which ends its job' '' flux job wait-event -q -t 30 "$zero" clean
is 'and goes on' here flux run --requires=rank:0 echo here
is 'the other has not noticed that either' RUN flux jobs -no '{state}' "$two"

# nobody runs there: nobody is told
flux run --requires=rank:1 true
kill_server 1
until_true sh -c '[ "$(flux exec -r 1 flux module stats -p agent.shell_servers job-exec)" = 0 ]'
is 'one without jobs is missed when the next comes' here \
    flux run --requires=rank:1 echo here

# job-exec of a rank ends, and comes again
start 1 1 && one=$id
flux exec -r 1 flux module reload job-exec
like 'a rank whose job-exec ends loses its job' 'lost contact with job shell' \
    flux job wait-event -t 30 "$one" exception
is 'and has the next' here flux run --requires=rank:1 echo here
cat >attach.py <<'END'
import flux
try:
    flux.Flux().rpc("job-exec.attach", {"shell": "/bin/false"}, nodeid=1, flags=2).get()
except OSError as e:
    print(e)
END
like 'who attaches where somebody is attached is refused' 'another has attached' \
    flux python attach.py
is 'and harms nobody' here flux run --requires=rank:1 echo here
flux cancel "$two"
is 'the last ends when it is told' '' flux job wait-event -q -t 30 "$two" clean

# One that cannot be started is as a command that cannot
fails 'a shell that is not there' 127 'cannot execute job shell on .*No such file' \
    flux start -s2 --conf=exec.job-shell=/nosuch/shell flux run -N2 true
fails 'one that is no program' 126 'cannot execute job shell on .*Permission denied' \
    flux start --conf=exec.job-shell=/etc/passwd flux run true
finish
