# Jobs run on when all brokers are killed, and are found again: what they said, before,
# meanwhile and after, is there once; how they ended is known; no task runs twice.
. "${0%/*}/../lib.sh"

# shellcheck source=test/system/reattach/instance.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/instance.sh"

exec_names='init starting shell.init shell.start shell.task-exit shell-exit complete done'

# talk NAME [STATUS]: says something before, within and after the gap, and that it ran
cat >talk.sh <<EOL
cd $DIR
echo \$1 >>ran
echo before
: >\$1.before
until [ -e gap ]; do sleep 0.1; done
echo within; echo other >&2
: >\$1.within
until [ -e after ]; do sleep 0.1; done
echo after
exit \$2
EOL
cat >ends.sh <<EOL
cd $DIR
echo \$1 >>ran
echo before
: >\$1.before
until [ -e gap ]; do sleep 0.1; done
seq 1000
exit \$2
EOL

begin 1
inside=$(flux submit sh talk.sh inside 3)
forked=$(flux submit --error=forked.err sh talk.sh forked 0)
said inside.before forked.before
started "$inside" "$forked"
crash
is 'the server of shells has outlived its broker' 1 servers
: >gap
said inside.within forked.within
begin 1
is 'they run' "$forked R
$inside R" flux jobs -no '{id} {status_abbrev}'
: >after
is 'output of a job in the server is whole' 'before within after' output_of "$inside"
like 'its status is right' 'exited with exit code 3' cat "$inside.err"
is 'output of a job with a shell is whole' 'before within after' output_of "$forked"
is 'its file, too' other cat forked.err
is 'events' 'submit validate depend priority alloc start flux-restart finish release free clean' \
    names "$inside"
for id in $inside $forked; do
    is 'exec events, once' "$exec_names" names -p exec "$id"
done
is 'nothing ran twice' 'forked inside' sh -c 'sort ran | xargs'
is 'the KVS is rid of what is of no more use' '' \
    sh -c "flux kvs dir -R $(flux job id --to=kvs "$inside") | sed -n /kept/p"
is 'they are in the statistics' '0 1 1' \
    sh -c "flux jobs --stats-only 2>&1 | sed 's/[^0-9]\+/ /g' | awk '{ print \$1, \$2, \$3 }'"
rm -f gap after ran

# Its task may be faster than what is stored of its start.
early=$(flux submit sh talk.sh early 0)
said early.before
flux job wait-event -q -t 60 -p exec "$early" shell.start
flux kvs unlink "$(flux job id --to=kvs "$early").guest.exec.eventlog"
crash
: >gap
: >after
begin 1
succeeds 'a job whose start was not stored is found' flux job wait-event -q -t 60 "$early" clean
is 'and its start is said' "$exec_names" names -p exec "$early"
rm -f gap after ran

# All jobs end while nobody is there, and so does the server.
id=$(flux submit sh ends.sh alone 5)
said alone.before
crash
: >gap
until_true_here no_servers
succeeds 'a server without jobs ends' no_servers
is 'and leaves what they said' 'left' ls state/shells-0
begin 1
like 'how it ended is known' 'exited with exit code 5' \
    sh -c "flux job wait-event -q -t 60 $id clean; flux job attach $id 2>&1 >out || :"
(echo before; seq 1000) >expected
flux job attach "$id" >got 2>/dev/null
succeeds 'its output is whole' cmp expected got
is 'it ran once' alone cat ran
flux job wait-event -q -t 60 "$(flux submit true)" clean
until_true_here sh -c '! [ -e state/shells-0/left ]'
is 'what it left is gone' socket ls state/shells-0
rm -f gap ran

# What is left cannot be written: the server waits for who wants to hear it.
end
begin 1
id=$(flux submit sh ends.sh full 6)
said full.before
crash
prlimit --pid "$(pgrep -f -- "--keep $DIR/state/shells-0" | head -1)" --fsize=0:unlimited
: >gap
until_true_here sh -c '! pgrep -f "[e]nds.sh full"' >/dev/null
begin 1
like 'a full disk costs nothing' 'exited with exit code 6' \
    sh -c "flux job wait-event -q -t 60 $id clean; flux job attach $id 2>&1 >got || :"
succeeds 'its output is whole, too' cmp expected got
is 'it ran once, too' full sh -c 'grep full ran'
rm -f gap ran

