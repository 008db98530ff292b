# Housekeeping: a command on the ranks of jobs that are over, and when they come back.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >conf.toml <<EOF
[job-manager.housekeeping]
command = [ "sh", "-c", "echo house \$FLUX_JOB_ID; while [ ! -e $DIR/go\$(flux getattr rank) ]; do sleep 0.1; done" ]
EOF
    cp conf.toml early.toml
    echo 'release-after = "0"' >>early.toml
    cp conf.toml late.toml
    echo 'release-after = "0.1s"' >>late.toml
fi
under_flux 2 --test-hosts='h[0-1]' -c conf.toml

list () { flux housekeeping list -no "${1:-{nnodes\} {pending.nnodes\} {nodelist\}}"; }
# comes TEXT COMMAND...: until the command prints it
prints () { [ "$("$@" 2>/dev/null)" = "$text" ]; }
comes () {
    text=$1
    shift
    until_true prints "$@"
}
ended () { flux job wait-event -t 40 "$1" clean >/dev/null; }

flux run -N2 true
job=$(flux job last)
succeeds 'the job is over before' ended "$job"
is 'nothing of it is in its log' 'finish release free clean' \
    sh -c "flux job eventlog $job | cut -d' ' -f2 | tail -4 | xargs"
is 'it is listed' '2 2 h[0-1]' list
like 'with a header' '^ +JOBID NNODES #ACTIVE +RUNTIME NODELIST$' flux housekeeping list
like 'and the job' "^ +$job +2 +2 +[0-9.]+m?s h\[0-1\]" flux housekeeping list
is 'of one rank only' '1 h1' flux housekeeping list -i 1 -no '{nnodes} {nodelist}'
is 'the resources are not free' '0' flux resource list -s free -no '{nnodes}'
next=$(flux submit -N2 true)
touch go0
comes '2 1 h[0-1]' list
is 'one rank that is ready is not given back' '2 1 h[0-1]' list
is 'and what is to be done there' 'h1' list '{pending.nodelist}'
touch go1
succeeds 'then all come back' ended "$next"
rm go0 go1
log=$(flux dmesg)
like 'output is logged' "job-manager.info\[0\]: housekeeping: h1 \(rank 1\) $job: house $job" \
    echo "$log"
like 'its end, too' "housekeeping: $job complete" echo "$log"
flux housekeeping kill --all
comes '' list

flux config load late.toml
flux run -N2 true
touch go0
comes '1 1 h1' list
is 'a rank comes back after a while' '1 1 h1' list
succeeds 'and takes a job' flux run -N1 true
comes '1 1 h1' list
is 'the other one is the first job'"'"'s still' '1 1 h1' list
flux housekeeping kill -t h1
succeeds 'until it is ended' comes '' list
like 'which is logged' 'housekeeping: h1 \(rank 1\) .*: Terminated' flux dmesg
rm go0

flux config load early.toml
flux run -N2 true
touch go1
succeeds 'without delay' comes '1 1 h0' list
# A scheduler that comes hears what is still held.
flux module reload sched-simple
is 'a new scheduler knows what is held' '1 h0' flux resource list -s allocated -no '{nnodes} {nodelist}'
touch go0
succeeds 'it gets it back' comes '' list
succeeds 'and all can be had' flux run -N2 true
comes '' list

fails 'nothing to kill' 1 'specify at least one of --targets, --jobid, or --all' \
    flux housekeeping kill
succeeds 'a job that there is not' flux housekeeping kill -j ƒ999
fails 'no job id' 1 'parsing jobid' flux housekeeping kill -j 'f#'
fails 'no host' 1 'nosuch' flux housekeeping kill -t nosuch
fails 'no signal' 2 "invalid int value: 'foo'" flux housekeeping kill -s foo --all
fails 'no format' 1 'No such format nosuch' flux housekeeping list -o nosuch
like 'help about formats' 'pending .*active nodes only' flux housekeeping list -o help
like 'it is configured' '"housekeeping":\{"running":\{\},"config":\{"command"' \
    flux module stats job-manager

# What the command leaves behind, with its output open.
printf '[job-manager.housekeeping]\ncommand = ["sh", "-c", "sleep 1000 & exit 0"]\n' >left.toml
flux config load left.toml
flux run -N2 true
comes '2 2 h[0-1]' list
flux housekeeping kill --all
succeeds 'what the command has started can be ended, too' comes '' list

printf '[job-manager.housekeeping]\ncommand = ["/nosuch"]\n' >nosuch.toml
flux config load nosuch.toml
succeeds 'a command that is not there' flux run -N2 true
comes '' list
like 'is logged' 'rank 0\) .*: .*No such file' flux dmesg
succeeds 'and keeps nothing' flux run -N2 true

refused () {
    printf '[job-manager.housekeeping]\n%s\n' "$2" >bad.toml
    fails "$1" 1 "$3" timeout 60 flux start -c bad.toml true
}
refused 'no command' '' 'bad.toml: job-manager.housekeeping.command: no command specified'
refused 'a command that is none' 'command = [1]' 'bad.toml: job-manager.housekeeping.command: must be an array of strings'
refused 'a duration that is none' 'command = ["a"]
release-after = "x"' 'invalid release-after'

finish
