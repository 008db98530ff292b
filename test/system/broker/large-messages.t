# A large message finds the memory of the one before it: fresh pages for each of them cost
# more than all else that is done with it.
. "${0%/*}/../lib.sh"
under_flux 2

cat >pings.py <<'EOS'
import flux, sys
h = flux.Flux()
pid = int(h.attr_get("broker.pid"))
def faults():
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(") ", 1)[1].split()[7])
def ping(count):
    for i in range(count):
        h.rpc("broker.ping", {"seq": i, "pad": "x" * 1000000}, nodeid=1).get()
ping(3)
before = faults()
ping(60)
# Two large messages for each, of 250 pages.
print((faults() - before) // 120)
EOS
few () { # PAGES: fewer than half of them, though a machine that pauses gives some back
    n=$(flux python pings.py) && echo "# $n pages for each message" && [ "$n" -lt 125 ]
}
succeeds 'large messages that come one by one' few
finish