# Signals, exceptions, limits and input reach a job that was found.
killed=$(flux submit sleep 300)
canceled=$(flux submit --error=canceled.err sleep 300)
reads=$(flux submit cat)
for id in $killed $canceled $reads; do flux job wait-event -q -t 60 "$id" start; done
crash
begin 1
flux job kill -s USR1 "$killed"
flux job wait-event -q -t 60 "$killed" clean
like 'a signal' 'User defined signal 1' sh -c "flux job attach $killed 2>&1 || :"
flux cancel "$canceled"
like 'a cancel' ' finish status=' flux job wait-event -t 60 "$canceled" finish
echo hello >in
is 'input' hello sh -c "timeout 60 flux job attach $reads <in"
limited=$(flux submit -t 2s sleep 300)
flux job wait-event -q -t 60 "$limited" start
crash
begin 1
like 'a time limit' 'type="timeout"' flux job wait-event -t 60 "$limited" exception
flux job wait-event -q -t 60 "$limited" clean

# One that ended in time while nobody was there is not late; one that took longer is.
past () { [ "$(cut -d. -f1 /proc/uptime)" -ge "$1" ]; }
for name in early late; do
    id=$(flux submit -t 6s sh -c "echo \$\$ >$name.pid; until [ -e $name.end ]; do sleep 0.05; done")
    flux job wait-event -q -t 60 "$id" start
    until_there $name.pid
    eval "$name=$id"
done
crash
over=$(($(cut -d. -f1 /proc/uptime) + 9))
has_ended () { ! kill -0 "$(cat "$1.pid")" 2>/dev/null; }
touch early.end
until_true_here has_ended early
until_true_here past $over
touch late.end
until_true_here has_ended late
begin 1
for id in $early $late; do flux job wait-event -q -t 60 "$id" clean; done
is 'who ended in time while nobody listened' 'COMPLETED 0' flux jobs -no '{result} {returncode}' "$early"
is 'who ended late' 'TIMEOUT 0' flux jobs -no '{result} {returncode}' "$late"

# What is not there any more.
id=$(flux submit sleep 300)
flux job wait-event -q -t 60 "$id" start
crash
pkill -9 -f -- "--keep $DIR/state/shells-0"
begin 1
like 'a server that was killed' 'type="exec" severity=0 note="lost contact with job shells on ' \
    flux job wait-event -t 60 "$id" exception
is 'its job has ended' 'complete done' \
    sh -c "flux job wait-event -q -t 60 $id clean; flux job eventlog -p exec $id | tail -2 | cut -d' ' -f2 | xargs"
succeeds 'others run' flux run true
end
succeeds 'an instance that ends takes its server along' no_servers
is 'and leaves nothing' '' ls state/shells-0

# The directory belongs to another instance.
begin 1
id=$(flux submit sleep 301)
flux job wait-event -q -t 60 "$id" start
crash
rm -f state/content.*
begin 1
succeeds 'a new instance in the same directory' flux run true
is 'ends jobs of the old one' 0 sh -c 'pgrep -xf "sleep 301" | wc -l'
id=$(flux submit sleep 302)
flux job wait-event -q -t 60 "$id" start
crash
mv state gone
until_true_here no_servers
succeeds 'a server whose directory is gone ends' no_servers
rm -rf gone
mkdir state

# How long they wait.
begin 1 0.3s
id=$(flux submit sh -c 'echo said; exec sleep 303')
flux job wait-event -q -t 60 "$id" start
crash
until_true_here no_servers
succeeds 'a server that nobody comes to ends' no_servers
begin 1 0.3s
like 'and says why' 'no broker has come back in time' flux job wait-event -t 60 "$id" exception
is 'what its jobs said is there' said output_of "$id"
end
begin 1 0
id=$(flux submit sleep 304)
flux job wait-event -q -t 60 "$id" start
crash
is 'without a timeout jobs end with their brokers' 0 sh -c 'pgrep -xf "sleep 304" | wc -l'
begin 1 0
like 'and are lost' 'lost contact' flux job wait-event -t 60 "$id" exception
end
begin 1
id=$(flux submit sleep 305)
flux job wait-event -q -t 60 "$id" start
crash
begin 1 0
like 'so are those of a start with one' 'lost contact' flux job wait-event -t 60 "$id" exception
succeeds 'whose tasks do not go on' until_true_here sh -c '! pgrep -xf "sleep 305"'
end
begin 1
id=$(flux submit sleep 306)
flux job wait-event -q -t 60 "$id" start
flux module reload job-exec reattach-timeout=0
flux job wait-event -q -t 60 "$id" clean
succeeds 'nor those of a module with one' until_true_here sh -c '! pgrep -xf "sleep 306"'
end

