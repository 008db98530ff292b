#!/bin/sh
# Instances as jobs of instances: where they are, what they are made of.
. "${0%/*}/../lib.sh"

under_flux 2

# level NAME: the attribute of the instance of job $J
attr () { FLUX_URI=$(flux uri --local "$J") flux getattr "$1"; }
inside () { FLUX_URI=$(flux uri --local "$J") "$@"; }

# --- alloc --bg, the memo, attributes ---

J=$(timeout 60 flux alloc --bg -N2 -n2)
like 'alloc --bg prints the id of an instance that answers' '^2$' attr size
like 'a memo of the job has the URI' '^ssh://[^/]+/.*/local-0$' \
    sh -c "flux job eventlog -f json $J | jq -r 'select(.name==\"memo\").context.uri'"
is 'instance-level' 1 attr instance-level
is 'jobid is that of the job' "$J" attr jobid
is 'jobid-path' "/$J" attr jobid-path
is 'parent-uri is ours' "$FLUX_URI" attr parent-uri
is 'parent-kvs-namespace is that of the job' "$(flux job namespace "$J")" attr parent-kvs-namespace
is 'at the top jobid-path is /' / flux getattr jobid-path

# --- flux uri ---

REMOTE=$(flux uri "$J")
is 'uri JOBID is as posted' "ssh://$(hostname)/${REMOTE#ssh://*/}" flux uri "$J"
is 'uri --local' "local:///${REMOTE#ssh://*/}" flux uri --local "$J"
is 'uri JOBID?local' "local:///${REMOTE#ssh://*/}" flux uri "$J?local"
is 'FLUX_URI_RESOLVE_LOCAL' "local:///${REMOTE#ssh://*/}" \
    env FLUX_URI_RESOLVE_LOCAL=t flux uri "$J"
is 'uri --remote goes before --local' "$REMOTE" flux uri --local --remote "$J"
is 'uri jobid:JOBID' "$REMOTE" flux uri "jobid:$J"
is 'uri --wait' "$REMOTE" flux uri --wait "$J"
is 'uri of a job id in another form' "$REMOTE" flux uri "$(flux job id --to=dec "$J")"
is 'uri /JOBID from within' "$REMOTE" inside flux uri "/$J"
is 'uri ../JOBID from within' "$REMOTE" inside flux uri "../$J"
is 'uri . is this instance' "$FLUX_URI" flux uri .
is 'uri ./JOBID' "$REMOTE" flux uri "./$J"
is 'uri .. at the top is the top' "$FLUX_URI" flux uri ..
is 'uri .. from within' "$FLUX_URI" inside flux uri ..
is 'uri / from within' "$FLUX_URI" inside flux uri /
is 'a native URI stays' ssh://foo/bar flux uri ssh://foo/bar
is 'ssh to local' local:///bar flux uri --local ssh://foo/bar
is 'local to ssh' "ssh://$(hostname)/bar" flux uri --remote local:///bar
fails 'uri without a target' 2 'required: TARGET' flux uri
fails 'uri of no job id' 1 'flux-uri: ERROR: nosuch is not a valid Flux jobid' \
    flux uri nosuch
fails 'uri of no job' 1 'ERROR: jobid ƒ999 not found' flux uri ƒ999
fails 'uri of no job in a path' 1 'ERROR: jobid ƒ999 not found' flux uri "$J/ƒ999"
fails 'uri of an unknown scheme' 1 'ERROR: No plugin for URI scheme foo' flux uri foo:x
fails 'uri of an unknown query' 1 "unknown query 'nosuch'" flux uri "$J?nosuch"
fails 'uri of nothing' 1 'empty target' flux uri ''
S=$(flux submit sleep inf)
flux job wait-event "$S" start >/dev/null 2>&1
fails 'uri of a job that is no instance' 1 "jobid $S has no URI" flux uri "$S"
flux cancel "$S"
flux job wait-event "$S" clean >/dev/null
fails 'uri of a job that has ended' 1 "jobid $S is not running" flux uri "$S"
fails 'uri --wait of a job that has ended' 1 "jobid $S is not running" \
    flux uri --wait "$S"

# --- other schemes ---

is 'pid: of a broker is its own socket' "local:///${REMOTE#ssh://*/}" \
    flux uri "pid:$(attr broker.pid)"
