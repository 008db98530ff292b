"""Nothing is left of what is done; run in an instance. FLUX_TEST_RPCS: how often."""
import gc
import os
import sys
import unittest

import flux
import flux.job
from flux.core import inner

COUNT = int(os.environ.get("FLUX_TEST_RPCS", "4000"))


def memory():
    """kB of this process."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class Leaks(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()

    def check(self, function):
        function(COUNT // 4)
        before, open_fds = memory(), len(os.listdir("/proc/self/fd"))
        function(COUNT)
        self.assertLess(memory() - before, 1024)
        self.assertEqual(len(os.listdir("/proc/self/fd")), open_fds)
        self.assertEqual((len(inner._called), len(self.h._waiting)), (0, 0))

    def test_rpcs(self):
        def run(count):
            for _ in range(count):
                self.h.rpc("broker.ping", {"x": 1}).get()

        self.check(run)

    def test_continuations(self):
        def run(count):
            for _ in range(count // 100):
                for _ in range(100):
                    self.h.rpc("broker.ping", {"x": 1}).then(lambda future: future.get())
                self.h.reactor_run()

        self.check(run)

    def test_watchers(self):
        def run(count):
            for _ in range(count // 10):
                watchers = [self.h.timer_watcher_create(0.0, lambda *args: None).start()
                            for _ in range(10)]
                self.h.reactor_run()
                del watchers

        self.check(run)

    def test_futures_that_nobody_waits_for(self):
        def run(count):
            # As many at once, however often: what is measured is not how many wait.
            for _ in range(count // 100):
                for _ in range(100):
                    self.h.rpc("broker.ping", {"x": 1})
                self.h.rpc("broker.ping", {"x": 1}).get()

        self.check(run)

    def test_jobs(self):
        def run(count):
            for _ in range(count // 400):
                jobid = flux.job.submit(self.h, flux.job.JobspecV1.from_command(["true"]))
                next(flux.job.event_watch(self.h, jobid))
                flux.job.result(self.h, jobid)

        self.check(run)


if __name__ == "__main__":
    sys.exit(unittest.main())
