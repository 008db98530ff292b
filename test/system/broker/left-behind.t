# What clients and brokers leave behind when they go, or when they do not read: it is
# taken away everywhere, and meanwhile the broker hears others and signals.
. "${0%/*}/../lib.sh"
PYTHONPATH=$FLUX_TEST_SOURCE/test/system
export PYTHONPATH
flux=$FLUX_TEST_BUILD/src/cmd/flux

# --- two that do not read, of which each uses a service of the other ---

cat >stopped.py <<'EOL'
import sys
import wire

peers = []
for i in range(2):
    c = wire.Client()
    c.ok("event.subscribe", {"topic": "flood"})
    c.ok("service.add", {"service": f"stopped{i}"})
    peers.append(c)
for i in range(2):
    peers[i].ask(f"stopped{1 - i}.hold", {})
    peers[i].ping()
p = wire.Client()
p.sock.settimeout(30)
flood = wire.encode(wire.REQUEST, "event.publish",
                    {"topic": "flood", "flags": 0, "payload": "x" * 8000000},
                    aux1=wire.ANY, aux2=0xFFFFFF)
for i in range(int(sys.argv[1])):
    p.sock.sendall(flood)
    p.answer(0xFFFFFF)
print("published", flush=True)
print("answers", p.ping() is not None)
EOL
is 'peers that do not read' 'published
answers True
0' flux start -s1 sh -c 'count=60 # of 8 MB, without that limit
    flux setattr broker.client-queue-bytes 1M && count=4
    timeout 100 /usr/bin/python3 stopped.py $count && timeout 20 flux getattr rank'

# --- a client that offers a service and does not read: it hears of who is gone ---

cat >full.py <<'EOL'
import errno, wire

service = wire.Client()
service.ok("service.add", {"service": "slow"})
user = wire.Client()
n = 0
tags = [user.ask("slow.hold", {"n": "x" * 100000})]
while not user.has(lambda m: m.errnum == errno.ENOBUFS):
    n += 1
    assert n < 1000, "it is never full"
    tags.append(user.ask("slow.hold", {"n": "x" * 100000}))
user.close()
m = service.wait(lambda m: m.topic == "slow.disconnect")
print(m.topic, service.ping() is not None)
EOL
is 'a full queue has room for who is gone' 'slow.disconnect True' \
    flux start -s1 sh -c 'flux setattr broker.client-queue-bytes 1M &&
    timeout 60 /usr/bin/python3 full.py'

# --- a broker that dies, two levels below ---

cat >watchers.sh <<'EOL'
stats () { # RANK SERVICE NAME
    flux exec -r"$1" flux module stats "$2" | sed -n "s/.*\"$3\": *\([0-9]*\).*/\1/p" | head -1
}
until_is () { # VALUE COMMAND...: as long as the test may take
    want=$1 n=0
    shift
    until got=$("$@") && [ "$got" = "$want" ]; do
        n=$((n + 1))
        [ $n -lt 300 ] || { echo "$*: $got, not $want"; return 1; }
        flux event pub tick >/dev/null
    done
}
pid2=$(flux exec -r2 flux getattr broker.pid)
before0=$(stats 0 broker inflight) before1=$(stats 1 broker inflight)
uri2=$(flux exec -r2 flux getattr local-uri)
for i in 1 2 3 4 5; do
    FLUX_URI=$uri2 flux kvs get --watch --waitcreate "nosuch$i" >/dev/null 2>&1 &
done
until_is 5 stats 0 kvs-watch watchers && echo five
kill -9 "$pid2"
until_is 0 stats 0 kvs-watch watchers && echo none
until_is "$before0" stats 0 broker inflight && echo 'rank 0 as before'
until_is "$before1" stats 1 broker inflight && echo 'rank 1 as before'
wait
EOL
# The broker that is killed makes the status of flux start.
chain () {
    timeout 100 "$flux" start -s3 -Stbon.topo=kary:1 sh watchers.sh 2>"$DIR/chain.err" || :
}
is 'what came through a lost broker is forgotten on all ranks' 'five
none
rank 0 as before
rank 1 as before' chain

# --- one with very many requests that nobody answers ---

cat >open.py <<'EOL'
import sys
import threading
import wire

topic, count, payload = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
c = wire.Client(timeout=600)
message = wire.encode(wire.REQUEST, topic, payload, aux1=wire.ANY, aux2=1)


def send():
    try:
        for _ in range(count // 100):
            c.sock.sendall(message * 100)
    except OSError:
        pass


t = threading.Thread(target=send, daemon=True)
t.start()
t.join(20)
print("sent" if not t.is_alive() else "is still sending", flush=True)
o = wire.Client(timeout=20)
print(o.ping() is not None, flush=True)
EOL

# opened TOPIC COUNT PAYLOAD: all are open when the broker gets SIGTERM
cat >opened.sh <<'EOL'
trap '' TERM HUP
/usr/bin/python3 open.py "$@" || exit 1
flux module stats kvs >/dev/null
kill "$(flux getattr broker.pid)"
EOL
opened () {
    timeout -k 1 "$LIMIT" "$flux" start -s1 sh opened.sh "$@"
    status=$?
    # 143: the signal that it was sent
    case $status in 124 | 137) echo "status $status" ;; *) echo ended ;; esac
}
is '300,000 open requests' 'sent
True
ended' opened kvs.wait-version 300000 "{'namespace': 'primary', 'rootseq': 1000000}"
is '20,000 that wait for different versions' 'sent
True
ended' opened kvs.wait-version 20000 "{'namespace': 'primary', 'rootseq': 1000000}"
finish