begin 2
id=$(flux submit --requires=rank:1 sleep 307)
flux job wait-event -q -t 60 "$id" start
crash
begin 2 0
like 'a job of another rank is lost' 'lost contact' flux job wait-event -t 60 "$id" exception
succeeds 'and its tasks end' until_true_here sh -c '! pgrep -xf "sleep 307"'
end

# Four brokers, a job on each, and much output.
cat >much.sh <<EOL
cd $DIR
echo \$1 >>ran
seq 20000
: >\$1.before
until [ -e gap ]; do sleep 0.1; done
seq 20001 200000
: >\$1.within
until [ -e after ]; do sleep 0.1; done
echo end
EOL
begin 4
for rank in 0 1 2 3; do
    flux submit --requires=rank:$rank sh talk.sh "talk$rank" 0
    flux submit --requires=rank:$rank sh much.sh "much$rank"
    flux submit --requires=rank:$rank sh ends.sh "ends$rank" "$rank"
done >ids
for rank in 0 1 2 3; do said "talk$rank.before" "much$rank.before" "ends$rank.before"; done
simulated=$(flux submit --setattr=exec.test.run_duration=300s true)
flux job wait-event -q -t 60 "$simulated" start
crash
: >gap
for rank in 0 1 2 3; do said "talk$rank.within"; done
begin 4
: >after
(seq 200000; echo end) >much.out
(echo before; seq 1000) >ends.out
(echo before; echo within; echo after) >talk.out
all_whole () {
    # shellcheck disable=SC2013
    for id in $(cat ids); do
        flux job wait-event -q -t 100 "$id" clean || return 1
        flux job attach "$id" >got 2>/dev/null
        cmp -s got much.out || cmp -s got ends.out || cmp -s got talk.out || {
            echo "$id: $(wc -l <got) lines"
            return 1
        }
    done
}
succeeds 'output of jobs on four ranks is whole' all_whole
is 'each ran once' '12' sh -c 'sort -u ran | wc -l; sort ran | uniq -d'
is 'their results' '0 0 0 0 0 0 0 0 0 1 2 3' \
    sh -c "flux jobs -ano '{returncode}' \$(cat ids) | sort | xargs"
is 'a simulated one runs' "$simulated R" flux jobs -no '{id} {status_abbrev}' "$simulated"
flux cancel "$simulated"
like 'until it is canceled' ' finish status=15' flux job wait-event -t 60 "$simulated" finish
flux job wait-event -q -t 60 "$simulated" clean
end
begin 1

# Simulated jobs: what was due meanwhile is over, what was not has its time.
simulate () {
    duration=$1
    shift
    id=$(flux submit --setattr=exec.test.run_duration="$duration" "$@" true)
    flux job wait-event -q -t 60 "$id" start
    echo "$id"
}
due=$(simulate 0.3s --setattr=exec.test.wait_status=768)
limited=$(simulate 300s -t 0.2s)
ends=$(simulate 2s)
long=$(simulate 300s)
started=$(flux job wait-event -t 60 --format=json "$due" start | sed 's/.*"timestamp":\([0-9.]*\).*/\1/')
crash
until_true_here sh -c "awk -v t=$started 'BEGIN { srand (); exit srand () < t + 2 }'"
begin 1
like 'a simulated job that was due has ended' ' finish status=768' \
    flux job wait-event -t 60 "$due" finish
like 'so has one at its limit' 'type="timeout"' flux job wait-event -t 60 "$limited" exception
for id in $due $limited $ends; do flux job wait-event -q -t 60 "$id" clean; done
is 'one that would end later does so' '0' flux jobs -ano '{returncode}' "$ends"
is 'exec events, once' 'init starting complete done' names -p exec "$ends"
is 'events, once' 'submit validate depend priority alloc start flux-restart finish release free clean' \
    names "$ends"
is 'the longest runs' "$long" flux jobs -no '{id}'
flux cancel "$long"
end
succeeds 'all servers have ended' no_servers
finish
