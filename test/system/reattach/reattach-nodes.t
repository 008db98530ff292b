# Jobs with several shells run on when all brokers are killed, and are found again: what
# their tasks say, and to each other, is there once, and they run once.
. "${0%/*}/../lib.sh"
# shellcheck source=test/system/reattach/instance.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/instance.sh"

# talk NAME: on each node, says something before, within and after the gap, meets the
# others in a barrier of PMI before and after it, and in one that the gap cuts: who of the
# ranks in $SLOW comes to that only when it is over.
cat >talk.sh <<EOL
cd $DIR
name=\$1 rank=\$FLUX_TASK_RANK
ask () { echo "\$1" >&3; read -r answer <&3; echo "\$answer" >>\$name.pmi.\$rank; }
meet () {
    ask "cmd=put kvsname=\$FLUX_JOB_ID key=\$1.\$rank value=\$1 of \$rank"
    ask 'cmd=barrier_in'
    for other in 0 1 2 3; do
        ask "cmd=get kvsname=\$FLUX_JOB_ID key=\$1.\$other"
    done
}
tell () { echo "\$1 \$rank"; echo "\$1 \$rank" >&2; : >\$name.\$1.\$rank; }
wait_for () { until [ -e \$1 ]; do sleep 0.1; done; }
echo \$rank >>\$name.ran
ask 'cmd=init pmi_version=1 pmi_subversion=1'
meet first
tell before
case " \$SLOW " in *" \$rank "*) wait_for after; esac
wait_for gap
tell within
meet second
wait_for after
meet third
tell after
exit \$rank
EOL
# What a task hears of the others.
pmi_of () {
    echo 'cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1'
    for round in first second third; do
        echo 'cmd=put_result rc=0'
        echo 'cmd=barrier_out rc=0'
        for other in 0 1 2 3; do
            echo "cmd=get_result rc=0 value=$round of $other"
        done
    done
}
of_all () {
    for rank in 0 1 2 3; do echo "$1.$rank"; done
}
begin 4
slow_leader=$(SLOW=0 flux submit -N4 -n4 --error=leader.err sh talk.sh leader)
slow_others=$(SLOW='1 3' flux submit -N4 -n4 --output=others.out sh talk.sh others)
quick=$(SLOW='' flux submit -N4 -n4 sh talk.sh quick)
said $(of_all leader.before) $(of_all others.before) $(of_all quick.before)
crash
: >gap
said leader.within.1 leader.within.2 leader.within.3 others.within.0 others.within.2 \
    $(of_all quick.within)
begin 4
is 'they run' 3 sh -c "flux jobs -no '{id}' -f running | wc -l"
: >after
all_clean () {
    for id; do flux job wait-event -q -t 60 "$id" clean || return 1; done
}
succeeds 'they end' all_clean "$slow_leader" "$slow_others" "$quick"
lines () {
    for what in after before within; do for rank in 0 1 2 3; do echo "$what $rank"; done; done
}
lines >lines
check () {
    is "$1: each task ran once" '0 1 2 3' sh -c "sort $1.ran | xargs"
    is "$1: exec events, once" \
        'init starting shell.init shell.start shell.task-exit shell-exit shell-exit shell-exit shell-exit complete done' \
        names -p exec "$2"
    like "$1: its status" 'exited with exit code 3' sh -c "flux job attach $2 2>&1 >/dev/null || :"
    for task in 0 1 2 3; do
        pmi_of >pmi
        succeeds "$1: task $task has met all others" diff pmi "$1.pmi.$task"
    done
}
check leader "$slow_leader"
check others "$slow_others"
check quick "$quick"
sorted () {
    flux job attach "$1" 2>/dev/null | sort
}
is 'output is whole' "$(cat lines)" sorted "$slow_leader"
is 'output is whole, of others' "$(cat lines)" sorted "$quick"
is 'what the leader writes into a file is whole' "$(cat lines)" sort leader.err
is 'and of both streams' "$( (lines; lines) | sort)" sort others.out
rm -f gap after

