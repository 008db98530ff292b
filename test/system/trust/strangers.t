# Who has no key may connect to the overlay's port, and no more: what he sends does not lie
# in the broker's memory, his connections are no place for others, and the log has a line.
. "${0%/*}/../lib.sh"
/usr/bin/python3 -c 'import ctypes; ctypes.CDLL ("libzmq.so.5")' 2>/dev/null || {
    skip 'all' 'there is no libzmq'
    finish
}

cat >strangers.py <<'END'
import os
import socket
import subprocess
import sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
from zpeer import *

endpoint = subprocess.check_output(["flux", "getattr", "tbon.endpoint"], text=True).strip()
port = int(endpoint.rpartition(":")[2])
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)


def connect():
    s = socket.create_connection(("127.0.0.1", port), 600)
    s.sendall(GREETING)
    return s


def command():
    """A command of 4 GB before any key was shown; 200 MB of it. Where the end comes with a
    full window, nothing is said of it: no more is taken."""
    s = connect()
    s.settimeout(10)
    s.sendall(b"\x06" + struct.pack(">Q", 4 << 30))
    try:
        for i in range(200):
            s.sendall(bytes(1 << 20))
        print("200 MB were taken")
    except OSError:
        print("ended")


def many():
    """3000 connections that greet: most are ended."""
    socks = [connect() for _ in range(3000)]
    print("connected", flush=True)
    sys.stdin.read()
    left = 0
    for s in socks:
        s.setblocking(False)
        try:
            while s.recv(4096):
                pass
        except BlockingIOError:
            left += 1
        except OSError:
            pass
    print("few are left" if 0 < left < 1500 else f"{left} are left")


def keys():
    """Twenty who have keys of their own."""
    server = keys_of("cert")[0]
    peers = [Peer(endpoint, f"p{i}", (*new_keys(), server)) for i in range(20)]
    for p in peers:
        p.option(RCVTIMEO, 1)
        p.hello(1, "0.1.0")
        p.recv()
    sys.stdin.read()


{"command": command, "many": many, "keys": keys}[sys.argv[1]]()
END

if [ "${1:-}" = inside ]; then
    FLUX_TEST_ACTIVE=1
    is 'a command that has no end is not kept' ended python3 strangers.py command
    turned_away () { flux dmesg | grep -E 'overlay: turned away a connection to port [0-9]+ that no broker has made'; }
    succeeds 'which is said' until_true turned_away

    mkfifo hold
    python3 strangers.py many <hold >many 2>&1 &
    many=$!
    exec 3>hold
    until_true grep -q connected many
    FLUX_FAKE_HOSTNAME=a1 flux broker -Srundir="$DIR/run-a1" -cconf >a1.out 2>&1 3>&- &
    a1=$!
    succeeds 'beside them a broker joins' until_true \
        sh -c 'flux overlay status --summary --no-pretty | grep -q full'
    is 'and works' 2 sh -c 'flux run -N2 hostname | wc -l'
    exec 3>&-
    wait $many
    is 'most of them were ended' 'few are left' tail -n 1 many

    python3 strangers.py keys <hold &
    keys=$!
    exec 3>hold
    refused () { flux dmesg | grep 'overlay: refused a broker from 127.0.0.1: it has another key'; }
    succeeds 'another key is said' until_true refused
    exec 3>&-
    wait $keys
    # once a minute
    succeeds 'not once for each' sh -c "[ \$(flux dmesg | grep -c 'another key') -lt 6 ]"
    succeeds 'nor are the connections' sh -c "[ \$(flux dmesg | grep -c 'turned away') -lt 6 ]"
    is 'the brokers are there' 1 flux exec -r1 flux getattr rank
    echo $a1 >a1.pid
    finish
fi

port () { # one that is free
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
flux keygen cert >/dev/null
p0=$(port)
mkdir conf run-a0 run-a1
cat >conf/bootstrap.toml <<END
[bootstrap]
curve_cert = "$DIR/cert"
hosts = [
    { host = "a0", bind = "tcp://127.0.0.1:$p0", connect = "tcp://127.0.0.1:$p0" },
    { host = "a1" },
]
END
ulimit -n "$(ulimit -Hn)"
FLUX_FAKE_HOSTNAME=a0 timeout 200 flux broker -Srundir="$DIR/run-a0" -cconf \
    -Sbroker.quorum=1 sh "$SCRIPT" inside 2>err
rc=$?
tail --pid="$(cat a1.pid)" -f /dev/null # it ends by itself
sed 's/^/# /' err
exit $rc
