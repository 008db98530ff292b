# A broker that is killed alone, and comes back: where jobs outlive their brokers, those of
# its rank are found again, with their output whole, and no task runs twice.
. "${0%/*}/../lib.sh"
# shellcheck source=test/system/reattach/whole.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/whole.sh"

port () { # one that is free
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
flux keygen cert >/dev/null
p0=$(port) p1=$(port)
mkdir conf state
cat >conf/conf.toml <<END
[bootstrap]
curve_cert = "$DIR/cert"
hosts = [
    { host = "h0", bind = "tcp://127.0.0.1:$p0", connect = "tcp://127.0.0.1:$p0" },
    { host = "h1", bind = "tcp://127.0.0.1:$p1", connect = "tcp://127.0.0.1:$p1" },
    { host = "h2" },
    { host = "h3" },
]
[resource]
noverify = true
[[resource.config]]
hosts = "h[0-3]"
cores = "0-7"
[exec]
rejoin-timeout = "10m"
END
broker () { # RANK [PROGRAM]
    rank=$1
    shift
    mkdir -p "run-$rank"
    FLUX_FAKE_HOSTNAME=h$rank exec timeout -k 5 200 flux broker -Srundir="$DIR/run-$rank" \
        -Sstatedir="$DIR/state" -cconf "$@"
}
mkfifo ready
cat >initial <<'EOL'
echo "$FLUX_URI" >ready
exec cat ready
EOL
for rank in 1 2 3; do
    broker $rank 2>log.$rank >&2 &
done
broker 0 sh initial 2>log.0 &
leader=$!
FLUX_URI=$(timeout 60 cat ready)
export FLUX_URI
lose () { # RANK...: their brokers are killed, and gone
    for rank; do flux exec -r "$rank" flux getattr broker.pid | sed 's/.*: //'; done >pids
    # shellcheck disable=SC2046
    kill -9 $(cat pids)
    for rank; do
        until_true sh -c "[ \"\$(flux resource list -s down -no '{ranks}' | grep -c $rank)\" -gt 0 ]"
    done
}
come_back () {
    for rank; do
        broker "$rank" 2>>log.$rank >&2 &
        until_true sh -c "flux exec -r $rank true 2>/dev/null"
    done
}
said () {
    for name; do until_true test -e "$name" || return 1; done
}
names () {
    flux job eventlog "$@" | cut -d' ' -f2 | xargs
}
clean () {
    for job; do flux job wait-event -q -t 60 "$job" clean || return 1; done
}
of_all () {
    for rank in 0 1 2 3; do echo "$1.$rank"; done
}

# count NAME: says numbers, and meets the others of its job after each 50, until it may end.
cat >count.sh <<EOL
cd $DIR
rank=\$FLUX_TASK_RANK n=0 go=yes
ask () { echo "\$1" >&3; read -r answer <&3; }
get () { ask "cmd=get kvsname=\$FLUX_JOB_ID key=\$1"; value=\${answer##*value=}; }
echo \$rank >>\$1.ran
ask 'cmd=init pmi_version=1 pmi_subversion=1'
until [ "\$go" = no ]; do
    n=\$((n + 1))
    echo "\$rank \$n"
    if [ \$((n % 50)) = 0 ]; then
        if [ "\$rank" = 0 ]; then
            [ ! -e end ] || go=no
            ask "cmd=put kvsname=\$FLUX_JOB_ID key=go.\$n value=\$go"
        fi
        ask 'cmd=barrier_in'
        get "go.\$n" && go=\$value
        sleep 0.01
    fi
    [ \$n != 400 ] || : >\$1.said.\$rank
done
echo "\$rank end \$n"
exit 3
EOL
submit () {
    there=$(flux submit --requires=rank:2 sh count.sh there)
    kvs=$(flux submit -N4 -n4 sh count.sh kvs)
    file=$(flux submit -N4 -n4 --output=file.out sh count.sh file)
    said there.said.0 $(of_all kvs.said) $(of_all file.said)
}
check () {
    : >end
    succeeds "$1: they end" clean "$there" "$kvs" "$file"
    is "$1: output of a job there" 1 whole there "$there"
    is "$1: of one with others" 4 whole kvs "$kvs"
    is "$1: into a file of the leader" 4 whole file "$file"
    is "$1: each ran once" 9 sh -c 'cat ./*.ran | wc -l'
    is "$1: their statuses" '3 3 3' flux_statuses
    is "$1: exec events, once" "$exec_names" names -p exec "$kvs"
    is "$1: events, once" "$event_names" names "$kvs"
    rm -f end ./*.ran ./*.out ./*.said.*
}
flux_statuses () {
    flux jobs -ano '{returncode}' "$there" "$kvs" "$file" | xargs
}
exec_names='init starting shell.init shell.start shell.task-exit shell-exit shell-exit shell-exit shell-exit complete done'
event_names='submit validate depend priority alloc start finish release free clean'

submit
lose 2
is 'they run' 3 sh -c "flux jobs -no '{id}' -f running | wc -l"
come_back 2
check 'a leaf'

# One with a broker below it, and the leader of some job.
submit
led=$(flux submit --requires=rank:1-3 -N3 -n3 --output=led.txt sh -c "echo \$FLUX_TASK_RANK; : >$DIR/led.\$FLUX_TASK_RANK; until [ -e $DIR/end ]; do sleep 0.1; done; echo end")
said led.0 led.1 led.2
lose 1
come_back 1
flux exec -r 3 true 2>/dev/null || come_back 3
until_true sh -c "flux exec -r 3 true 2>/dev/null"
check 'one with another below'
succeeds 'a job that it led' clean "$led"
is 'has its output in the file' '0 1 2 end end end' sh -c 'sort led.txt | xargs'

# job-exec of a rank is loaded again, that of rank 0, too.
submit
for rank in 2 1 0 2; do
    succeeds "job-exec of rank $rank is loaded again" flux exec -r $rank flux module reload job-exec
done
check 'job-exec'

# While a rank is away
id=$(flux submit --requires=rank:3 sleep 310)
other=$(flux submit --requires=rank:2-3 -N2 -n2 sleep 311)
for job in $id $other; do flux job wait-event -q -t 60 "$job" start; done
lose 3
flux job kill "$id"
flux cancel "$other"
succeeds 'a job that is to end does not wait' clean "$other"
come_back 3
succeeds 'its tasks are killed when the rank is back' until_true sh -c '! pgrep -xf "sleep 311"'
succeeds 'and get the signals that came meanwhile' clean "$id"
is 'of which they die' 143 flux jobs -ano '{returncode}' "$id"

# One that does not come back
sed -i 's/rejoin-timeout.*/rejoin-timeout = "0.5s"/' conf/conf.toml
flux config reload
id=$(flux submit --requires=rank:2-3 -N2 -n2 sleep 312)
flux job wait-event -q -t 60 "$id" start
lose 3
like 'who does not come back in time is lost' 'type="node-failure"' \
    flux job wait-event -t 60 "$id" exception
succeeds 'and its jobs have ended' clean "$id"
flux shutdown >log.end 2>&1
wait $leader
pkill -9 -f -- "--keep $DIR/state/shells-3"
finish
