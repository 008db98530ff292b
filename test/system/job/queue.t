# flux queue.
. "${0%/*}/../lib.sh"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >named.toml <<'EOF'
[policy.jobspec.defaults.system]
queue = "batch"
duration = "10m"
[policy.limits]
duration = "1h"
[queues.batch]
[queues.debug.policy.limits]
duration = "5m"
job-size.max.nnodes = 1
EOF
    cat >named.sh <<'EOF'
flux queue status
id=$(flux submit true)
flux job info $id jobspec | grep -o '"queue": *"[a-z]*"' | tr -d ' '
flux job info $id jobspec | grep -Eo '"duration": *[0-9]+' | tr -d ' '
flux submit -q nosuch true 2>&1 | sed 's/.*ERROR: //'
flux submit -q debug -t 6m true 2>&1 | sed 's/.*ERROR: //'
flux submit -q debug -N2 -t 1m true 2>&1 | sed 's/.*ERROR: //'
flux queue start debug
flux job wait-event -t 30 $(flux submit -q debug -t 1m true) clean | cut -d' ' -f2
flux queue disable -m 'for lunch' debug
flux submit -q debug -t 1m true 2>&1 | sed 's/.*ERROR: //'
flux queue start --quiet --all
flux queue drain -t 30s
flux queue list -no '{queue} {enabled} {started} {defaults.timelimit!F} {limits.timelimit!F}'
EOF
    timeout 60 flux start -s2 -c named.toml sh named.sh >named.out 2>&1
    printf '[queues.a]\n[queues.b]\n' >two.toml
    mkdir state
    # each of the first instance's lines, then what the second has kept of it
    cat >kept.sh <<'EOF'
flux queue disable --all -m both
flux queue enable --all
flux queue disable -m kept -q b
flux queue disable --nocheckpoint -m forgotten -q a
flux queue disable -v --nocheckpoint -m more a
flux queue stop --all -m both
flux queue start --all --quiet
flux queue stop -v -m kept a
flux queue stop --nocheckpoint -m forgotten -q b
flux queue list -n -q b -o '{queue} {enabled.ascii} {started.ascii}'
flux queue idle -q -t 30s
EOF
    timeout 60 flux start -Sstatedir="$PWD/state" -c two.toml sh kept.sh >first.out 2>&1
    timeout 60 flux start -Sstatedir="$PWD/state" -c two.toml \
        sh -c 'flux queue status --all; flux queue status -a b' >second.out 2>&1
    mkdir fresh
    { printf '[job-manager]\nstop-queues-on-restart = true\n'; cat two.toml; } >stop.toml
    timeout 60 flux start -Sstatedir="$PWD/fresh" -c stop.toml \
        sh -c 'flux submit -q b true; flux queue start --all; flux config load <"$1"; flux queue status --all' \
        sh stop.toml >fresh.out 2>&1
    timeout 60 flux start -Sstatedir="$PWD/fresh" -c stop.toml flux queue status --all >again.out 2>&1
fi
under_flux 2

is 'named queues are stopped at first' 'batch: Job submission is enabled
batch: Scheduling is stopped
debug: Job submission is enabled
debug: Scheduling is stopped
"queue":"batch"
"duration":600
'"'nosuch' is not a valid queue"'
requested duration (6m) exceeds policy limit of 5m for queue debug
requested nnodes (2) exceeds policy limit of 1 for queue debug
debug: Scheduling is started
clean
debug: Job submission is disabled: for lunch
job submission to debug is disabled: for lunch
batch ✔ ✔ 10m 1h
debug ✗ ✔ 10m 5m' cat named.out

is 'each says how it is now, -v of all' 'a: Job submission is disabled: both
b: Job submission is disabled: both
a: Job submission is enabled
b: Job submission is enabled
b: Job submission is disabled: kept
a: Job submission is disabled: forgotten
a: Job submission is disabled: more
b: Job submission is disabled: kept
a: Scheduling is stopped: both
b: Scheduling is stopped: both
a: Scheduling is stopped: kept
b: Scheduling is started
b: Scheduling is stopped: forgotten
b n n' cat first.out
is 'a restart keeps what it was told to keep' 'a: Job submission is enabled
a: Scheduling is stopped: kept
b: Job submission is disabled: kept
b: Scheduling is started' sed -n 1,4p second.out
like 'all, or one' '--all and the name of a queue exclude each other$' cat second.out
like 'a start is no restart' '^b: Scheduling is started$' cat fresh.out
is 'a restart stops the queues, where that is wanted' 'a: Scheduling is stopped: Automatically stopped due to restart
b: Scheduling is stopped: Automatically stopped due to restart' grep Scheduling again.out
is 'status' 'Job submission is enabled
Scheduling is started' flux queue status
is 'status -v' 'Job submission is enabled
Scheduling is started
0 alloc requests queued
0 alloc requests pending to scheduler
0 running jobs' flux queue status -v
is 'disable' 'Job submission is disabled: testing' flux queue disable -m testing
fails 'submission is refused' 1 'job submission is disabled: testing' flux submit true
is 'enable' 'Job submission is enabled' flux queue enable
fails 'no such queue' 1 "^flux-queue: ERROR: status: 'nosuch' is not a valid queue$" \
    flux queue status nosuch
is 'stop' 'Scheduling is stopped' flux queue stop
id=$(flux submit true)
is 'stopped: the job waits' 1 sh -c 'flux queue status -v | sed -n "s/ alloc requests queued//p"'
is 'idle although a job waits' '1 job' flux queue idle
is 'start' 'Scheduling is started' flux queue start
is 'drain' '' flux queue drain -t 30s
is 'idle' '0 jobs' flux queue idle
is 'idle, and says nothing' '' flux queue idle -q -t 30s
is 'drained, and says nothing' '' flux queue drain -q -t 30s
fails 'drain: timeout' 1 'timeout' sh -c 'flux submit --urgency=hold true >/dev/null
    flux queue drain -t 0.1s'
flux cancel --all --quiet
like 'list: header' '^ EN ST TDEFAULT   TLIMIT     NNODES     NCORES      NGPUS$' \
    sh -c 'flux queue list | head -1'
like 'help' '^usage: flux-queue \[-h\] \{list,status,enable,disable,start,stop,drain,idle\} \.\.\.$' \
    sh -c 'flux queue -h | head -1'
fails 'usage' 2 "invalid choice: 'nosuch'" flux queue nosuch
finish
