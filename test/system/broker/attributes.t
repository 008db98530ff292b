# Attributes with a type are checked before anything is started: one line, status 1.
. "${0%/*}/../lib.sh"

# refused NAME=VALUE REGEX [OPTIONS]
refused () {
    attr=$1 regex=$2
    shift 2
    fails "$attr" 1 "$regex" flux start "$@" -S"$attr" echo never
    err=$(printf '%s' "$err" | sed '/^$/d')
    case $out$err in
    *never* | *'
'*) not_ok "$attr: one line, and nothing was run" "$out" "$err" ;;
    *) ok "$attr: one line, and nothing was run" ;;
    esac
}

for options in '' -s2; do
    refused broker.quorum=9-10 'broker.quorum: there is no rank 10 in an instance of' $options
    refused broker.quorum=foo "broker.quorum: 'foo' is not a number from 1, nor a set" $options
    refused broker.quorum=0 "broker.quorum: '0' is not a number from 1" $options
    refused broker.quorum=7 'broker.quorum: 7 is more than the instance has' $options
    refused tbon.topo=star "tbon.topo: unknown topology 'star'" $options
done
refused broker.cleanup-timeout=-1 "'-1' is not a duration"
refused broker.quorum-warn=nan "'nan' is not a duration"
refused broker.shutdown-timeout=inf "shutdown-timeout: 'inf'"
refused broker.critical-ranks=0-7 "critical-ranks: '0-7' is not a set of ranks" -s2
refused broker.critical-ranks=x "critical-ranks: 'x' is not a set of ranks"
refused broker.boot-method=smoke "boot: method 'smoke' is not available"
refused content.hash=md5 "content.hash: must be 'sha1' or 'sha256'"
refused local-uri=here "local-uri: 'here' is not local:///PATH"
refused log-level=8 'log-level: 8 is not between -1 and 7'
refused log-ring-size=-5 'log-ring-size: -5 is not between'
refused log-stderr-mode=loud "log-stderr-mode: must be 'leader' or 'local'"
refused rundir-cleanup=maybe "rundir-cleanup: 'maybe' is not a number"
refused tbon.zmq_io_threads=0 'tbon.zmq_io_threads: 0 is not between 1 and 64' -s2
refused tbon.child_rcvhwm=-1 'tbon.child_rcvhwm: -1 is not between' -s2
refused tbon.connect_timeout=99999999999 'tbon.connect_timeout: .* is more than' -s2
refused tbon.torpid_min=0 'tbon.torpid_min: must be more than 0' -s2
refused tbon.interface-hint=nosuch0 "tbon.interface-hint: no interface 'nosuch0'" \
    -s2 --test-pmi-clique=per-broker
two='flux start -s2 --test-pmi-clique=per-broker'
like 'an interface by its name' '^tcp://127.0.0.1:' \
    $two -Stbon.interface-hint=lo flux getattr tbon.endpoint
like 'an interface by its network' '^tcp://127.0.0.1:' \
    $two -Stbon.interface-hint=127.0.0.0/8 flux getattr tbon.endpoint
like 'from the environment' '^lo tcp://127.0.0.1:' env FLUX_IPADDR_INTERFACE=lo $two \
    sh -c 'echo $(flux getattr tbon.interface-hint) $(flux getattr tbon.endpoint)'
is 'the attribute has the last word' default-route env FLUX_IPADDR_INTERFACE=nosuch0 $two \
    -Stbon.interface-hint=default-route flux getattr tbon.interface-hint
is 'the name of the host, from the environment' hostname \
    env FLUX_IPADDR_HOSTNAME=1 $two flux getattr tbon.interface-hint
if grep -q '^0\{31\}1 .* lo$' /proc/net/if_inet6 2>/dev/null; then
    like 'IPv6, where there is one' '^tcp://\[::1\]:' env FLUX_IPADDR_V6=1 \
        FLUX_IPADDR_INTERFACE=lo $two sh -c 'flux exec -r1 true && flux getattr tbon.endpoint'
fi
is 'a quorum of all' 2 flux start -s2 -Sbroker.quorum=2 flux getattr broker.quorum
is 'no cleanup timeout' none \
    flux start -Sbroker.cleanup-timeout=none flux getattr broker.cleanup-timeout
fails 'at runtime, too' 1 "'x' is not a number" flux start flux setattr log-level x

# The directory for what is temporary.
mkdir tmp
like 'TMPDIR is honoured' "^$DIR/tmp/flux-" \
    env TMPDIR="$DIR/tmp" flux start flux getattr rundir
like 'with more brokers, too' "^$DIR/tmp/flux-" \
    env TMPDIR="$DIR/tmp" flux start -s2 flux getattr rundir
is 'nothing stays in it' '' ls tmp
fails 'no such TMPDIR' 1 'nosuch/flux-XXXXXX: No such file' \
    env TMPDIR="$DIR/nosuch" flux start true
fails 'nor with more brokers' 1 'nosuch/flux-XXXXXX: No such file' \
    env TMPDIR="$DIR/nosuch" flux start -s2 true
long=$DIR/$(printf '%0100d' 0)
mkdir "$long"
fails 'a path that is too long for a socket' 1 'too long for the path of a socket' \
    flux start --rundir="$long" true
fails 'with more brokers, at once' 1 'too long for the path of a socket' \
    flux start -s2 --test-exit-timeout=100s --rundir="$long" true
fails 'as TMPDIR' 1 'too long for the path of a socket' env TMPDIR="$long" flux start true
is 'which leaves nothing' '' ls "$long"

# Limits of the system.
fails 'too few descriptors' 1 'at least [0-9]* descriptors' \
    sh -c 'ulimit -n 20; flux start true'
fails 'with more brokers' 1 'at least [0-9]* descriptors' \
    sh -c 'ulimit -n 20; flux start -s2 true'
is 'a soft limit is raised' ok sh -c 'ulimit -Sn 32; flux start echo ok'
finish
