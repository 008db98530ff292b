# Guests that send what is no message: the log has a line a second for each user, and the
# broker goes on.
. "${0%/*}/../lib.sh"
if [ "$(id -u)" -ne 0 ]; then
    skip 'guests' 'needs root'
    finish
fi
[ -d "$DIR/run" ] || {
    chmod 755 "$DIR"
    mkdir -m 711 "$DIR/run"
}
under_flux 1 -Srundir="$DIR/run" --conf=access.allow-guest-user=true -Slog-stderr-level=-1
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
path=$DIR/run/local-0
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
is 'the broker goes on' 0 flux getattr rank
finish
