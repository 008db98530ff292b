# Resources: what there is, drain, exclude, configuration, and what the
# scheduler makes of them.
. "${0%/*}/../lib.sh"

# event JOB NAME: waits for it, prints its line without the time
event () {
    flux job wait-event -t 20 "$1" "$2" | sed 's/^[0-9.]* //'
}
# waits until the eventlog of resources has NAME
resource_event () {
    timeout 20 flux resource eventlog -q -w "$1"
}
# waits until an idset is online
online () {
    timeout 20 flux resource eventlog -F | awk -v n="$1" '
        / online idset=/ { gsub (/.*idset="|"/, ""); split ($0, part, ",")
            for (i in part) { m = split (part[i], r, "-")
                count += m == 2 ? r[2] - r[1] + 1 : 1 }
            if (count == n) exit }'
}
configured () {
    flux start -s2 -c "$DIR/r.toml" "$@"
}

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    # Instances of their own, before the common one.
    cat >r.toml <<END
[resource]
noverify = true
exclude = "1"
[[resource.config]]
hosts = "fake[0-1]"
cores = "0-7"
gpus = "0-1"
[[resource.config]]
hosts = "fake1"
properties = ["big"]
END
    # Pretended hosts, more than brokers, are known at a start, too.
    cat >many.toml <<END
[resource]
noverify = true
exclude = "p[3-4]"
[[resource.config]]
hosts = "p[0-9]"
cores = "0-3"
END
    mkdir state
    like 'hosts without a broker can be excluded' 'exclude. +.* 2 p\[3-4\]' \
        flux start -Sstatedir="$DIR/state" -c many.toml sh -c \
        'flux resource drain p[7-8] broken && flux resource status'
    sed 's/p\[3-4\]/p[3,8]/' many.toml >more.toml
    like 'drained ones are remembered, unless they are excluded now' '^p7 broken$' \
        flux start -Sstatedir="$DIR/state" -c more.toml \
        flux resource drain -no '{nodelist} {reason}'
    sed 's/p\[0-9\]/q[0-9]/' many.toml >other.toml
    fails 'hosts that will not be there cannot be excluded' 1 \
        'resource.exclude: .*host p3 is unknown' \
        flux start -c many.toml flux config load "$DIR/other.toml"
    sed 's/p\[3-4\]/q9/' other.toml >others.toml
    succeeds 'those that will be can' \
        flux start -c many.toml sh -c 'flux config load others.toml && flux module remove sched-simple && flux module reload resource'
    fails 'nothing cannot be drained' 1 'no targets' flux start flux resource drain '' x

    like 'resources come from the configuration' \
        '"R_lite":\[.*"rank":"0-1".*"core":"0-7","gpu":"0-1"' \
        configured flux kvs get resource.R
    like 'excluded ranks are shown' 'exclude.*1 fake1' configured flux resource status
    like 'excluded ranks are not scheduled' '1 Node, 8 Cores, 2 GPUs' \
        configured flux resource info
    like 'method is configuration' 'resource-define method="configuration"' \
        configured flux resource eventlog
    sed -i 's/^exclude.*/reserve = "0@0 7"/' r.toml
    like 'reserved cores are not in R' \
        '"R_lite":\[.*"rank":"0".*"core":"1-6","gpu":"0-1".*"rank":"1".*"core":"0-6"' \
        configured flux kvs get resource.R
    is 'nor scheduled' '2 13 4' configured flux resource list -s free -no '{nnodes} {ncores} {ngpus}'
    printf '[resource]\nreserve = "0-9999"\n' >found.toml
    is 'of those that were found, too' '0 0' flux start -c found.toml \
        flux resource list -s free -no '{nnodes} {ncores}'
    echo '[resource]
exclude = "nosuchhost"' >r.toml
    fails 'unknown host in exclude' 1 'resource.exclude: .*nosuchhost' configured true
    echo '[resource]
path = "/nonexistent/R"' >r.toml
    fails 'missing R file' 1 '/nonexistent/R: No such file' configured true
    echo '[[resource.config]]
cores = "0-1"' >r.toml
    fails 'config without hosts' 1 'resource.config\[0\]' configured true
    printf '%s\n' "1..$COUNT" >first
    [ "$FAILED" -eq 0 ] || exit 1
    rm -f r.toml
    FLUX_TEST_FIRST=$COUNT
    export FLUX_TEST_FIRST
fi
under_flux 4
COUNT=${FLUX_TEST_FIRST:-0}

online 4
cores=$(flux resource list -s all -no '{ncores}')
per_node=$((cores / 4))
is 'all that there is' "all 4 $cores 0" \
    flux resource list -s all -no '{state} {nnodes} {ncores} {ngpus}'
