# A node that lacks something for a while makes jobs wait; it does not fail them.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir conf
    cat >conf/resource.toml <<END
[resource]
noverify = true
[[resource.config]]
hosts = "$(hostname)"
cores = "0-99"
END
    ulimit -n 64
fi
under_flux 1 -c "$DIR/conf"

# --- descriptors: 80 jobs at once, with 64 for each process ---

mkdir start
flux submit -n1 --cc=1-80 --quiet sh -c "touch $DIR/start/{{id}}; until [ -e $DIR/end ]; do sleep 0.5; done"
until [ "$(ls start | wc -l)" -ge 40 ]; do :; done
touch end
# job-list hears of the ends a little later than who waits for the queue.
is 'all that were submitted ran' 80 sh -c '
    flux queue drain && while [ -n "$(flux jobs -no "{id}")" ]; do :; done
    flux jobs -a -no "{status} {returncode}" | grep -c "^COMPLETED 0$"'
is 'and were started once' 80 sh -c 'ls start | wc -l'
like 'a job that wants more than there is says so' 'Too many open files' \
    sh -c 'flux run -n40 true 2>&1; true'
is 'the node is well' here flux run -n1 echo here

# --- tasks that are stopped before their program runs ---

id=$(flux submit -n2 -o stop-tasks-in-exec sh -c 'echo runs')
flux job wait-event "$id" start >/dev/null
flux job kill -s CONT "$id"
is 'SIGCONT lets them run' 'runs runs' sh -c "flux job attach $id | xargs"
like 'and the job ends well' 'COMPLETED 0' flux jobs -no '{status} {returncode}' "$id"

# --- a shell server that is killed ---

id=$(flux submit -n1 sleep 1000)
flux job wait-event "$id" start >/dev/null
server=$(pgrep -f "^$FLUX_TEST_BUILD/src/shell/flux-shell --server 0" -P "$(flux getattr broker.pid)")
kill -9 "$server"
like 'its jobs get an exception that says why' 'lost contact with job shell.*Killed' \
    flux job wait-event "$id" exception
is 'and end' '' flux job wait-event -q "$id" clean
is 'the next job has another' here flux run -n1 echo here
finish
