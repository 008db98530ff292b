# The functions of flux/jobtap.h, called by plugins that the test compiles.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    CC="cc -shared -fPIC -Wall -Wextra -Wno-unused-parameter -Werror"
    for c in "$FLUX_TEST_SOURCE"/examples/plugins/priority-short.c \
        "$FLUX_TEST_SOURCE"/examples/plugins/dependency-event.c \
        "$FLUX_TEST_SOURCE"/test/system/jobtap/probe.c; do
        name=${c##*/}
        $CC -I"$FLUX_TEST_SOURCE/include" -o "$DIR/${name%.c}.so" "$c" || exit 1
    done
    cc -I"$FLUX_TEST_SOURCE/include" -o "$DIR/probe" \
        "$FLUX_TEST_SOURCE/test/system/jobtap/probe-call.c" \
        -L"$FLUX_TEST_BUILD/src/core" -Wl,-rpath,"$FLUX_TEST_BUILD/src/core" -lflux-core \
        -ljansson || exit 1
    printf '[queues.a]\n[queues.b]\n[policy.jobspec.defaults.system]\nqueue = "a"\n' >q.toml
fi
under_flux 2 -c q.toml
flux queue start --all --quiet >/dev/null

# probe OP ID [TEXT [N]]: rc, or -errno
probe () { ./probe "$@"; }
order () { ./probe order "" "$1" "$2" >/dev/null; }
events () { flux job eventlog "$1" | cut -d' ' -f2 | xargs; }
clean () { flux job wait-event -t 30 "$1" clean >/dev/null; }
EINVAL=-22 ENOENT=-2 EEXIST=-17 EPROTO=-71

flux jobtap load ./probe.so
job=$(flux submit --urgency=hold true)

# Items.
is 'an item is set' 0 probe aux "$job"
is 'and found' 1 probe aux-get "$job"
is 'and replaced' 0 probe aux "$job"
is 'the first one is freed' 1 probe freed "$job"
is 'and deleted' 0 probe aux-delete "$job"
is 'the other one, too' 2 probe freed "$job"
is 'it is not found any more' $ENOENT probe aux-get "$job"
is 'no job' $ENOENT probe aux 1
is 'no current job outside of a callback' $EINVAL probe aux ''

# Events.
is 'a subscription' 0 probe subscribe "$job"
is 'an event of its own' 0 probe post "$job" debug.probe 7
is 'an event that is known' 0 probe post "$job" memo 1
is 'a context that is no object' $EINVAL probe post-bad "$job" debug.x
is 'a context that RFC 21 does not know' $EINVAL probe post "$job" priority 1
is 'an event that cannot happen now' $EPROTO probe post "$job" free
is 'it was posted' 1 probe posted "$job" debug.probe
is 'another one was not' 0 probe posted "$job" start
is 'a flag' 0 probe flag "$job" debug
is 'no flag' $EINVAL probe flag "$job" nosuch
is 'a warning' 0 probe raise "$job" 'take care' 3
is 'no severity' $EINVAL probe raise "$job" x 8
like 'the subscriber has heard of all' \
    '"heard":\["debug.probe","memo","set-flags","exception"\]' flux jobtap query probe.so
is 'no result yet' $EINVAL probe result "$job"
is 'a state' 8 probe state "$job"
is 'another plugin is called' 1 probe call "$job" custom.topic
is 'topics of jobs are not for plugins' $EINVAL probe call "$job" job.new
is 'a topic that nobody knows' 0 probe call "$job" other.topic
is 'a job that is held stays so' 0 probe priority "$job" '' 77
is 'no prolog runs' $EINVAL probe prolog-finish "$job" x 0
is 'no dependency in SCHED' $EINVAL probe depend "$job" x
is 'an update of its jobspec' 0 probe update "$job" attributes.system.probed
flux job wait-event -t 60 "$job" jobspec-update >/dev/null
like 'is there' '"probed":"probe"' flux job info "$job" jobspec
is 'an update of something else' $EINVAL probe update "$job" tasks
is 'unsubscribed' 0 probe unsubscribe "$job"
is 'the job is ended' 0 probe raise "$job" 'that is enough'
clean "$job"
is 'by an exception' 'submit validate depend priority debug.probe memo set-flags exception jobspec-update exception clean' \
    events "$job"
like 'with its note' 'type="probe" severity=0 note="that is enough"' flux job eventlog "$job"
like 'which the plugin hears not any more' '"jobspec-update"\]' flux jobtap query probe.so

# Updates that clients want.
job=$(flux submit --urgency=hold true)
succeeds 'a plugin allows an update' flux update "$job" probe=yes
like 'it is there' '"probe":"yes"' flux job info "$job" jobspec
fails 'it refuses another one' 1 'probe cannot be no' flux update "$job" probe=no
fails 'and what is no text' 1 'probe must be text' flux update "$job" probe=1
fails 'what no plugin knows is refused' 1 'update of attributes.system.nosuch not supported' \
    flux update "$job" nosuch=1
succeeds 'a plugin adds to an update' flux update "$job" probe=more
like 'both are there' '"more":1' flux job info "$job" jobspec
fails 'all or nothing' 1 'not supported' flux update "$job" probe=half nosuch=1
like 'as it was' '"probe":"more"' flux job info "$job" jobspec
succeeds 'the scheduler is asked, and has no objection' flux update "$job" probe=unfit
flux cancel "$job"

# Callbacks.
order job.state.run 0
job=$(flux submit true)
flux job wait-event -t 30 "$job" prolog-start >/dev/null
is 'a prolog is finished once' 0 probe prolog-finish "$job" probed 256
clean "$job" # before there are epilogs, which nobody would end for it
order job.state.cleanup 1
job2=$(flux submit true)
flux job wait-event -t 30 "$job2" prolog-start >/dev/null
is 'no epilog is finished that has not begun' $EINVAL probe epilog-finish "$job2" probed 0
is 'another prolog' 0 probe prolog-finish "$job2" probed 0
flux job wait-event -t 30 "$job2" release >/dev/null
is 'the job waits for its epilog' 0 sh -c "flux job eventlog $job2 | grep -c free || true"
is 'an epilog ends' 0 probe epilog-finish "$job2" probed 0
clean "$job2"
is 'prolog and epilog are around it' \
    'submit validate depend priority alloc prolog-start prolog-finish start finish epilog-start release epilog-finish free clean' \
    events "$job2"
order job.state.run -1
order job.state.cleanup -1

order job.new 2
job=$(flux submit --urgency=hold true)
order job.new -1
like 'a jobspec is updated behind the callback' '"probe":"probe"' flux job info "$job" jobspec
flux cancel "$job"

order job.state.depend 3
job=$(flux submit true)
order job.state.depend -1
is 'a dependency holds the job' 2 probe state "$job"
is 'it cannot be added twice' $EEXIST probe depend "$job" probed
is 'another one' 0 probe depend "$job" more
is 'one goes' 0 probe undepend "$job" probed
is 'but cannot come back' $EEXIST probe depend "$job" probed
is 'one that is not there' $ENOENT probe undepend "$job" nosuch
is 'the other one goes' 0 probe undepend "$job" more
clean "$job"
is 'and the job runs' 'submit validate dependency-add dependency-add dependency-remove dependency-remove depend priority alloc start finish release free clean' \
    events "$job"

order annotate 0
job=$(flux submit true)
clean "$job"
flux jobtap remove probe.so
fails 'its service is gone with it' 1 'implemented' ./probe freed

# Priorities.
flux queue stop --all --quiet >/dev/null
flux jobtap load ./priority-short.so base=1000
# prio ID COUNT: so many, when they are there
prio () {
    flux job wait-event -q -t 60 -c "$2" "$1" priority
    flux job eventlog "$1" | sed -n 's/.*priority=//p' | xargs
}
a=$(flux submit -t 10m true)
b=$(flux submit -t 20m true)
held=$(flux submit --urgency=hold true)
is 'a plugin sets the priority' '990' prio "$a" 1
is 'of each job' '980' prio "$b" 1
is 'a held job is at 0' '0' prio "$held" 1
cat >base.py <<'EOF'
import flux, sys
try:
    flux.Flux().rpc("job-manager.priority-short.base", {"base": int(sys.argv[1])}).get()
except OSError as e:
    sys.exit(str(e))
EOF
succeeds 'its service sets all of them again' flux python base.py 5000
is 'of one' '990 4990' prio "$a" 2
is 'and the other' '980 4980' prio "$b" 2
fails 'and refuses nonsense' 1 'base must be positive' flux python base.py 0
succeeds 'urgency asks it again' flux job urgency "$held" 16
is 'so that it is no longer held' '0 1' prio "$held" 2
flux queue start --all --quiet >/dev/null
flux jobtap remove priority-short.so
for id in $a $b $held; do clean "$id"; done

# A priority that comes later.
flux jobtap load ./priority-short.so base=0
a=$(flux submit true)
flux job wait-event -t 30 "$a" depend >/dev/null
is 'without a priority a job waits' 'submit validate depend' events "$a"
flux python base.py 100
succeeds 'until it has one' clean "$a"
flux jobtap remove all

# Dependencies of a scheme that a plugin knows.
fails 'a scheme that nobody knows' 1 'dependency scheme "event" not supported' \
    flux submit --dependency=event:x true
flux jobtap load ./dependency-event.so
fails 'a value that is none' 1 'event: "" is no topic' flux submit --dependency=event: true
a=$(flux submit --dependency=event:data.ready true)
b=$(flux submit --dependency=event:other true)
flux job wait-event -t 30 "$a" dependency-add >/dev/null
flux event pub data.ready
clean "$a"
is 'a job runs when its event has come' 'submit dependency-add validate dependency-remove depend priority alloc start finish release free clean' \
    events "$a"
is 'another one waits' 'submit dependency-add validate' events "$b"
flux cancel "$b"

finish
