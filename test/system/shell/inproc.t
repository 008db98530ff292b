# Simple jobs share the process of their rank's server of shells; others have one of their
# own; and what one job does harms no other.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir conf
    cat >conf/resource.toml <<END
[resource]
noverify = true
[[resource.config]]
hosts = "$(hostname)"
cores = "0-63"
END
fi
under_flux 1 -c "$DIR/conf"

# The one that runs, if any.
server () {
    pgrep -P "$(flux getattr broker.pid)" flux-shell
}
parents () { # of the tasks of the jobs that are submitted with these options
    flux submit "$@" sh -c 'echo $PPID' >ids
    for id in $(cat ids); do
        flux job attach "$id"
    done | tr -d '\r' | sort -u
}

# --- who has a process ---

flux run true
server=$(server)
is 'many jobs share the process of the server' "$server" parents --cc=1-20
is 'and those with some tasks' "$server" parents -n4 -o cpu-affinity=per-task -o pmi=off
files=$(ls "/proc/$server/fd" | wc -l)
flux submit --cc=1-50 --quiet true
flux queue drain
is 'who gives back what they had' "$files" sh -c "ls /proc/$server/fd | wc -l"
own () {
    what=$1
    shift
    parent=$(parents "$@")
    like "$what: a process of its own" '^[0-9]+$' echo "$parent"
    ok_if "$what: another than the server's" [ "$parent" != "$server" ]
}
ok_if () {
    name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}
own 'an option of the process' -o sysmon
own 'a terminal' -o pty
own 'more tasks than a few' -n16
flux run --output=out sh -c 'echo $PPID'
ok_if 'output in a file: a process of its own' [ "$(cat out)" != "$server" ]
flux run --output=none sh -c 'echo $PPID >out'
is 'no output: none' "$server" cat out

# --- what is set for a job is set for no other ---

mkdir here
is 'a directory' "$DIR/here" flux run --cwd="$DIR/here" pwd
is 'is no other job'"'"'s' "$DIR" flux run pwd
is 'a limit' 17 flux run --rlimit=nofile=17 sh -c 'ulimit -n'
is 'is no other job'"'"'s, either' "$(ulimit -n)" flux run sh -c 'ulimit -n'
is 'a mask of files is what it was' "$(umask)" flux run sh -c umask
is 'signals are at their defaults' '0000000000000000' \
    flux run sh -c 'sed -n "s/^SigBlk:\t//p" /proc/self/status'
is 'a job has no descriptors of another' '0 1 2' flux run -o pmi=off sh -c \
    'cd /proc/$$/fd; echo [0-2]; set -- [3-9] [1-9][0-9]; [ -e "$1" ] && echo "$@"; true'

# --- what a job leaves goes with it ---

id=$(flux submit sh -c 'mkdir $FLUX_JOB_TMPDIR/d; echo x >$FLUX_JOB_TMPDIR/d/x; echo $FLUX_JOB_TMPDIR')
left=$(flux job attach "$id")
is 'files in its directory' '' sh -c "until [ ! -e $left/d ]; do flux getattr rank >/dev/null; done"

# --- what a task does harms no other job ---

flood=$(flux submit --wait-event=start yes)
id=$(flux submit sh -c 'i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; echo all; wait')
flux job wait-event -W -p output "$id" data >/dev/null
is 'others run beside a flood, and beside many processes' here flux run echo here
flux cancel "$id" "$flood"
is 'a job that has started many ends with all of them' '' flux job wait-event -q "$id" clean
is 'and the flood' '' flux job wait-event -q "$flood" clean
flux module reload job-exec kill-timeout=0.2s
deaf=$(flux submit sh -c 'trap "" TERM INT HUP ALRM; echo ready; while :; do sleep 0.2; done')
mine=$(flux submit --wait-event=start sleep 1000)
flux job wait-event -W -p output "$deaf" data >/dev/null
flux cancel "$deaf"
is 'one that ignores signals is killed' '' flux job wait-event -q "$deaf" clean
is 'others have not noticed' RUN flux jobs -no '{state}' "$mine"
fails 'no such program' 127 'No such file' flux run /nonexistent
fails 'a task that kills itself' 139 '' flux run sh -c 'kill -SEGV $$'
is 'nor that' RUN flux jobs -no '{state}' "$mine"
flux cancel "$mine"

# --- the server is killed ---

for signal in KILL TERM; do
    start=$(flux submit --cc=1-5 --wait-event=start sh -c "sleep 54321 & echo \$! \$\$ >>pids.$signal; wait")
    until [ "$(wc -l <pids.$signal)" = 5 ]; do :; done
    kill -$signal "$(server)"
    for id in $start; do
        flux job wait-event "$id" exception | sed 's/.*note=//'
        flux job wait-event -q "$id" clean
    done | sort | uniq -c >lost
    like "SIG$signal: all its jobs say why" \
        '^ +5 "lost contact with job shell on .* .rank 0.: flux-shell: (Killed|Terminated)"$' cat lost
    gone () {
        for pid in $(cat pids.$signal); do
            [ ! -e "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status" || return 1
        done
    }
    ok_if 'nothing of them is left' until_true gone
    is 'and the next has another' here flux run echo here
done
finish