# Much output of each: into the KVS, and into files that the leader writes. Some
# end early, of some jobs all do.
cat >much.sh <<EOL
cd $DIR
name=\$1 rank=\$FLUX_TASK_RANK
count () { seq \$1 \$2 | sed "s/^/\$rank /"; }
echo \$rank >>\$name.ran
count 1 20000
: >\$name.before.\$rank
until [ -e gap ]; do sleep 0.1; done
count 20001 60000
: >\$name.within.\$rank
case " \$STAY " in *" \$rank "*) until [ -e after ]; do sleep 0.1; done; count 60001 80000;; esac
exit \$rank
EOL
# Each rank's lines in their order, none missing; $1: who has said all.
cat >whole.awk <<'EOL'
{ if ($2 != n[$1] + 1) { print "line " NR ": " $0 " after " n[$1]; exit } n[$1]++ }
END { print n[0], n[1], n[2], n[3] }
EOL
much () {
    STAY=$2 flux submit -N4 -n4 ${3:-} sh much.sh "$1"
}
a=$(much a '0 1 2 3')
b=$(much b '0 1 2 3' --output=b.out)
c=$(much c '0 2')
d=$(much d '0 2' --output=d.out)
e=$(much e '1' --output=e.out)
f=$(much f '' --output=f.out)
g=$(much g '')
for job in a b c d e f g; do said $(of_all $job.before); done
crash
: >gap
# they wait where their share of memory is full
begin 4
: >after
succeeds 'jobs with much output end' all_clean "$a" "$b" "$c" "$d" "$e" "$f" "$g"
whole () {
    { [ -e "$1.out" ] && cat "$1.out" || flux job attach "$2" 2>/dev/null; } | awk -f whole.awk
}
all=80000 short=60000
is 'output in the KVS' "$all $all $all $all" whole a "$a"
is 'in a file' "$all $all $all $all" whole b "$b"
is 'in the KVS, of which some end' "$all $short $all $short" whole c "$c"
is 'in a file, of which some end' "$all $short $all $short" whole d "$d"
is 'in a file, when the leader ends first' "$short $all $short $short" whole e "$e"
is 'in a file, when all end' "$short $short $short $short" whole f "$f"
is 'in the KVS, when all end' "$short $short $short $short" whole g "$g"
is 'each ran once' 28 sh -c 'cat [a-g].ran | wc -l'
rm -f gap after

# All servers end while nobody is there.
id=$(flux submit -N4 -n4 sh -c 'echo $FLUX_TASK_RANK; : >$1.$FLUX_TASK_RANK; until [ -e gap ]; do sleep 0.1; done; echo within' - "$DIR/alone")
said $(of_all alone)
crash
: >gap
until_true_here no_servers
begin 4
succeeds 'a job that has ended is known' all_clean "$id"
is 'and what it said' '0 1 2 3 within within within within' sh -c "flux job attach $id | sort | xargs"
rm -f gap

# Twice, and what reaches them.
killed=$(flux submit -N4 -n4 sleep 300)
canceled=$(flux submit -N4 -n4 sleep 300)
reads=$(flux submit -N4 -n4 cat)
for id in $killed $canceled $reads; do flux job wait-event -q -t 60 "$id" start; done
crash
begin 4
crash
begin 4
flux job kill -s USR1 "$killed"
succeeds 'a signal reaches all' all_clean "$killed"
like 'and they end of it' 'User defined signal 1' sh -c "flux job attach $killed 2>&1 || :"
flux cancel "$canceled"
succeeds 'a cancel' all_clean "$canceled"
is 'input' 'hello hello hello hello' sh -c "echo hello | timeout 60 flux job attach $reads | xargs"

# One server is gone, and so is its node.
id=$(flux submit -N4 -n4 sleep 305)
flux job wait-event -q -t 60 "$id" start
crash
pkill -9 -f -- "--keep $DIR/state/shells-2"
begin 4
like 'a shell that is lost ends the job' 'type="exec" severity=0 note="lost contact with job shells on .* \(rank 2\)' \
    flux job wait-event -t 60 "$id" exception
succeeds 'and all of it' all_clean "$id"
succeeds 'its tasks are killed' until_true_here sh -c '! pgrep -xf "sleep 305"'
end
succeeds 'all servers have ended' no_servers
finish
