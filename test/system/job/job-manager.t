# job-manager and job-ingest: life of jobs, dependencies, waiting, restart.
. "${0%/*}/../lib.sh"

# Restart: an instance with a state directory is stopped and started again.
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir -p "$DIR/state"
    cat >first.sh <<'EOF'
flux run true
flux submit false
held=$(flux submit --urgency=hold true)
flux submit --dependency=afterany:$held echo dep
run=$(flux submit sleep 300)
flux job wait-event -t 30 $run start >/dev/null
flux queue disable -m closed >/dev/null
EOF
    cat >second.sh <<'EOF'
flux job last '[:]' | wc -l
flux queue status
flux queue enable >/dev/null
dep=$(flux job last '[1]') held=$(flux job last '[2]')
flux job urgency $held default
flux job attach $dep
flux queue drain -t 30s
flux job eventlog $held | cut -d' ' -f2 | xargs
new=$(flux submit true)
[ $(flux job id $new) -gt $(flux job id $dep) ] && echo ascending
flux module stats job-manager | grep -o '"inactive_jobs":[0-9]*'
EOF
    timeout 60 flux start -S statedir="$DIR/state" sh first.sh >/dev/null 2>&1
    timeout 60 flux start -S statedir="$DIR/state" sh second.sh >restart.out 2>&1
    export FLUX_TEST_RESTART=done
fi
under_flux 2

is 'jobs are found after a restart' '5
Job submission is disabled: closed
Scheduling is started
dep
submit validate depend priority flux-restart priority urgency priority alloc start finish release free clean
ascending' sh -c 'grep -v inactive_jobs restart.out'

EVENTS='submit validate depend priority alloc start finish release free clean'
events () {
    flux job eventlog "$1" | cut -d' ' -f2 | xargs
}
id=$(flux submit true)
flux job wait-event -t 30 $id clean >/dev/null
is 'events in order' "$EVENTS" events $id
ordered () {
    flux job eventlog $id | cut -d' ' -f1 >a && sort -n a | uniq | cmp - a && echo yes
}
is 'timestamps ascend strictly' yes ordered
is 'last' $id flux job last
is 'jobspec is stored' true sh -c "flux job info $id jobspec | jq -r '.tasks[0].command[0]'"

# bulk: all jobs, one commit for many
flux submit --cc=1-200 --quiet --setattr=exec.test.run_duration=0.001s true
flux queue drain -t 60s
is 'all are inactive' '"active_jobs":0' \
    sh -c 'flux module stats job-manager | grep -o "\"active_jobs\":[0-9]*"'

# jobspecs from files
flux submit --dry-run echo json >spec.json
is 'submit: JSON' json sh -c 'flux job attach $(flux job submit spec.json)'
cat >spec.yaml <<'EOF'
version: 1
resources:
  - {type: slot, count: 1, label: task, with: [{type: core, count: 1}]}
tasks:
  - {command: [echo, yaml], slot: task, count: {per_slot: 1}}
attributes:
  system:
    duration: 0
EOF
is 'submit: YAML' yaml sh -c 'flux job attach $(flux job submit <spec.yaml)'
fails 'submit: neither' 1 "^flux-job: jobspec: invalid JSON: " \
    sh -c 'echo not json | flux job submit'
fails 'submit: not YAML' 1 '^flux-job: jobspec: invalid YAML: line 2' \
    sh -c 'echo "a: [" | flux job submit'
fails 'submit: no jobspec' 1 '^flux-job: version' sh -c 'echo "{}" | flux job submit'
fails 'submit: no file' 1 '^flux-job: nosuch: No such file' flux job submit nosuch

# dependencies
bad=$(flux submit false)
good=$(flux submit true)
flux queue drain -t 30s
fails 'afterok of a failure' 1 "dependency: afterok: job $bad failed or was canceled" \
    flux submit --dependency=afterok:$bad true
fails 'unknown scheme' 1 'dependency scheme "foo" not supported' \
    flux submit --dependency=foo:1 true
fails 'unknown job' 1 'dependency: afterok: job .* not found' \
    flux submit --dependency=afterok:12345 true
like 'afternotok of a failure' '^ƒ' flux submit --dependency=afternotok:$bad true
held=$(flux submit --urgency=hold true)
a=$(flux submit --dependency=afterok:$held true)
b=$(flux submit --dependency=afternotok:$held true)
c=$(flux submit --dependency=afterany:$held true)
flux cancel $held
flux queue drain -t 30s
like 'afterok: exception' "exception type=\"dependency\" severity=0 note=\"afterok: job $held" \
    flux job eventlog $a
like 'afternotok of a job that never started: exception' 'exception type="dependency".*never started' \
    flux job eventlog $b
is 'afterany runs' 0 sh -c "flux job status $c; echo \$?"
like 'events of a dependency' "dependency-add description=\"after-finish=$held\"" \
    flux job eventlog $c
first=$(flux submit --job-name=one --urgency=hold true)
second=$(flux submit --job-name=one --dependency=singleton: true 2>/dev/null ||
    flux submit --job-name=one --dependency=singleton true)
like 'singleton waits' 'dependency-add description="singleton"' flux job eventlog $second
flux job urgency $first default
is 'singleton runs' 0 sh -c "flux job status $second; echo \$?"
late=$(flux submit --begin-time=+0.3s true)
is 'begin-time' 0 sh -c "flux job status $late; echo \$?"
late=$(flux submit --begin-time=+1h true)
flux job wait-event "$late" dependency-add >/dev/null
like 'begin-time: event' 'dependency-add description="begin-time=' flux job eventlog $late
flux cancel $late

# waiting
flux queue drain -t 30s
id=$(flux submit --flags=waitable false)
fails 'wait: failure' 1 '^flux-job: task\(s\) exited with exit code 1$' flux job wait $id
fails 'wait: once only' 2 'invalid job id, or job may be inactive and not waitable' \
    flux job wait $id
w=$(flux submit --flags=waitable true)
is 'wait: any' $w flux job wait
fails 'wait: none left' 2 'there are no more waitable jobs' flux job wait
flux submit --flags=waitable --cc=1-3 --quiet true
is 'wait: all' 0 sh -c 'flux job wait -a; echo $?'

# urgency, memo, purge
held=$(flux submit --urgency=hold true)
fails 'urgency: range' 1 'urgency range is \[0:31\]' flux job urgency $held 77
like 'urgency: old' 'old job urgency: 0' sh -c "flux job urgency -v $held 5 2>&1"
flux job wait-event -t 30 $held clean >/dev/null
fails 'urgency: inactive' 1 "^flux-job: $held: job is inactive$" flux job urgency $held 20
fails 'raise: severity' 1 'exception severity range is \[0:7\]' \
    flux job raise -s 9 $(flux submit --urgency=hold true)
flux cancel $(flux job last)
flux queue drain -t 30s
like 'purge: a question' '^use --force to purge 0 of [0-9]+ inactive jobs$' flux job purge
like 'purge' '^purged [0-9]+ inactive jobs, 5 remaining$' flux job purge -f --num-limit=5
fails 'purged' 1 'unknown job id' flux cancel $id
fails 'purged from the KVS' 1 'invalid job id' flux job info $id R
finish
