# Guests that send what is no message: the log has a line a second for each user, and the
# broker goes on.
. "${0%/*}/../lib.sh"
if [ "$(id -u)" -ne 0 ]; then
    skip 'guests' 'needs root'
    finish
fi
chmod 755 "$DIR"
# Not under_flux: it is the broker that makes the directory.
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    FLUX_TEST_ACTIVE=1 timeout 200 flux start --conf=access.allow-guest-user=true \
        -Slog-stderr-level=-1 sh "$SCRIPT"
    exit
fi
cat >halves.py <<'EOL'
import os, socket, sys
uid, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.setgid(uid)
os.setuid(uid)
for _ in range(count):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    assert s.recv(1) == b"\0"
    s.sendall(b"\xff\xee\x00\x12" + b"\x00" * 3 + b"\x08" + b"nonsense")
    while s.recv(4096): # until it is closed
        pass
print("done")
EOL
path=$(flux getattr rundir)/local-0
lines () {
    flux dmesg | grep -c "closing client .* of user $1: "
}
is 'one guest' done /usr/bin/python3 halves.py 65533 600 "$path"
is 'another' done /usr/bin/python3 halves.py 65534 2 "$path"
n=$(lines 65533)
if [ "$n" -ge 1 ] && [ "$n" -lt 300 ]; then
    ok 'not a line for each'
else
    not_ok 'not a line for each' "$n lines"
fi
like 'the other is named all the same' '^[12]$' lines 65534
# Messages that nobody answers are no way into the log.
cat >credits.py <<'EOL'
import sys
sys.path.insert(0, sys.argv[1])
from wire import *
c = Client(guest=True)
for topic in "kvs-watch.lookup-credit", "job-info.eventlog-watch-credit":
    for payload in None, b"x\0", {}, {"bytes": -1}, {"id": 1, "bytes": -1}:
        c.send(REQUEST, topic, payload, flags=F_NORESPONSE)
    c.ok(topic.split(".")[0].replace("-watch", "") + ".ping", {})
print("done")
EOL
is 'credits that are none' done /usr/bin/python3 credits.py "$FLUX_TEST_SOURCE/test/system"
is 'are no line' 0 sh -c 'flux dmesg | grep -c credit || true'
is 'a directory that the broker makes lets them pass, not look' 711 \
    stat -c %a "$(flux getattr rundir)"
is 'without guests it does not' 700 flux start sh -c 'stat -c %a "$(flux getattr rundir)"'
mkdir -m 700 closed
fails 'one that it has not made is named' 0 \
    "guests may connect, but not pass $DIR/closed: it needs mode o.x" \
    flux start -Srundir="$DIR/closed" --conf=access.allow-guest-user=true true
is 'the broker goes on' 0 flux getattr rank
finish
