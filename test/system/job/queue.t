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
flux queue stop batch
id=$(flux submit true)
flux job info $id jobspec | grep -o '"queue": *"[a-z]*"' | tr -d ' '
flux job info $id jobspec | grep -Eo '"duration": *[0-9]+' | tr -d ' '
flux submit -q nosuch true 2>&1 | sed 's/.*ERROR: //'
flux submit -q debug -t 6m true 2>&1 | sed 's/.*ERROR: //'
flux submit -q debug -N2 -t 1m true 2>&1 | sed 's/.*ERROR: //'
flux job wait-event -t 30 $(flux submit -q debug -t 1m true) clean | cut -d' ' -f2
flux queue disable -m 'for lunch' debug
flux submit -q debug -t 1m true 2>&1 | sed 's/.*ERROR: //'
flux queue start --quiet --all
flux queue drain -t 30s
flux queue list -no '{queue} {enabled} {started} {defaults.timelimit} {limits.timelimit}'
EOF
    timeout 60 flux start -s2 -c named.toml sh named.sh >named.out 2>&1
fi
under_flux 2

is 'named queues' 'batch: Job submission is enabled
batch: Scheduling is started
debug: Job submission is enabled
debug: Scheduling is started
batch: Scheduling is stopped
"queue":"batch"
"duration":600
'"'nosuch' is not a valid queue"'
requested duration exceeds policy limit of 5m
requested nnodes (2) exceeds policy limit of 1
clean
debug: Job submission is disabled: for lunch
job submission to debug is disabled: for lunch
batch ✔ ✔ 10m 1h
debug ✗ ✔ 10m 5m' cat named.out

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
fails 'drain: timeout' 1 'timeout' sh -c 'flux submit --urgency=hold true >/dev/null
    flux queue drain -t 0.1s'
flux cancel --all --quiet
like 'list: header' '^ EN ST TDEFAULT   TLIMIT     NNODES     NCORES      NGPUS$' \
    sh -c 'flux queue list | head -1'
like 'help' '^usage: flux-queue \[-h\] \{list,status,enable,disable,start,stop,drain,idle\} \.\.\.$' \
    sh -c 'flux queue -h | head -1'
fails 'usage' 2 "invalid choice: 'nosuch'" flux queue nosuch
finish
