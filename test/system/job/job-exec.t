# Running jobs: eventlogs, simulated jobs, signals, exceptions, lost nodes.
. "${0%/*}/../lib.sh"
under_flux 4

names () {
    flux job eventlog "$@" | awk '{print $2}' | xargs
}

id=$(flux submit --wait true)
is 'job events' 'submit validate depend priority alloc start finish release free clean' names $id
is 'exec events' \
    'init starting shell.init shell.start shell.task-exit shell-exit complete done' \
    names -p exec $id
like 'shell.init' "^[0-9.]+ shell.init service=\"[0-9]+-shell-f[0-9A-Za-z]+\" leader-rank=[0-3] size=1$" \
    flux job eventlog -p exec $id
like 'shell.start' ' shell.start taskmap=\{"version":1,"map":\[\[0,1,1,1\]\]\}$' \
    flux job eventlog -p exec $id
like 'shell.task-exit' \
    ' shell.task-exit localid=0 rank=0 state="Exited" pid=[0-9]+ wait_status=0 signaled=0 exitcode=0$' \
    flux job eventlog -p exec $id
like 'shell-exit' ' shell-exit rank=[0-3] wait_status=0$' flux job eventlog -p exec $id
is 'output: header and ends' 'header data data' \
    sh -c "flux job eventlog -p output -f json $id | jq -r .name | xargs"
id=$(flux submit --wait -N4 -n8 true)
like 'four shells' ' shell.start taskmap=\{"version":1,"map":\[\[0,4,2,1\]\]\}$' \
    flux job eventlog -p exec $id
is 'four exits' 4 sh -c "flux job eventlog -p exec $id | grep -c shell-exit"
is 'release of all' 'release ranks="all" final=true' \
    sh -c "flux job eventlog $id | grep release | cut -d' ' -f2-"

# simulated
T=--setattr=exec.test.run_duration
is 'simulated' 'init starting complete done' names -p exec $(flux submit --wait $T=0.01s true)
id=$(flux submit $T=0.01s --setattr=exec.test.wait_status=256 true)
fails 'simulated failure' 1 'exit code 1' flux job attach $id
id=$(flux submit $T=300s true)
flux job wait-event -t 30 $id start >/dev/null
flux cancel $id
like 'simulated, canceled' ' finish status=15$' sh -c "flux job wait-event -t 30 $id finish"
id=$(flux submit --setattr=exec.test.mock_exception=run true)
like 'mock exception' 'type="exec" severity=0 note="mock run exception generated"' \
    flux job wait-event -t 30 $id exception
is 'many' 200 sh -c "flux submit --cc=1-200 --wait $T=0 true | wc -l"
id=$(flux submit --setattr=exec.test.run_duration=garbage true)
like 'a malformed request' 'run_duration: not a duration' flux job wait-event -t 30 $id exception

# signals
id=$(flux submit --wait-event=start sleep 300)
flux job kill -s USR1 $id
fails 'kill -s USR1' 138 'task\(s\) User defined signal 1' flux job attach $id
id=$(flux submit --wait-event=start -N4 sleep 300)
flux cancel $id
fails 'cancel on four nodes' 143 'task\(s\) Terminated' flux job attach $id
fails 'time limit' 142 'type=timeout severity=0 resource allocation expired' \
    flux run -t 0.2s sleep 300

limits () {
    for id in $(flux submit --cc=1-8 -t 0.2s --wait-event=clean sleep 300); do
        flux job eventlog "$id" | grep -c exception
    done | sort -u
}
is 'one exception for a time limit' 1 limits

# SIGTERM is ignored: SIGKILL follows
fails 'what another executor would do' 1 'method: job shells are started by job-exec itself' \
    flux module reload job-exec method=bgexec
flux module reload job-exec kill-timeout=0.2s
id=$(flux submit sh -c 'trap "" TERM; echo ready; while :; do sleep 0.2; done')
flux job wait-event -W -t 30 -p output $id data >/dev/null
flux cancel $id
fails 'SIGKILL after kill-timeout' 137 'task\(s\) Killed' flux job attach $id

# other signals, from a reload on
config () {
    echo "$1" | flux config load
    flux module stats job-exec | jq -c ".config | $2"
}
is 'signals are configured' '["SIGUSR1","SIGUSR2",0.2]' config \
    '{"exec":{"term-signal":"USR1","kill-signal":"SIGUSR2"}}' \
    '[."term-signal",."kill-signal",."kill-timeout"]'
id=$(flux submit --wait-event=start sleep 300)
flux cancel $id
fails 'term-signal' 138 'task\(s\) User defined signal 1' flux job attach $id
id=$(flux submit sh -c 'trap "" USR1; echo ready; while :; do sleep 0.1; done')
flux job wait-event -W -t 30 -p output $id data >/dev/null
flux cancel $id
fails 'kill-signal' 140 'task\(s\) User defined signal 2' flux job attach $id

# a job that nothing ends holds its node no longer than it may
is 'max-kill-timeout is configured' 0.5 config \
    '{"exec":{"kill-signal":"URG","max-kill-timeout":"0.5s"}}' '."max-kill-timeout"'
id=$(flux submit --requires=rank:1 sh -c 'trap "" TERM; echo $$ >pid; exec sleep 1000')
flux job wait-event -t 30 $id start >/dev/null
until [ -s pid ]; do sleep 0.1; done
flux cancel $id
like 'a job that nothing ends' ' clean$' flux job wait-event -t 30 $id clean
like 'its node is drained' "^1 +unkillable user processes for job $id" \
    flux resource drain -no '{ranks:<5} {reason}'
kill -9 "$(cat pid)"
flux resource undrain 1

# a shell that does not come to the start barrier
is 'barrier-timeout is configured' 0.5 config '{"exec":{"barrier-timeout":"0.5s"}}' \
    '."barrier-timeout"'
cat >rc.lua <<EOF
if shell.rankinfo.broker_rank == 1 then
    os.execute ("until [ -e '$DIR/go' ]; do sleep 0.1; done")
end
EOF
id=$(flux submit -N2 --requires=rank:0-1 -o userrc=rc.lua true)
like 'a shell that does not arrive' 'start barrier timeout waiting for 1/2 nodes \(ranks 1\)' \
    flux job wait-event -t 30 $id exception
: >go
like '  the job ends' ' clean$' flux job wait-event -t 30 $id clean
like '  the node is drained' "^1 +start barrier timeout for job $id" \
    flux resource drain -no '{ranks:<5} {reason}'
flux resource undrain 1
is 'all as it was' '"SIGTERM"' config '{}' '."term-signal"'

# the shells of a rank are lost
id=$(flux submit --wait-event=start --requires=rank:2 sleep 300)
flux exec -r 2 pkill -9 -P "$(flux exec -r 2 flux getattr broker.pid)" flux-shell
like 'flux-shell is killed' 'type="exec" severity=0 note="lost contact with job shell' \
    flux job wait-event -t 30 $id exception
like 'the job ends' ' clean$' flux job wait-event -t 30 $id clean
is 'the next one gets another' 2 flux run --requires=rank:2 sh -c 'echo ${FLUX_URI##*-}'
id=$(flux submit --wait-event=start -N4 -o sysmon sleep 300) # which has its own shells
server=$(flux exec -r 3 pgrep -P "$(flux exec -r 3 flux getattr broker.pid)" flux-shell)
pkill -9 -P "$server"
fails 'one shell is killed' 143 'lost contact with job shell on rank 3: Killed' \
    flux job attach $id
is 'stats' 0 sh -c 'flux module stats job-exec | jq .jobs_active'
finish