like 'three states by default' '^ *free +4 ' flux resource list
like 'info' "^4 Nodes, $cores Cores, 0 GPUs\$" flux resource info
like 'a resource list format' 'rank\[0-3\]/core' flux resource list -o rlist
like 'status' '^ *avail ✔ +4 ' flux resource status
like 'R' '^\{"version":1,"execution":' flux resource R
like 'R of some ranks' '"rank":"1-2"' flux resource R -i 1-2
like 'events' 'resource-define method="dynamic-discovery"' flux resource eventlog
fails 'unknown state' 1 'Invalid resource state foo' flux resource list -s foo
fails 'unknown format' 1 'No such format foo' flux resource list -o foo
fails 'unknown field' 1 'nknown format field: foo' flux resource list -o '{foo}'
fails 'unknown subcommand' 1 'Unknown subcommand' flux resource foo

succeeds 'drain' flux resource drain 1 bad node
like 'drain lists' 'drained +bad node' flux resource drain
like 'status shows it' '^ *drained ✔ +1 ' flux resource status
like 'it is down for the scheduler' '^down 1$' \
    flux resource list -s down -no '{state} {nnodes}'
fails 'drain twice' 1 'rank 1 already drained' flux resource drain 1 again
like 'the reason stays' 'bad node' flux resource drain
since () { flux resource drain -i 1 -no '{timestamp}'; }
before=$(since)
succeeds 'drain by force' flux resource drain -f 1 other reason
is 'its time stays' "$before" since
succeeds 'by more force' flux resource drain -ff 1 other reason
differs () { [ "$(since)" != "$before" ]; }
succeeds 'its time is new' differs
is 'the eventlog says how' 'overwrite=1
overwrite=2' sh -c 'flux resource eventlog | grep " drain .*other reason" | grep -o "overwrite=.*"'
like 'a new reason' 'other reason' flux resource drain
fails 'drain out of range' 1 'idset is out of range' flux resource drain 9 x
fails 'drain an unknown host' 1 'nosuchhost' flux resource drain nosuchhost x
fails 'undrain what is not drained' 1 'rank 2 not drained' flux resource undrain 2
job=$(flux submit -N4 true)
succeeds 'the scheduler is unloaded' flux module remove sched-simple
succeeds 'the module is reloaded' flux module reload resource
like 'without a scheduler, too' '^ *free +3 ' flux resource list
succeeds 'the scheduler is loaded' flux module load sched-simple
like 'drained ranks are remembered' 'other reason' flux resource drain
succeeds 'undrain' flux resource undrain 1
like 'the job that waited runs' 'finish status=0' event "$job" finish
is 'nothing is drained' '0' sh -c 'flux resource drain -n | wc -l'

like 'a job that can never run is denied' 'unsatisfiable request' \
    event "$(flux submit -n 1000 true)" exception
like 'a rank can be asked for' 'resource_summary":"rank2/core0"' \
    event "$(flux submit --requires=rank:2 true)" alloc
fails 'an unknown host is refused' 1 \
    "^flux-submit: ERROR: host constraint contains invalid hosts: host 'nosuch' not found$" \
    flux submit --requires=host:nosuch true
fails 'on each rank' 1 "hosts 'x\[1-2\]' not found" \
    flux exec -r1 flux run --requires="host:$(hostname),x[1-2]" true
fails 'also where others have answered' 1 "host 'nosuch' not found" \
    flux submit --requires=host:nosuch true
like 'hosts that are excluded may be unknown' 'finish status=0' \
    event "$(flux submit --requires="host:$(hostname) -host:nosuch" true)" finish
fails 'an unknown operator is refused' 1 "^flux-submit: ERROR: unknown constraint operator 'foo'$" \
    flux submit --requires=foo:bar true
fails 'so are ranks that are none' 1 "invalid idset 'x'" flux submit --requires=rank:x true
fails 'a batch script is a job, too' 1 "host 'nosuch' not found" \
    flux batch -n1 --requires=host:nosuch --wrap true
like 'who need not be validated is told by the scheduler' 'unsatisfiable request' \
    event "$(flux submit --flags=novalidate --requires=host:nosuch true)" exception
like 'a property that nobody has is denied' 'unsatisfiable request' \
    event "$(flux submit --requires=nosuch true)" exception
like 'whole nodes' 'rank\[0-3\]/core' event "$(flux submit -N4 true)" alloc
succeeds 'all cores' flux run -n "$cores" true

# Who drains and then asks is answered with what was drained, though nothing waits between.
cat >ask.py <<'END'
import flux
h = flux.Flux()
wrong = 0
for i in range(100):
    h.rpc("resource.drain", {"targets": "1", "reason": "x"})
    seen = h.rpc("resource.sched-status")
    h.rpc("resource.undrain", {"targets": "1"})
    clear = h.rpc("resource.sched-status")
    wrong += len(seen.get()["down"]["execution"]["R_lite"]) != 1
    wrong += len(clear.get()["down"]["execution"]["R_lite"]) != 0
print(wrong)
END
is 'the answer has what came before the question' 0 flux python ask.py
finish
