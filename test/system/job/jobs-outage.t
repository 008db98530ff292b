# The disk below a kept state directory fails under jobs: nothing new is accepted,
# nothing ends, and all goes on by itself. Writes fail by the limit on file sizes.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    trap '' XFSZ
    mkdir "$DIR/state"
fi
under_flux 1 -Sstatedir="$DIR/state"

pid=$(flux getattr broker.pid)
disk () {
    prlimit --pid "$pid" --fsize="$1:unlimited"
}

run=$(flux submit sh -c "while ! [ -e '$DIR/end' ]; do sleep 0.1; done")
flux job wait-event -t 30 "$run" start >/dev/null
held=$(flux submit --urgency=hold true)
before=$(flux job last)
disk 0
fails 'a submission is refused' 1 'disk I/O error' flux submit true
like 'queue status says why' \
    '^Job submission is disabled: job-manager is paused: the KVS cannot store: .*disk I/O error$' \
    flux queue status
like 'of scheduling as well' '^Scheduling is stopped: job-manager is paused: ' flux queue status
fails 'a submission is refused at once' 1 'disk I/O error' flux submit true
fails 'so is a cancellation' 1 'job-manager is paused: .*disk I/O error' flux cancel "$held"
fails 'and urgency' 1 'job-manager is paused' flux job urgency "$held" default
fails 'and closing a queue' 1 'job-manager is paused' flux queue disable -m no
fails 'and a purge' 1 'job-manager is paused' flux job purge -f --num-limit=0
is 'jobs are listed' "$held S
$run R" flux jobs -no '{id} {status_abbrev}'
is 'nothing was added' "$before" flux job last
like 'signals pass' '' flux job kill -s CONT "$run"
: >end
is 'the running job ends, but nobody is told before it is stored' \
    'not told' sh -c "timeout 1 flux job wait-event -q $run clean || echo not told"
disk unlimited
like 'all goes on when the disk is well' 'clean' flux job wait-event -t 60 "$run" clean
open () {
    until flux queue status | grep -q 'submission is enabled'; do sleep 0.1; done
    flux queue status
}
is 'the queue is open' 'Job submission is enabled
Scheduling is started' open
is 'jobs run' fine flux run echo fine
flux job urgency "$held" default
flux job wait-event -t 30 "$held" clean >/dev/null
is 'the events of the job that ran meanwhile are whole' \
    'submit validate depend priority alloc start finish release free clean' \
    sh -c "flux job eventlog $run | cut -d' ' -f2 | xargs"
succeeds 'a purge' flux job purge -f --num-limit=0
finish