is 'pid: of another process is its FLUX_URI' "$FLUX_URI" sh -c 'flux uri pid:$$'
fails 'pid: of no process' 1 '/proc/99999999/comm: No such file' flux uri pid:99999999
fails 'pid: of no number' 1 "'x' is not a process id" flux uri pid:x
mkdir bin
printf '#!/bin/sh\necho "local:///x/$1"\n' >bin/flux-uri-mine
cat >bin/squeue <<'X'
#!/bin/sh
[ "$*" = '-h -o%B -j 42' ] && echo node7
X
cat >bin/srun <<'X'
#!/bin/sh
[ "$1 $2 $3 $4 $5 $6" = '--overlap -N1 -n1 --jobid=42 -w node7' ] || exit 1
shift 6
exec "$@"
X
cat >bin/scontrol <<'X'
#!/bin/sh
[ "$*" = 'listpids 42' ] && printf 'PID JOBID\n1 42\n%d 42\n' $BROKER
X
cat >bin/bjobs <<'X'
#!/bin/sh
case "$*" in
*first_host*) echo node8 ;;
*pids*) echo 99999999,$BROKER ;;
esac
X
cat >bin/blaunch <<'X'
#!/bin/sh
[ "$1 $2" = '-z node8' ] && shift 2 && exec "$@"
X
chmod +x bin/*
fails 'slurm: without Slurm' 1 'squeue: No such file' env PATH="$FLUX_TEST_BUILD/src/cmd" flux uri slurm:1
PATH=$DIR/bin:$PATH
BROKER=$(flux getattr broker.pid)
export BROKER
is 'another scheme is a program' local:///x/abc flux uri mine:abc
is 'slurm: asks on the node of the script' \
    "$(flux uri --remote .)" flux uri slurm:42
fails 'slurm: of no id' 1 "'a;b' is not a Slurm job id" flux uri 'slurm:a;b'
is 'lsf: asks on the first host' "$(flux uri --remote .)" flux uri lsf:7

# --- three levels ---

K=$(inside timeout 60 flux alloc --bg -n1)
is 'a path of ids' "$(inside flux uri "$K")" flux uri "$J/$K"
deep () { FLUX_URI=$(flux uri --local "$J/$K") "$@"; }
is 'two levels down' 2 deep flux getattr instance-level
is 'the way there' "/$J/$K" deep flux getattr jobid-path
is 'jobid-path is a target from anywhere' "$(flux uri "$J/$K")" \
    deep flux uri "/$J/$K"
is 'uri ../.. from two levels down' "$FLUX_URI" deep flux uri ../..
is 'flux -p -p' 2 deep flux -p -p getattr size
is 'flux --root' 0 deep flux --root getattr instance-level

# --- expiration ---

flux cancel "$J"
flux job wait-event "$J" clean >/dev/null
fails 'an instance that has ended has no URI' 1 "jobid $J is not running" flux uri "$J"
J=$(timeout 60 flux alloc --bg -n1 -t 10m)
expires () {
    inside flux kvs get resource.R | jq .execution.expiration
}
is 'the instance expires when its job does' \
    "$(flux job info "$J" R | jq .execution.expiration)" expires
update () {
    python3 - "$1" "$2" <<'X'
import os, sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
import wire
c = wire.Client()
r = c.rpc("job-manager.update", {"id": int(sys.argv[1]),
          "updates": {"attributes.system.duration": float(sys.argv[2])}})
sys.exit(r.aux1)
X
}
succeeds 'the limit of the job is moved' update "$(flux job id --to=dec "$J")" 1200
succeeds 'the instance hears of it' \
    inside timeout 30 flux resource eventlog --quiet --wait=resource-update
new=$(flux job eventlog -f json "$J" \
    | jq 'select(.name == "resource-update").context.expiration')
expires_at () { inside timeout 30 flux kvs get resource.R | jq .execution.expiration; }
is 'and expires later' "$new" expires_at
K=$(inside flux submit -t 30m sleep inf)
inside flux job wait-event "$K" alloc >/dev/null
is 'a job in it cannot outlive it' "$new" \
    sh -c "FLUX_URI=$(flux uri --local "$J") flux job info $K R | jq .execution.expiration"

# --- a slice of a node ---

flux cancel "$J"
flux job wait-event "$J" clean >/dev/null
J=$(timeout 60 flux alloc --bg -n1 --conf=queues.debug.policy.limits.duration=1h)
is 'a slice of a node: one core' 1 sh -c \
    "FLUX_URI=$(flux uri --local "$J") flux resource list -s all -no '{ncores}'"
# --- pretended hosts ---

flux cancel "$J"
cat >gpus.toml <<'END'
[resource]
noverify = true
[[resource.config]]
hosts = "h[0-3]"
cores = "0-1"
gpus = "0"
END
# nested OPTIONS... COMMAND: in an instance of two nodes, not the first ones
nested () {
    flux start -s4 --test-hosts='h[0-3]' -c gpus.toml sh -c '
        flux resource drain 0
        flux alloc -N2 "$@"' sh "$@"
}
is 'an instance on pretended hosts has what its job has' '2 4 2 h[1-2]' nested \
    flux resource list -s all -no '{nnodes} {ncores} {ngpus} {nodelist}'
is 'also where its hosts have other names' '2 4 2 x,x' nested --broker-opts=-Shostname=x \
    flux resource list -s all -no '{nnodes} {ncores} {ngpus} {nodelist}'
finish
