# Three hosts, as far as their networks are concerned: a namespace for each, a bridge
# between, a certificate of flux keygen, and links that are cut and heal.
. "${0%/*}/../lib.sh"

tag=fl$$
links () {
    for i in 0 1 2; do
        ip netns add $tag-$i &&
            ip link add $tag$i type veth peer name eth0 netns $tag-$i &&
            ip link set $tag$i master $tag up &&
            ip -n $tag-$i addr add 10.77.0.1$i/24 dev eth0 &&
            ip -n $tag-$i link set lo up && ip -n $tag-$i link set eth0 up || return 1
    done
}
unlink_all () {
    for i in 0 1 2; do
        ip netns del $tag-$i
    done
    ip link del $tag
} 2>/dev/null
if ! { ip link add $tag type bridge && ip link set $tag up && links; } 2>/dev/null; then
    unlink_all
    echo '1..0 # SKIP there are no network namespaces (needs root, and ip of iproute2)'
    exit 0
fi
trap 'for n in 0 1 2; do ip netns pids $tag-$n; done 2>/dev/null | xargs -r kill; unlink_all; cd /; rm -rf "$DIR"' EXIT

flux keygen --name=net cert
flux keygen --name=other other
cat >net.toml <<END
[tbon]
topo = "kary:1"
torpid_min = "0.2s"
torpid_max = "1s"
[bootstrap]
curve_cert = "$DIR/cert"
default_port = 8050
default_bind = "tcp://eth0:%p"
hosts = [
    { host = "n0", connect = "tcp://10.77.0.10:%p" },
    { host = "n1", connect = "tcp://10.77.0.11:%p" },
    { host = "n2" },
]
END
broker () { # N [OPTIONS AND PROGRAM]
    n=$1
    shift
    mkdir -p run-$n
    FLUX_FAKE_HOSTNAME=n$n ip netns exec $tag-$n flux broker -Srundir="$DIR/run-$n" "$@"
}
on () { # N COMMAND...: a client on that host
    FLUX_URI=local://$DIR/run-$1/local-$1
    shift
    FLUX_URI=$FLUX_URI "$@"
}
state () { on 0 flux overlay status --no-pretty | grep -Eq "^ *2 n2: ($1)"; }
told () { on 1 flux dmesg | grep -q "$1"; }

mkfifo gate
for i in 1 2; do
    broker $i -cnet.toml >n$i.out 2>&1 &
    eval "b$i=\$!"
done
broker 0 -cnet.toml sh -c 'touch up; read line <gate' >n0.out 2>&1 &
b0=$!
succeeds 'they come together' until_true test -e up
is 'a job runs on all of them' '0: n0
1: n1
2: n2' sh -c "FLUX_URI=local://$DIR/run-0/local-0 flux run -l -N3 sh -c 'echo n\$FLUX_TASK_RANK' | sort"
is 'the overlay is whole' full on 0 flux overlay status --summary

# Who has another key.
sed "s|$DIR/cert|$DIR/other|" net.toml >other.toml
kill -9 "$(on 2 flux getattr broker.pid)"
wait $b2 2>/dev/null
succeeds 'a broker that is killed is missed' until_true state 'lost|offline'
fails 'a broker with another key' 1 'flux-broker: overlay: rank 1: ' broker 2 -cother.toml
rm -rf run-2
broker 2 -cnet.toml >n2.out 2>&1 &
b2=$!
succeeds 'its place is taken by one with the right key' until_true state full

# A link that is cut for longer than tbon.torpid_max, and heals.
ip link set ${tag}2 down
succeeds 'who is silent is torpid' until_true told 'n2 .rank 2. is torpid'
is 'others go on' n1 on 0 flux exec -r1 sh -c 'echo n1'
ip link set ${tag}2 up
succeeds 'and is so no more' until_true told 'n2 .rank 2. is lively again'
is 'a job runs on all of them again' 3 sh -c \
    "FLUX_URI=local://$DIR/run-0/local-0 flux run -N3 echo x | grep -c x"

quiet () { # the count stays while rank 0 answers a hundred others
    n=$(wc -l <seen)
    for i in $(seq 100); do on 0 flux getattr rank >/dev/null; done
    [ "$(wc -l <seen)" -le $((n + 1)) ]
}

# A short cut in the middle of requests: each is answered, once.
on 0 sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); flux exec -r2 echo $i; done' >seen &
asking=$!
until_true test -s seen
ip link set ${tag}1 down
succeeds 'nobody is answered meanwhile' quiet
ip link set ${tag}1 up
wait $asking
is 'a cut in the middle loses nothing and doubles nothing' "$(seq 300)" cat seen

echo >gate
wait $b0
is 'the leader ends well' 0 echo $?
wait $b1
is 'the second, too' 0 echo $?
wait $b2
is 'the third, too' 0 echo $?
is 'the leader says who was killed' 'broker.err[1]: broker lost: n2 (rank 2)' cat n0.out
finish
