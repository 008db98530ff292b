# Who only connects, to the broker's socket or to the overlay's port, until there is no
# descriptor: the broker does not spin, and when he is gone all is as before.
. "${0%/*}/../lib.sh"

cat >connect.py <<'END'
"""connect.py LOCAL TCP: so many connections that say nothing, until standard input ends."""
import socket
import subprocess
import sys

kept = []


def connect(count, family, address):
    for i in range(count):
        s = socket.socket(family)
        s.setblocking(False)
        s.connect_ex(address)
        kept.append(s)


def attr(name):
    return subprocess.check_output(["flux", "getattr", name], text=True).strip()


host, _, port = attr("tbon.endpoint")[len("tcp://"):].rpartition(":")
local = attr("local-uri")[len("local://"):]
connect(int(sys.argv[1]), socket.AF_UNIX, local)
connect(int(sys.argv[2]), socket.AF_INET6 if ":" in host else socket.AF_INET,
        (host.strip("[]"), int(port)))
print("connected", flush=True)
sys.stdin.read()
END

# What a process gets that does nothing but work, in ticks, while others do what they do.
cat >spin.py <<'END'
import time
end = time.monotonic() + 2
while time.monotonic() < end:
    pass
print(int(time.process_time() * 100))
END

if [ "${1:-}" = inside ]; then
    pid=$(flux getattr broker.pid)
    ticks () { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
    descriptors () { find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l; }
    prlimit --pid "$pid" --nofile=300:300
    mkfifo hold
    python3 connect.py "$2" "$3" <hold >connected &
    exec 3>hold
    until grep -q connected connected; do :; done
    n=0 # until they are in, or as many as there can be
    until [ "$(descriptors)" -gt 200 ] || [ $n -gt 50 ]; do n=$((n + 1)); done
    before=$(ticks)
    spun=$(python3 spin.py)
    echo "$(($(ticks) - before)) $spun $(descriptors)" >ticks
    exec 3>&-
    wait
    LIMIT=60 until_true flux getattr rank >rank
    flux exec -r1 true && echo reached >reached
    exit
fi

for how in '0 400' '400 5'; do
    rm -f hold connected ticks rank reached
    timeout 100 flux start -s2 -Stbon.prefertcp=1 sh "$SCRIPT" inside $how 2>err
    if [ -s ticks ]; then
        read -r used spun open <ticks
        succeeds "$how connections: it does not spin" test "$used" -lt $((spun / 4))
        echo "# $used ticks where $spun are to be had, $open descriptors"
        succeeds '  though there are too many' test "$open" -gt 200
    else
        not_ok "$how connections: it does not spin" "$(cat err)"
    fi
    is '  it goes on when they are gone' reached cat reached
done
finish
