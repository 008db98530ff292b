# flux cancel, flux job kill, raise, raiseall, killall.
. "${0%/*}/../lib.sh"
under_flux 1

fails 'unknown' 1 '^flux-cancel: ERROR: ƒ999: unknown job id$' flux cancel ƒ999
fails 'not an id' 1 "invalid JobID value: 'foo bar'" flux cancel 'foo bar'
fails 'nothing named' 2 'at least one jobid' flux cancel
fails 'nothing matches' 0 '^flux-cancel: Matched 0 jobs$' flux cancel --all
a=$(flux submit --urgency=hold true)
b=$(flux submit --urgency=hold true)
is 'two' 0 sh -c "flux cancel $a $b; echo \$?"
fails 'inactive' 1 "^flux-cancel: ERROR: $a: job is inactive$" flux cancel $a
flux submit --quiet --urgency=hold --cc=1-4 true
fails 'dry run' 0 '^flux-cancel: Would cancel 4 jobs$' flux cancel -n --all
fails 'states' 0 '^flux-cancel: Matched 0 jobs$' flux cancel -S running
fails 'bad state' 1 "Invalid state 'foo'" flux cancel -S foo
fails 'all' 0 '^flux-cancel: Canceled 4 jobs \(0 errors\)$' flux cancel --all
flux queue drain -t 30s
id=$(flux submit sleep 300)
flux job wait-event -t 30 $id start >/dev/null
is 'running, with a message' 0 sh -c "flux cancel -m 'no longer needed' $id; echo \$?"
like 'the note' 'exception type="cancel" severity=0 note="no longer needed"' \
    sh -c "flux job wait-event -t 30 $id clean >/dev/null; flux job eventlog $id"

fails 'kill: not running' 1 'job is inactive' flux job kill $id
fails 'kill: no signal' 1 'Invalid signal FOO' flux job kill -s FOO $id
id=$(flux submit sleep 300)
flux job wait-event -t 30 $id start >/dev/null
is 'kill' 0 sh -c "flux job kill -s 15 $id; echo \$?"
is 'killed' 143 sh -c "flux job status $id; echo \$?"
id=$(flux submit sleep 300)
flux job wait-event -t 30 $id start >/dev/null
fails 'killall: question' 1 'Command matched 1 jobs \(-f to confirm\)' flux job killall
is 'killall' 0 sh -c 'flux job killall -f 2>/dev/null; echo $?'
is 'killed too' 143 sh -c "flux job status $id; echo \$?"
id=$(flux submit --urgency=hold true)
flux job raise -t foo -s 7 -m 'a note' $id
like 'raise' 'exception type="foo" severity=7 note="a note"' flux job eventlog $id
fails 'raise: bad type' 1 'one word' flux job raise -t 'a b' $id
fails 'raiseall: question' 1 'Command matched 1 jobs' flux job raiseall foo
is 'raiseall' 0 sh -c 'flux job raiseall -f -s0 foo 2>/dev/null; echo $?'
like 'raised' 'exception type="foo" severity=0' flux job eventlog $id
finish
