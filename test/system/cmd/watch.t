# flux watch: output and end of many jobs.
. "${0%/*}/../lib.sh"
under_flux 1

fails 'needs to be told which jobs' 1 'At least one job selection option is required' \
    flux watch
fails 'an unknown job' 0 'JobID ƒ999 unknown' flux watch ƒ999
fails 'and then there is none' 0 'INFO: No matching jobs' flux watch ƒ999
fails 'no active job' 0 'INFO: No matching jobs' flux watch --active
fails 'a bad id' 1 "invalid JobID value: 'x!'" flux watch 'x!'
fails 'a bad filter' 1 'Invalid filter specified: nosuch' flux watch -f nosuch
fails 'a bad time' 2 "since: invalid value 'foo'" flux watch --since=foo
fails 'a time to come' 2 'in the future' flux watch --since=+1h
fails 'a bad count' 1 'count must be >= 0' flux watch -A -c -1
fails 'ids and a filter' 1 'exclude each other' flux watch -a ƒ999
fails '--jps alone' 1 'jps is for --progress' flux watch -A --jps

ok1=$(flux submit -n2 echo hello)
flux job wait-event -t 30 "$ok1" clean >/dev/null
bad=$(flux submit sh -c 'echo oops; exit 2')
flux job wait-event -t 30 "$bad" clean >/dev/null

is 'output of a job that has ended' 'hello
hello' flux watch "$ok1"
# Tasks print when they like; jobs come one after the other.
run flux watch -l "$bad" "$ok1"
if [ $rc -eq 2 ] && [ "$(echo "$out" | sed -n 1p; echo "$out" | sed 1d | sort)" = "$bad: 0: oops
$ok1: 0: hello
$ok1: 1: hello" ]; then
    ok 'labels, and the largest exit status'
else
    not_ok 'labels, and the largest exit status' "status $rc" "$out" "$err"
fi
run flux watch -A -v
if [ $rc -eq 2 ] && matches "^$bad: [0-9.]*s: failed: status=512" "$out" \
    && matches "^$ok1: [0-9.]*s: complete: status=0" "$out" \
    && matches 'INFO: Watching 2 jobs' "$err"; then
    ok '--all -v says how jobs ended'
else
    not_ok '--all -v says how jobs ended' "status $rc" "$out" "$err"
fi
is '--filter=completed' 'hello
hello' flux watch -f completed
is '--filter=failed' 'oops' sh -c 'flux watch -f failed; [ $? -eq 2 ]'
is '--since and --count: the newest' 'oops' \
    sh -c 'flux watch --since=-1h -c 1; [ $? -eq 2 ]'

held=$(flux submit --urgency=hold true)
flux watch -v "$held" >held.out 2>held.err &
pid=$!
until grep -q 'Watching 1 job' held.err; do :; done
flux cancel "$held"
wait $pid
rc=$?
if [ $rc -eq 1 ] && grep -q '^job.exception: type=cancel severity=0' held.err; then
    ok 'a job that is canceled before it starts'
else
    not_ok 'a job that is canceled before it starts' "status $rc" "$(cat held.err)"
fi

# Followed while it runs: the job writes its second line when the first was seen.
mkfifo gate
live=$(flux submit sh -c 'echo one; cat gate >/dev/null; echo two; exit 3')
flux watch --active >live.out 2>live.err &
pid=$!
run timeout 30 sh -c 'until grep -q one live.out; do flux job wait-event -t 1 '"$live"' \
    nosuch 2>/dev/null; done; true'
ran=$rc
echo go >gate
wait $pid
rc=$?
if [ $ran -eq 0 ] && [ $rc -eq 3 ] && [ "$(cat live.out)" = 'one
two' ]; then
    ok 'a job that runs is followed to its end'
else
    not_ok 'a job that runs is followed to its end' "status $rc" "$(cat live.out)" \
        "$(cat live.err)"
fi

flux submit --cc=1-99 --quiet echo many
flux queue idle --quiet -t 60s
run flux watch -f completed
if [ $rc -eq 0 ] && [ "$(printf '%s\n' "$out" | grep -c many)" -eq 99 ]; then
    ok 'more jobs than are read at a time'
else
    not_ok 'more jobs than are read at a time' "status $rc" "$err"
fi

# --progress needs a terminal.
run script -qec 'flux watch -A --progress' /dev/null
if matches 'PD:0 +R:0 +CD:100 F:3 .*100.0%  0:00:' "$(printf '%s' "$out" | tr '\r' '\n')"
then
    ok '--progress counts and times'
else
    not_ok '--progress counts and times' "$(printf '%s' "$out" | tail -c 300)"
fi
run script -qec 'flux watch -A --progress --jps' /dev/null
if matches '100.0% .*job/s' "$(printf '%s' "$out" | tr '\r' '\n')"; then
    ok '--jps'
else
    not_ok '--jps' "$(printf '%s' "$out" | tail -c 300)"
fi
finish
