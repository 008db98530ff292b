# What is built into job-manager has names, and can be removed and loaded again.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    printf '[policy.limits]\nduration = "1h"\njob-size.max.nnodes = 1\n' >conf.toml
    cat >post.py <<'EOF'
import json, sys, flux
payload = {"id": int(sys.argv[1]), "name": sys.argv[2]}
if len(sys.argv) > 3:
    payload["context"] = json.loads(sys.argv[3])
try:
    flux.Flux().rpc("job-manager.post-event.post", payload).get()
except OSError as e:
    sys.exit(str(e))
EOF
fi
under_flux 2 -c conf.toml

all='.priority-default
.limit-job-size
.limit-duration
.dependency-after
.dependency-singleton
.begin-time
.update-duration
.history
.post-event
.update-queue'
is 'they are listed' "$all" flux jobtap list -a
is 'but are hidden' '' flux jobtap list
is 'each says what it is' '{"name":".begin-time","path":"builtin"}' \
    flux jobtap query .begin-time
succeeds 'all does not mean them' flux jobtap remove all
fails 'nor does a star' 1 'not found' flux jobtap remove '*'
is 'they are still there' "$all" flux jobtap list -a
fails 'none of that name' 1 '.nosuch not found' flux jobtap load .nosuch
fails 'one is there already' 1 'already loaded' flux jobtap load .history

fails 'a limit' 1 'exceeds policy limit' flux submit -t 2h true
flux jobtap remove .limit-duration
succeeds 'is gone with its name' flux submit -t 2h true
flux jobtap load .limit-duration
fails 'and comes back' 1 'exceeds policy limit' flux submit -t 2h true
fails 'another limit' 1 'nnodes' flux submit -t 1m -N2 true
flux jobtap remove .limit-job-size
succeeds 'is gone' flux submit -t 1m -N2 true

held=$(flux submit -t 1m --urgency=hold --job-name=one true)
flux jobtap remove '.dep*'
fails 'no dependency on other jobs' 1 'scheme "afterok" not supported' \
    flux submit -t 1m --dependency=afterok:$held true
flux jobtap remove .begin-time
fails 'none on the time' 1 'scheme "begin-time" not supported' \
    flux submit -t 1m --begin-time=+1h true
flux jobtap remove '.update-*'
fails 'no updates' 1 'update of attributes.system.duration not supported' \
    flux update "$held" duration=2m
flux jobtap load .update-duration
succeeds 'until they come back' flux update "$held" duration=2m

flux jobtap remove .priority-default
job=$(flux submit -t 1m true)
flux job wait-event -t 30 "$job" depend >/dev/null
is 'without priorities a job waits' 'submit validate depend' \
    sh -c "flux job eventlog $job | cut -d' ' -f2 | xargs"
flux jobtap load .priority-default
succeeds 'until there are some' flux job wait-event -t 30 "$job" clean

succeeds 'history' flux job last
flux jobtap remove .history
fails 'is a service that goes' 1 '.' flux job last
flux jobtap load .history
succeeds 'and comes' flux job last

succeeds 'an event is posted' flux python post.py "$(flux job id "$held")" debug.me '{"a": 1}'
like 'it is in the log' 'debug.me a=1' flux job eventlog "$held"
fails 'not one that cannot be now' 1 'event free cannot be posted now' \
    flux python post.py "$(flux job id "$held")" free
fails 'not of a job that is over' 1 'inactive' \
    flux python post.py "$(flux job id "$job")" debug.me
flux cancel "$held"

finish
