# The unit of a broker under systemd: two nodes of a system instance, each a unit of a user
# manager that is there for this test alone, start, stop, restart, and are replaced.
. "${0%/*}/../lib.sh"

manager () { DIR="$DIR" sh "$FLUX_TEST_SOURCE/test/system/overlay/user-manager.sh" "$@"; }
if [ -z "${UNDER_MANAGER:-}" ]; then
    manager true 2>why
    if [ $? -eq 77 ]; then
        echo "1..0 # SKIP $(tail -n 1 why)"
        exit 0
    fi
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p config/flux/system/conf.d
    flux keygen config/flux/system/curve.cert
    cat >config/flux/system/conf.d/cluster.toml <<END
[bootstrap]
curve_cert = "$DIR/config/flux/system/curve.cert"
default_bind = "tcp://127.0.0.1:$port"
default_connect = "tcp://127.0.0.1:$port"
hosts = [ { host = "n[0-1]" } ]
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-1]"
cores = "0-3"
END
    # Two of them on this host: what they keep, and what they are called, is their own.
    for n in 0 1; do
        sed "s|%t/flux|%t/n$n|g; s|%S/flux|%S/n$n|; s|^\(RuntimeDirectory\)=.*|\1=n$n|
             s|^\(StateDirectory\)=.*|\1=n$n|; s|[^ =]*/bin/flux|$FLUX_TEST_BUILD/src/cmd/flux|g
             s|^\[Service\]|&\nEnvironment=FLUX_FAKE_HOSTNAME=n$n|" \
            "$FLUX_TEST_BUILD/etc/user-flux.service" >units/n$n.service
    done
    sed "s|[^ =]*/bin/flux|$FLUX_TEST_BUILD/src/cmd/flux|g" \
        "$FLUX_TEST_BUILD/etc/system-flux.service" >units/system.service
    if ! systemd-analyze verify --man=no units/system.service >verify 2>&1; then
        echo 'Bail out! the unit of a system:' "$(cat verify)"
        exit 1
    fi
    UNDER_MANAGER=1 manager sh "$SCRIPT"
    exit
fi

ctl () { systemctl --user --no-pager "$@"; }
on () { # N COMMAND...: a client on that host
    uri=local://$XDG_RUNTIME_DIR/n$1/local
    shift
    FLUX_URI=$uri "$@"
}
are () { ctl show -P SubState n0 n1 | xargs; }
full () { until_true sh -c "FLUX_URI=local://$XDG_RUNTIME_DIR/n0/local flux overlay status --summary --no-pretty | grep -q full"; }
ranks () { on 0 flux run -N2 -l sh -c 'echo $FLUX_TASK_RANK' | sort; }

ctl start --no-block n1
succeeds 'the node that leads starts' ctl start n0
succeeds 'and so does the other' ctl start n1
is 'systemd says so' 'running running' are
succeeds 'they find each other' full
is 'a job runs on both' '0: 0
1: 1' ranks
on 0 flux kvs put answer=42
id=$(on 0 flux submit --requires=rank:1 sh -c "until [ -e $DIR/go ]; do sleep 0.1; done; echo whole")
on 0 flux job wait-event -q "$id" start
succeeds 'the configuration is loaded again' ctl reload n0

ctl kill --signal=KILL --kill-whom=main n1
succeeds 'a broker that is killed comes again' full
: >"$DIR/go"
is 'a job there has run on' whole on 0 flux job attach "$id"
is 'a job runs on both again' '0: 0
1: 1' ranks
succeeds 'the node that leads is started anew' ctl restart n0
succeeds 'and the other with it' full
is 'what was stored is' 42 on 0 flux kvs get answer
is 'jobs run' '0: 0
1: 1' ranks
sed -i "s|/cmd/flux broker|/cmd/flux env $FLUX_TEST_BUILD/src/broker/flux-broker-next|" "$DIR/units/n1.service"
ctl daemon-reload
succeeds 'a node is upgraded' ctl restart n1
succeeds 'and has its place' full
like 'with the next release' 'n1 .rank 1. has version' on 0 flux dmesg
is 'a job runs on both' '0: 0
1: 1' ranks
succeeds 'one stops' ctl stop n1
succeeds 'and the other' ctl stop n0
is 'both are' 'dead dead' are
is 'and nothing is left' '' sh -c 'pgrep -f "flux[-]broker|flux[-]shell" || true'
succeeds 'both start together' ctl start n1 n0
is 'what was stored still is' 42 on 0 flux kvs get answer
succeeds 'they find each other again' full
on 0 flux shutdown --quiet
until_true sh -c '[ "$(systemctl --user show -P SubState n0)" = dead ]'
is 'flux shutdown is for good' 'dead success' sh -c 'systemctl --user show -P SubState -P Result n0 | sort | xargs'
finish
