"""Ten thousand watchers of ten thousand keys over one connection, and what a commit of
another key costs: counted, not timed.

usage: watchers.py COUNT; FLUX_URI names the broker. Says what is wrong, and exits 1.
"""

import os
import subprocess
import sys


from wire import *

WATCH = 4 | 8  # WATCH, WAITCREATE
count = int(sys.argv[1])


def flux(*args):
    return subprocess.run(("flux",) + args, check=True, text=True, timeout=60,
                          stdout=subprocess.PIPE).stdout.strip()


def stats(c):
    return c.ok("kvs-watch.stats-get").json()


def main():
    c = Client()
    for i in range(count):
        c.ask("kvs-watch.lookup",
              {"key": f"w.key{i}", "flags": WATCH, "namespace": "primary"},
              flags=F_STREAMING)
    before = stats(c)
    assert before["watchers"] == count, before
    flux("kvs", "put", "unrelated=1", "other.key=2")
    flux("kvs", "unlink", "unrelated")
    after = stats(c)
    assert after["looks"] == before["looks"], (before, after)
    flux("kvs", "put", "w.key7=1")
    last = stats(c)
    # the key's own watcher; those who wait for keys beside it are not asked
    assert last["looks"] - after["looks"] == 1, (after, last)
    c.close()
    other = Client()
    for _ in range(1000):
        if stats(other)["watchers"] == 0:
            break
    assert stats(other)["watchers"] == 0, "they end with their connection"
    assert stats(other)["senders"] == 0
    return 0


sys.exit(main())
