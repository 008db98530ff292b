# What goes wrong between job-exec and the shells of a rank costs one job, not all.
. "${0%/*}/../lib.sh"

. "${SCRIPT%/*}/inject.sh"
under_flux 1 -c "$DIR/conf"

one=$(flux submit -n1 sleep 1000)
two=$(flux submit -n1 sleep 1000)
flux job wait-event "$one" start >/dev/null
flux job wait-event "$two" start >/dev/null
inject 'nonsense'
inject "o $(flux job id --to=dec "$one")x"
like 'a line that is no frame fails its job' 'malformed frame from job shell on ' \
    flux job wait-event "$one" exception
is 'and ends it' '' flux job wait-event -q "$one" clean
like 'the other has not noticed' RUN flux jobs -no '{state}' "$two"
is 'and more can be started' here flux run -n1 echo here

# one that has a shell of its own
three=$(flux submit -n1 -o sysmon sh -c 'echo $PPID >shell.pid; exec sleep 1000')
flux job wait-event "$three" start >/dev/null
while [ ! -s shell.pid ]; do :; done
inject "+o $(flux job id --to=dec "$three") [1,"
kill -KILL "$(cat shell.pid)"
like 'a shell that is killed amid a frame is no success' 'status=9' \
    flux job wait-event "$three" finish

flux cancel "$two"
is 'the other ends when it is told' '' flux job wait-event -q "$two" clean
finish
