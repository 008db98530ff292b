# Brokers that find each other by [bootstrap], not by PMI: a certificate, names, ports.
. "${0%/*}/../lib.sh"

keys () { # PATH: a certificate, without help of the programs under test
    /usr/bin/python3 - >"$1" <<'EOS'
import ctypes
z = ctypes.CDLL('libzmq.so.5')
pub, sec = ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)
assert z.zmq_curve_keypair(pub, sec) == 0
print('metadata\n    name = "test"\ncurve\n    public-key = "%s"\n    secret-key = "%s"'
      % (pub.value.decode(), sec.value.decode()))
EOS
    chmod 600 "$1"
}
port () { # one that is free
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
keys cert
keys other
p0=$(port) p1=$(port)
mkdir conf
cat >conf/bootstrap.toml <<END
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
broker () { # HOST [OPTIONS AND PROGRAM]
    host=$1
    shift
    mkdir -p "run-$host"
    FLUX_FAKE_HOSTNAME=$host flux broker -Srundir="$DIR/run-$host" "$@"
}

# The leader comes last: who is there before waits for it.
broker a2 -cconf >a2.out 2>&1 &
a2=$!
broker a1 -cconf >a1.out 2>&1 &
a1=$!
broker a0 -cconf sh -c '
    flux getattr size; flux getattr hostlist; flux getattr broker.boot-method
    flux exec -r2 flux getattr tbon.parent-endpoint
    flux overlay parentof 2
    flux run -N3 hostname >/dev/null && echo ran' >a0.out 2>&1
is 'the leader ends well' 0 echo $?
is 'three brokers, in a chain, run a job' "3
a[0-2]
config
tcp://127.0.0.1:$p1
1
ran" cat a0.out
wait $a1
is 'the second, too' 0 echo $?
wait $a2
is 'the third, too' 0 echo $?
is 'nobody said anything' '' cat a1.out a2.out

# Another key.
sed "s|$DIR/cert|$DIR/other|" conf/bootstrap.toml >other.toml
mkfifo gate
broker a0 -cconf -Sbroker.quorum=1 sh -c 'touch up; read line <gate' >a0.out 2>&1 &
a0=$!
succeeds 'the leader is up' until_true test -e up
fails 'a broker with another key' 1 'flux-broker: overlay: rank 0: ' broker a1 -cother.toml
is 'says one line' 1 sh -c 'FLUX_FAKE_HOSTNAME=a1 flux broker -Srundir='"$DIR"'/run-a1 -cother.toml 2>&1 | wc -l'
echo >gate
wait $a0
is 'the leader does not care' 0 echo $?

# A leader that dies while it is greeted, and comes again: he is waited for. Here it is one that
# accepts a connection, and is gone.
/usr/bin/python3 -c '
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open("listening", "w").close()
s.accept()[0].close()' "$p0" &
gone=$!
until_true test -e listening
broker a1 -cconf >a1.out 2>&1 &
a1=$!
wait $gone
broker a0 -cconf -Sbroker.quorum=2 sh -c 'flux exec -r1 flux getattr rank' >a0.out 2>&1
is 'a leader that died while he was greeted is waited for' 1 cat a0.out
wait $a1
is 'and nothing is said' '0 ' echo $? "$(cat a1.out)"

# Parents by name, and a quorum of certain ranks.
# That is the tree where nothing else is asked for.
cat >custom.toml <<END
[bootstrap]
curve_cert = "$DIR/cert"
hosts = [
    { host = "a0", bind = "tcp://127.0.0.1:$p0", connect = "tcp://127.0.0.1:$p0" },
    { host = "a[1,3]", parent = "a2" },
    { host = "a2", bind = "tcp://127.0.0.1:$p1", connect = "tcp://127.0.0.1:$p1" },
]
END
for i in 2 3; do
    broker a$i -ccustom.toml >a$i.out 2>&1 &
    eval "a$i=\$!"
done
broker a0 -ccustom.toml -Sbroker.quorum=0,2-3 sh -c '
    flux getattr tbon.topo; flux overlay parentof 1; flux overlay parentof 2; flux overlay parentof 3' >a0.out 2>&1
is 'the leader runs without a1' 0 echo $?
is 'the tree is the one that is asked for' "custom
3
3
0" cat a0.out
wait $a2
wait $a3
is 'the followers end well' '' cat a2.out a3.out

# What is wrong is said in one line, with its key.
refused () { # NAME PATTERN TOML...
    name=$1 pattern=$2
    shift 2
    case $1 in \[*) ;; *) set -- '[bootstrap]' "$@" ;; esac
    printf '%s\n' "$@" >bad.toml
    fails "$name" 1 "^flux-broker: (boot: |bad.toml: )?$pattern" broker a0 -cbad.toml true
}
refused 'no certificate' 'bootstrap.curve_cert: must be there' \
    'hosts = [{ host = "a0", bind = "tcp://*:9999", connect = "tcp://a0:9999" }, { host = "a1" }]'
refused 'an unknown parent' 'bootstrap.hosts: a1: parent a7 is not listed' \
    'hosts = [{ host = "a0" }, { host = "a1", parent = "a7" }]'
refused 'rank 0 has no parent' 'bootstrap.hosts: a0 is rank 0' \
    'hosts = [{ host = "a0", parent = "a1" }, { host = "a1" }]'
refused 'a parent in a tree of another kind' 'bootstrap.hosts: parent is for tbon.topo=custom, not kary:2' \
    '[tbon]' 'topo = "kary:2"' '[bootstrap]' 'hosts = [{ host = "a0" }, { host = "a1", parent = "a0" }]'
fails 'custom without a table' 1 'tbon.topo: custom needs' flux start -s2 -Stbon.topo=custom true
refused 'no such certificate' 'bootstrap.curve_cert: /nosuch: No such file' \
    'curve_cert = "/nosuch"' 'hosts = [{ host = "a[0-1]" }]'
cp cert open
chmod 644 open
refused 'one that others read' "bootstrap.curve_cert: $DIR/open: .*chmod 600" \
    "curve_cert = '$DIR/open'" 'hosts = [{ host = "a[0-1]" }]'
refused 'no address for children' 'bootstrap.hosts: a0 has children, and no bind address' \
    "curve_cert = '$DIR/cert'" 'hosts = [{ host = "a[0-1]" }]'
refused 'an unknown host' 'bootstrap.hosts: this host, a0, is not listed' 'hosts = [{ host = "b" }]'
refused 'an unknown key' 'bootstrap.nosuch: there is no such key' 'nosuch = 1'
refused 'a host twice' 'bootstrap.hosts: a0 is listed twice' 'hosts = [{ host = "a0,a0" }]'
refused 'an address that is none' 'bootstrap.bind: .*tcp://' 'default_bind = "eth0"' 'hosts = [{ host = "a[0-1]" }]'
printf '[bootstrap]\n' >alone.toml
fails 'no hosts, and several brokers' 1 'bootstrap.hosts: is missing, and this is one of 2' \
    flux start -s2 -c alone.toml true
is 'no hosts: alone' '1 config' broker a0 -calone.toml sh -c 'echo $(flux getattr size) $(flux getattr broker.boot-method)'
fails 'asked for, and not there' 1 'no \[bootstrap\]' broker a0 -Sbroker.boot-method=config true
finish
