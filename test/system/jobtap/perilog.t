# Prolog and epilog (perilog.so): that they run, fail, hang, are canceled, lose a node.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >conf.toml <<'EOF'
[[job-manager.plugins]]
load = "perilog.so"
[job-manager.perilog]
log-ignore = [ "^quiet" ]
[job-manager.prolog]
command = [ "sh", "-c", "echo prolog out $FLUX_JOB_USERID $FLUX_JOB_RANKS $FLUX_OWNER_USERID; echo quiet; echo prolog err >&2" ]
[job-manager.epilog]
command = [ "sh", "-c", "echo epilog out $FLUX_JOB_ID" ]
EOF
fi
under_flux 2 --test-hosts='h[0-1]' -c conf.toml

# release comes before or after the end of the epilog
events () {
    flux job wait-event -t 40 "$1" clean >/dev/null
    flux job eventlog "$1" | cut -d' ' -f2- | sed 's/ userid=[0-9]*$//; s/ *$//' |
        grep -v '^release\|^submit\|^validate\|^depend\|^priority\|^alloc'
}
conf () { flux config load conf.now; }
plain='[[job-manager.plugins]]
load = "perilog.so"
[job-manager.prolog]
'

job=$(flux submit -N2 true)
is 'prolog and epilog are around a job' 'prolog-start description="job-manager.prolog"
prolog-finish description="job-manager.prolog" status=0
start
finish status=0
epilog-start description="job-manager.epilog"
epilog-finish description="job-manager.epilog" status=0
free
clean' events "$job"
log=$(flux dmesg)
like 'their output is logged' \
    "job-manager.info\[0\]: $job: prolog: h0 \(rank 0\): stdout: prolog out $(id -u) 0-1 $(id -u)$" \
    echo "$log"
like 'what goes to stderr, too' \
    "job-manager.err\[0\]: $job: prolog: h0 \(rank 0\): stderr: prolog err" echo "$log"
like 'the job has a name there' "epilog: h0 \(rank 0\): stdout: epilog out $job" echo "$log"
is 'but not what is to be ignored' 0 sh -c "flux dmesg | grep -c quiet || true"
like 'the plugin says how it is configured' \
    '^\{"name":"perilog.so","path":".*/perilog.so","conf":\{"prolog":\{"command":\["sh","-c",".*\],"per_rank":false,"cancel_on_exception":true,.*"timeout":1800.0,"kill-timeout":60.0\},"epilog":.*"procs":\{\}\}$' \
    flux jobtap query perilog.so

# Failures.
printf '%s' "$plain"'command = [ "sh", "-c", "exit $(flux getattr rank)" ]
per-rank = true
[job-manager.epilog]
command = [ "true" ]' >conf.now
succeeds 'another configuration' conf
fails 'a prolog fails on one rank' 1 \
    'type=prolog severity=0 prolog exited with code=1 on h1 \(rank 1\)' flux run -N2 true
is 'the job does not start' 'prolog-start description="job-manager.prolog"
exception type="prolog" severity=0 note="prolog exited with code=1 on h1 (rank 1)"
epilog-start description="job-manager.epilog"
prolog-finish description="job-manager.prolog" status=256
epilog-finish description="job-manager.epilog" status=0
free
clean' events "$(flux job last)"
like 'the rank is drained' "h1 prolog failed for job $(flux job last)" \
    flux resource drain -no '{nodelist} {reason}'
flux resource undrain 1

printf '%s' "$plain"'command = [ "sleep", "60" ]
per-rank = true
timeout = 0.2
kill-timeout = 10' >conf.now
conf
fails 'a prolog that takes too long' 1 \
    'type=prolog severity=0 prolog timed out on h\[0-1\] \(rank 0-1\)' flux run -N2 true
like 'its status is that of the signal' 'prolog-finish description="job-manager.prolog" status=15' \
    events "$(flux job last)"
like 'the ranks are drained' "h\[0-1\] prolog timed out for job" \
    flux resource drain -no '{nodelist} {reason}'
flux resource undrain 0-1

sed -i '/^timeout/d' conf.now
conf
job=$(flux submit true)
flux job wait-event -t 40 "$job" prolog-start >/dev/null
like 'a prolog that runs is shown' \
    "\"procs\":{\"$job\":{\"name\":\"prolog\",\"state\":\"running\",\"total\":1,\"active\":1,\"active_ranks\":\"0\",\"remaining_time\":17[0-9][0-9]}}" \
    flux jobtap query perilog.so
