# Who makes or wants much JSON spends the time for it: the broker's own thread, which
# everybody waits for, only moves the bytes.
. "${0%/*}/../lib.sh"
under_flux 2
flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so"
flux exec -r 1 flux module load "$FLUX_TEST_BUILD/src/broker/testmod.so"

cat >time.py <<'END'
"""What each of the two threads had of the processor: nanoseconds, of one process."""
import os
import sys
sys.path.insert(0, os.environ["FLUX_TEST_SOURCE"] + "/test/system")
from wire import *

N = 1000000
c = Client()
c.sock.settimeout(100)


class Threads:
    def __init__(self, pid):
        self.tasks = f"/proc/{pid}/task"
        self.main = str(pid)
        self.module = next(t for t in os.listdir(self.tasks)
                           if "testmod" in open(f"{self.tasks}/{t}/comm").read())

    def spent(self):
        return [int(open(f"{self.tasks}/{t}/schedstat").read().split()[0])
                for t in (self.main, self.module)]


def row(name, threads, times, act):
    before = threads.spent()
    act()
    main, module = (b - a for a, b in zip(before, threads.spent()))
    good = main * times < module
    print("ok" if good else "not ok", name)
    print(f"# broker {main / 1e6:.0f} ms, module {module / 1e6:.0f} ms")


def many(nodeid=ANY):
    m = c.ok("testmod.many", {"count": N}, nodeid)
    assert len(m.payload) > 5 * N, m


def count(nodeid=ANY):
    assert c.ok("testmod.count", {"numbers": [[]] * N}, nodeid).json()["count"] == N


here, there = (Threads(int(c.ok("attr.get", {"name": "broker.pid"}, r).json()["value"]))
               for r in (0, 1))
row("a module encodes its answer", here, 3, many)
row("  also to one on another rank", there, 3, lambda: many(1))
row("a module parses its request", here, 2, count)
row("  also one from another rank", there, 2, lambda: count(1))
END
cases python3 time.py
finish
