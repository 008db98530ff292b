# A network with 100 ms of delay each way that loses one frame of a hundred: what goes
# between brokers is there, once, in order. TCP sees to it; what is tried here is that nothing
# of ours gives up, or asks twice, meanwhile.
. "${0%/*}/../lib.sh"

tag=ls$$
hub=
unlink_all () {
    for i in 0 1 2; do ip netns del $tag-$i; done 2>/dev/null
}
network () {
    for i in 0 1 2; do ip netns add $tag-$i || return; done
    python3 "$FLUX_TEST_SOURCE/test/system/overlay/lossy-hub.py" 100 1 $tag-0 $tag-1 $tag-2 >hub &
    hub=$!
    until grep -q ready hub; do kill -0 $hub || return; done
    for i in 0 1 2; do
        ip -n $tag-$i addr add 10.78.0.1$i/24 dev eth0 && ip -n $tag-$i link set lo up \
            && ip -n $tag-$i link set eth0 up || return
    done
}
if ! network 2>/dev/null; then
    unlink_all
    echo '1..0 # SKIP there are no network namespaces or no /dev/net/tun (needs root)'
    exit 0
fi
trap 'for n in 0 1 2; do ip netns pids $tag-$n; done 2>/dev/null | xargs -r kill; kill $hub 2>/dev/null; unlink_all; cd /; rm -rf "$DIR"' EXIT

flux keygen cert
cat >conf.toml <<END
[tbon]
topo = "kary:1"
[bootstrap]
curve_cert = "$DIR/cert"
default_port = 8050
default_bind = "tcp://eth0:%p"
hosts = [
    { host = "n0", connect = "tcp://10.78.0.10:%p" },
    { host = "n1", connect = "tcp://10.78.0.11:%p" },
    { host = "n2" },
]
END
broker () { # N [PROGRAM]
    n=$1
    shift
    mkdir -p run-$n
    FLUX_FAKE_HOSTNAME=n$n ip netns exec $tag-$n flux broker -cconf.toml -Srundir="$DIR/run-$n" "$@"
}
mkfifo gate
broker 2 >n2.out 2>&1 &
b2=$!
broker 1 >n1.out 2>&1 &
b1=$!
broker 0 sh -c 'touch up; read line <gate' >n0.out 2>&1 &
b0=$!
succeeds 'they come together' until_true test -e up
FLUX_URI=local://$DIR/run-0/local-0
export FLUX_URI

# Events and responses of one way, numbered.
FLUX_URI=local://$DIR/run-2/local-2 flux event sub -c500 lossy >events &
sub=$!
until_true sh -c 'flux event pub lossy.first; grep -q first events'
for i in $(seq 500); do echo "lossy.$i"; done | xargs -n1 flux event pub
wait $sub
is 'events come, each once and in order' same sh -c '
    grep -v first events | sed "s/^lossy.\([0-9]*\).*/\1/" >got
    seq "$(wc -l <got)" | cmp - got && echo same'
is 'a process answers, each time once' "$(seq 100)" \
    sh -c 'seq 100 | xargs -P20 -n1 flux exec -r2 echo | sort -n'
is 'a megabyte comes as it is' same sh -c '
    head -c 1000000 /dev/urandom >blob
    flux exec -r2 cat <blob | cmp - blob && echo same'
is 'jobs run on all, once' 30 sh -c '
    for i in 1 2 3 4 5 6 7 8 9 10; do flux submit -N3 -n3 echo x; done >ids
    xargs -n1 flux job attach <ids | grep -c x'
is 'values are what was written' "$(seq 20)" sh -c '
    seq 20 | while read -r i; do flux exec -n -r2 flux kvs put "k$i=$i"; done
    seq 20 | while read -r i; do flux kvs get "k$i"; done'
like 'nobody was taken for dead' '^0$' sh -c 'flux dmesg | grep -Ec "lost|torpid" || true'
echo >gate
wait $b0
is 'the leader ends well' 0 echo $?
wait $b1
is 'the second, too' 0 echo $?
wait $b2
is 'the third, too' 0 echo $?
kill $hub
wait $hub
like 'frames were lost' '^[0-9]+ [1-9][0-9]+$' tail -n 1 hub
finish