flux cancel "$job"
is 'a job is canceled in its prolog' 'prolog-start description="job-manager.prolog"
exception type="cancel" severity=0 note=""
prolog-finish description="job-manager.prolog" status=15
free
clean' events "$job"
is 'nothing is drained' '' flux resource drain -no '{nodelist} {reason}'

printf '%s' "$plain"'command = [ "sh", "-c", "trap : TERM; while :; do sleep 1; done" ]
per-rank = true
kill-timeout = 0.5' >conf.now
conf
job=$(flux submit true)
flux job wait-event -t 40 "$job" prolog-start >/dev/null
flux cancel "$job"
like 'one that does not end is left alone' 'prolog-finish description="job-manager.prolog" status=15' \
    events "$job"
like 'and its rank drained' 'prolog canceled then timed out for job' \
    flux resource drain -no '{nodelist} {reason}'
flux resource undrain "$(flux resource drain -no '{ranks}')"

# The first error ends it on the others, too, if need be by force.
cat >hard.sh <<EOF
[ \$(flux getattr rank) = 1 ] || { while [ ! -e $DIR/trapped ]; do sleep 0.1; done; exit 3; }
trap : TERM
touch $DIR/trapped
while :; do sleep 1; done
EOF
printf '%s' "$plain"'command = [ "sh", "'"$DIR"'/hard.sh" ]
per-rank = true
exit-on-first-error = true
kill-timeout = 0.5' >conf.now
conf
job=$(flux submit -N2 true)
like 'one that fails somewhere and does not end elsewhere' \
    'exception type="prolog" severity=0 note="prolog exited with code=3 on h\[0-1\]' \
    events "$job"
flux resource undrain "$(flux resource drain -no '{ranks}')"

# What the command leaves behind, with its output open.
printf '%s' "$plain"'command = [ "sh", "-c", "sleep 1000 & echo $! >'"$DIR"'/left; exit 0" ]' >conf.now
conf
job=$(flux submit true)
until_true [ -s left ]
flux cancel "$job"
like 'a prolog with processes that go on' 'prolog-finish description="job-manager.prolog" status=' \
    events "$job"
gone () { ! kill -0 "$(cat left)" 2>/dev/null; }
succeeds 'they are ended' until_true gone

# The plugin goes while it is busy.
printf '%s' "$plain"'command = [ "sh", "-c", "echo $$ >'"$DIR"'/left; sleep 1000" ]' >conf.now
conf
rm left
job=$(flux submit true)
until_true [ -s left ]
flux jobtap remove perilog.so
is 'a job whose prolog nobody can finish does not start' 'prolog-start description="job-manager.prolog"
exception type="prolog" severity=0 note="plugin perilog.so was removed"
prolog-finish description="job-manager.prolog" status=15
free
clean' events "$job"
succeeds 'and the prolog is ended' until_true gone
flux jobtap load perilog.so

cat >conf.now <<'EOF'
[[job-manager.plugins]]
load = "perilog.so"
[job-manager.epilog]
command = [ "/nosuch" ]
per-rank = true
EOF
conf
fails 'an epilog that is not there fails the job' 1 'type=epilog severity=0 epilog exited' \
    flux run true
like 'its job ends all the same' 'epilog-finish description="job-manager.epilog" status=' \
    events "$(flux job last)"
flux resource undrain "$(flux resource drain -no '{ranks}')"
flux jobtap remove perilog.so
succeeds 'without the plugin jobs run' flux run -N2 true

# A broker that is lost during an epilog.
cat >conf.now <<'EOF'
[job-manager.epilog]
command = [ "sh", "-c", "[ $(flux getattr rank) = 0 ] || sleep 60" ]
per-rank = true
EOF
conf
flux jobtap load perilog.so
job=$(flux submit -N2 true)
flux job wait-event -t 40 "$job" epilog-start >/dev/null
flux overlay disconnect 1 2>/dev/null
like 'an epilog ends when its rank is lost' \
    'epilog-finish description="job-manager.epilog" status=' events "$job"

# Configurations that are refused.
refused () {
    printf '[[job-manager.plugins]]\nload = "perilog.so"\n%s\n' "$2" >bad.toml
    fails "$1" 1 "$3" timeout 60 flux start -c bad.toml true
}
refused 'a command that is no array' '[job-manager.prolog]
command = "x"' 'job-manager.plugins\[0\]: load: job-manager.prolog.command: must be an array'
refused 'a timeout that is none' '[job-manager.prolog]
command = ["true"]
timeout = "x"' 'load: job-manager.prolog.timeout: invalid prolog timeout'
cat >conf.now <<'EOF'
[job-manager.prolog]
nosuch = 1
EOF
fails 'also when it changes' 1 'job-manager.prolog.nosuch: there is no such key' flux config load conf.now

finish
