# Brokers of minor releases beside each other are one tree, whichever is above, so that a
# cluster is upgraded node by node; those of others are refused.
. "${0%/*}/../lib.sh"

port () { # one that is free
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
flux keygen cert
p0=$(port) p1=$(port)
cat >conf.toml <<END
[tbon]
topo = "kary:1"
[bootstrap]
curve_cert = "$DIR/cert"
hosts = [
    { host = "a0", bind = "tcp://127.0.0.1:$p0", connect = "tcp://127.0.0.1:$p0" },
    { host = "a1", bind = "tcp://127.0.0.1:$p1", connect = "tcp://127.0.0.1:$p1" },
    { host = "a2" },
]
END
broker () { # RELEASE RANK [PROGRAM]: "", "-next", "-far"
    release=$1 rank=$2
    shift 2
    mkdir -p "run-$rank"
    FLUX_FAKE_HOSTNAME=a$rank flux env \
        "$FLUX_TEST_BUILD/src/broker/flux-broker$release" \
        -cconf.toml -Srundir="$DIR/run-$rank" -Stbon.heal=60s "$@"
}
said () { # RANK WHAT
    FLUX_URI=local://$DIR/run-$1/local-$1 flux dmesg | grep -q "$2"
}
on0 () { FLUX_URI=local://$DIR/run-0/local-0 "$@"; }
all () { on0 flux overlay status --summary --no-pretty | grep -q full; }
here=$(flux version | sed -n 's/^libflux-core:[^0-9]*//p')
next=$(flux env "$FLUX_TEST_BUILD/src/broker/flux-broker-next" flux getattr version)
[ -n "$here" ] && [ "$here" != "$next" ] || not_ok 'there are two releases' "$here" "$next"

mkfifo gate
broker '' 1 2>log.1 >&2 &
b1=$!
broker -next 2 2>log.2 >&2 &
b2=$!
broker '' 0 sh -c 'touch up; read line <gate' 2>log.0 >&2 &
b0=$!
succeeds 'a newer one below others' until_true test -e up
succeeds 'which say so' until_true said 1 "a2 (rank 2) has version $next, here it is $here"
succeeds 'as it does' until_true said 2 "the parent has version $here, here it is $next"
is 'a job runs on all' 3 on0 sh -c 'flux run -N3 echo x | grep -c x'

# Node by node, the jobs of the others running on.
id=$(on0 flux submit --requires=rank:2 sh -c 'until [ -e go ]; do sleep 0.1; done; echo whole')
on0 flux job wait-event -q "$id" start
kill -9 "$(on0 flux exec -r1 flux getattr broker.pid)"
wait $b1 2>/dev/null
rm -rf run-1
broker -next 1 2>log.1 >&2 &
b1=$!
succeeds 'one that was replaced by a newer one' until_true all
: >go
is 'a job elsewhere has not noticed' whole on0 flux job attach "$id"
is 'a job runs on all of them' 3 on0 sh -c 'flux run -N3 echo x | grep -c x'
kill -9 "$(on0 flux exec -r2 flux getattr broker.pid)"
wait $b2 2>/dev/null
rm -rf run-2
broker '' 2 2>log.2 >&2 &
b2=$!
succeeds 'an older one below a newer one' until_true all
is 'and a job on all of them' 3 on0 sh -c 'flux run -N3 echo x | grep -c x'
kill -9 "$(on0 flux exec -r1 flux getattr broker.pid)"
wait $b1 2>/dev/null
rm -rf run-1
fails 'one of two releases later' 1 "overlay: rank 0: version .* does not match $here" broker -far 1
echo >gate
wait $b0
kill $b2 2>/dev/null
wait
finish
