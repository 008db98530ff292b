# flux resource and flux queue: queues by property, states, parts; four pretended hosts,
# one of them excluded.
. "${0%/*}/../lib.sh"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    cat >"$DIR/queues.toml" <<'EOT'
[queues.batch]
requires = ["batch"]
policy.limits.duration = "1h"
policy.jobspec.defaults.system.duration = "5m"
[queues.debug]
requires = ["debug"]
policy.limits.job-size.max.nnodes = 1
policy.limits.job-size.min.ncores = 1
[policy]
jobspec.defaults.system.queue = "batch"
limits.duration = "2h"
[resource]
noverify = true
exclude = "h0"
[[resource.config]]
hosts = "h[0-3]"
cores = "0-1"
[[resource.config]]
hosts = "h[1-2]"
properties = ["batch"]
[[resource.config]]
hosts = "h3"
properties = ["debug", "fast"]
EOT
fi
under_flux 4 --test-hosts='h[0-3]' -c "$DIR/queues.toml"
flux queue start --all --quiet

is 'resource list: a row for each queue' '     STATE QUEUE PROPERTIES NNODES NCORES NGPUS NODELIST
      free batch                 2      4     0 h[1-2]
      free debug fast            1      2     0 h3
 allocated batch                 0      0     0 
 allocated debug                 0      0     0 
      down batch                 0      0     0 
      down debug                 0      0     0 ' flux resource list
busy=$(flux submit -q debug -t 1m -N1 sleep 300)
flux job wait-event -q "$busy" alloc
is 'what is allocated is in its queue' 'debug h3' \
    flux resource list -s allocated -q debug -no '{queue} {nodelist}'
flux cancel "$busy"
flux job wait-event -q "$busy" clean
is 'resource list -q' 'free debug h3' flux resource list -s free -q debug -no '{state} {queue} {nodelist}'
is 'resource list: without a queue in the format they are one' 'h[1-3]' \
    flux resource list -s all -no '{nodelist}'
is 'resource list: properties' 'batch batch  h[1-2]
debug debug,fast fast h3' flux resource list -s free -no '{queue} {properties} {propertiesx} {nodelist}'
is 'resource list --skip-empty' '     STATE NNODES
      free      3' flux resource list --skip-empty -o '{state:>10} {nnodes:>6}'
is 'resource list --no-skip-empty' 'free 3
allocated 0
down 0' flux resource list --no-skip-empty -no '{state} {nnodes}'
fails 'resource list: no such queue' 1 'queue: nosuch: no such queue' flux resource list -q nosuch
is 'resource info -q' '1 Node, 2 Cores, 0 GPUs' flux resource info -q debug
is 'resource info: two queues' '3 Nodes, 6 Cores, 0 GPUs' flux resource info -q debug,batch
fails 'resource info: no such queue' 1 'no such queue' flux resource info -q nosuch
like 'resource R -q' '"rank":"3"' flux resource R --queue=debug

is 'resource status' '       STATEUP NNODES NODELIST
       avail ✔      3 h[1-3]
     exclude ✔      1 h0' flux resource status
is 'resource status -q' 'avail 2 h[1-2]' flux resource status -q batch -no '{state} {nnodes} {nodelist}'
is 'resource status -s' 'exclude h0' flux resource status -s exclude -no '{state} {nodelist}'
is 'resource status -i' 'avail h[1-2]' flux resource status -i 'h[1-2]' -no '{state} {nodelist}'
is 'resource status: states that are asked for stand there empty' 'draining 0
drained 0' flux resource status -s drain -no '{state} {nnodes}'
is 'resource status --skip-empty' '' flux resource status --skip-empty -s drain -no '{state}'
fails 'resource status: no such state' 1 'nosuch specified, valid states: all,online' \
    flux resource status -s nosuch
fails 'resource status: no such queue' 1 'no such queue' flux resource status -q nosuch
flux resource drain h1 one reason
flux resource drain h2 another
is 'resource status: drained nodes are one row' 'avail 1 h3
exclude 1 h0
drained 2 h[1-2]' flux resource status -no '{state} {nnodes} {nodelist}'
is 'resource status: but for a format with reasons' 'drained h1 one reason
drained h2 another' flux resource status -s drained -no '{state} {nodelist} {reason}'
is 'resource drain -i' 'h2' flux resource drain -i h2 -no '{nodelist}'
is 'resource drain -q' '' flux resource drain -q debug -no '{nodelist}'
fails 'resource drain -f -u' 1 'Only one of' flux resource drain -f -u h1 x
fails 'resource undrain: what is not drained' 1 'not drained' flux resource undrain 'h[1-3]'
succeeds 'resource undrain -u' flux resource undrain -u 'h[1-3]'
is 'resource undrain: all are back' '3' flux resource status -s avail -no '{nnodes}'

is 'resource eventlog -m' '2' sh -c \
    'flux resource eventlog -w drain -m idset=2 | grep -c " drain "'
fails 'resource eventlog -t' 1 'timeout: no event nosuch' \
    flux resource eventlog -q -t 0.1s -w nosuch
fails 'resource eventlog -m: no such context' 1 timeout \
    flux resource eventlog -q -t 0.1s -w drain -m reason=nosuch
fails 'resource eventlog -m without -w' 1 'needs --wait' flux resource eventlog -m a=b
is 'resource eventlog -i' '1' sh -c 'flux resource eventlog -i h1 | grep -c " drain "'

flux R encode -r0-3 -c0 -H 'h[0-3]' -p debug:3 -p batch:1-2 >R
flux R encode -r0-8 -c0 -H 'h[0-8]' >R9
fails 'resource reload: while a scheduler uses them' 1 'in use' flux resource reload R
flux module remove sched-simple
fails 'resource reload: unknown ranks' 1 'rank 8, this instance has 4' flux resource reload R9
succeeds 'resource reload -f' flux resource reload -f R9
succeeds 'resource reload' flux resource reload R
fails 'resource reload -x: no files' 1 'no XML' flux resource reload --xml .
like 'resource reload: it is used' '"core":"0"' flux resource R
flux module load sched-simple

is 'queue list: the default is marked, limits are those of the queue' 'batch* inf
debug inf' flux queue list -no '{queuem} {limits.max.ncores}'
is 'queue list: fields' 'batch enabled started 300.0 3600.0 0-inf
debug enabled started inf 7200.0 0-1' flux queue list -no \
    '{queue} {submission} {scheduling} {defaults.timelimit} {limits.timelimit} {policy.range.nnodes}'
like 'queue list -o nodes' '^debug  .* 1 +1 +0 +0 +1$' flux queue list -o nodes
like 'queue list -o policy' '0-inf +0-inf +0-inf$' flux queue list -o policy
like 'queue list -o help' 'nodes +Status' flux queue list -o help
fails 'queue list: no such queue' 1 'No such queue: nosuch' flux queue list -q nosuch
is 'queue status -q' 'debug: Job submission is enabled
debug: Scheduling is started' flux queue status -q debug
for what in status enable disable start stop; do
    fails "queue $what: too many queues" 2 'unrecognized arguments: batch' flux queue $what debug batch
    fails "queue $what: one by an option, one without" 2 'unrecognized arguments: batch' \
        flux queue $what -q debug batch
done
fails 'queue list: a queue without an option' 2 'unrecognized arguments: debug' flux queue list debug
is 'queue disable: a reason is there' 'debug: Job submission is disabled: disabled by administrator' \
    flux queue disable --nocheckpoint debug
finish
