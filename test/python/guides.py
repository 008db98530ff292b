"""What the published pages for programmers promise, in scripts of our own; run in an
instance of 2."""
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import unittest

import flux
import flux.job

# Allocates whole "racks" of R's key scheduling, step by step, and forecasts.
RACKS = """
import heapq
from flux.resource import InfeasibleRequest, InsufficientResources, ResourcePool
from flux.resource.Rv1Pool import Rv1Pool
from flux.scheduler import Scheduler


class _Racks(Rv1Pool):
    def racks(self):
        known = (self.scheduling or {}).get("racks")
        return known if known is not None else [[rank] for rank in sorted(self._ranks)]

    def _select_resources(self, candidates, request):
        for rack in self.racks():
            inside = [entry for entry in candidates if entry[0] in rack]
            try:
                return super()._select_resources(inside, request)
            except InsufficientResources:
                pass
        raise InsufficientResources("no rack has that much")

    def _check_feasibility(self, request):
        super()._check_feasibility(request)
        if request.nnodes > max(map(len, self.racks())):
            raise InfeasibleRequest(f"no rack has {request.nnodes} nodes")

    def alloc(self, jobid, request):
        found = super().alloc(jobid, request)
        # The ranks of an instance in it begin at 0.
        found.scheduling = {"writer": "file://" + __file__ + "#RackPool",
                            "racks": [list(range(len(found._ranks)))]}
        return found


class RackPool(ResourcePool):
    _impl_map = {1: _Racks}

    def __init__(self, R, log=None):
        super().__init__(self._impl_map[R.get("version", 1)](R, log=log))


class RackScheduler(Scheduler):
    SCHED_DELAY_MAX = 0.5
    SCHED_EWMA_ALPHA = 0.5
    queue_depth = 4

    def schedule(self):
        while self._queue:
            job = self._queue[0]
            try:
                job.request.success(self.resources.alloc(job.jobid, job.resource_request),
                                    {"sched": {"resource_summary": "a rack"}})
            except InsufficientResources:
                return
            except OSError as exc:
                job.request.deny(str(exc))
            heapq.heappop(self._queue)
            yield

    def forecast(self):
        for job in sorted(self._queue):
            if not job.request.finalized:
                job.request.annotate({"sched": {"t_estimate": 1.5}})
            yield

    def stats_get(self):
        return {**super().stats_get(), "pool": type(self.resources).__name__}


def mod_main(h, *args):
    scheduler = RackScheduler(h, *args)
    if h.attr_get("instance-level") == "0":
        scheduler.pool_class = RackPool
    scheduler.run()
"""

STATUS = """
from flux.brokermod import BrokerModule, event_handler, request_handler


class Status(BrokerModule):
    seen = 0

    @request_handler("status", allow_guest=True)
    def status(self, msg):
        self.handle.respond(msg, {"name": self.name, "seen": self.seen, "args": list(self.args)})

    @request_handler("elsewhere.status", prefix=False)
    def elsewhere(self, msg):
        self.handle.respond(msg, {"at": "elsewhere"})

    @event_handler("closing", prefix=False)
    def closing(self, msg):
        for level in ("debug", "info", "notice", "warning", "error", "critical"):
            getattr(self.log, level)(f"it is {level}")
        self.stop()


class Other(BrokerModule):
    pass
"""


def sh(*args):
    return subprocess.run(args, capture_output=True, text=True, check=False)


class Guides(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()
        self.dir = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.dir.cleanup()
        self.h.close()

    def write(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def succeed(self, *args):
        done = sh(*args)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    # Jobs.

    def test_the_event_loop(self):
        found = []

        def submitted(future, handle):
            flux.job.result_async(handle, future.get_id()).then(ended)

        def ended(future):
            found.append(future.get_info())

        jobspec = flux.job.JobspecV1.from_command(["/bin/true"])
        for _ in range(5):
            flux.job.submit_async(self.h, jobspec).then(submitted, self.h)
        self.h.reactor_run()
        self.assertEqual([(info.result, info.returncode) for info in found], [("COMPLETED", 0)] * 5)

    def test_an_executor(self):
        jobspec = flux.job.JobspecV1.from_command(["/bin/true"])
        with flux.job.FluxExecutor() as executor:
            futures = [executor.submit(jobspec) for _ in range(5)]
            done = [f.result() for f in concurrent.futures.as_completed(futures)]
        self.assertEqual(done, [0] * 5)

    def test_get_job(self):
        jobid = flux.job.submit(self.h, flux.job.JobspecV1.from_command(["sleep", "60"]))
        found = flux.job.get_job(self.h, jobid)
        flux.job.cancel(self.h, jobid)
        self.assertEqual((found["id"], found["name"], found["ntasks"], found["urgency"]),
                         (jobid, "sleep", 1, 16))
        self.assertIn(found["state"], ("DEPEND", "PRIORITY", "SCHED", "RUN"))
        self.assertIsNone(flux.job.get_job(self.h, 12345))

    # Modules.

    def test_module(self):
        path = self.write("state.py", STATUS)
        done = sh("flux", "module", "load", path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "mod_main")
        path = self.write("state.py", STATUS
                          + "\n\ndef mod_main(h, *args):\n    Status(h, *args).run()\n")
        self.succeed("flux", "module", "load", "--name=mystate", path, "-v", "--count=4")
        answer = self.h.rpc("mystate.status").get()
        self.assertEqual(answer, {"name": "mystate", "seen": 0, "args": ["-v", "--count=4"]})
        self.succeed("flux", "ping", "--count=1", "mystate")
        self.h.event_send("closing")
        while "mystate" in self.succeed("flux", "module", "list").split():
            pass
        log = self.succeed("flux", "dmesg")
        for level in ("debug", "info", "notice", "warning", "error", "critical"):
            self.assertIn(f"it is {level}", log)

    # Schedulers.

    def test_scheduler(self):
        path = self.write("racks.py", RACKS)
        self.succeed("flux", "module", "remove", "sched-simple")
        try:
            self.succeed("flux", "module", "load", path, "log-level=debug", "queue-depth=2")
            self.racks(path)
        finally:
            sh("flux", "cancel", "--all")
            sh("flux", "queue", "drain")
            sh("flux", "module", "remove", "racks")
            self.succeed("flux", "module", "load", "sched-simple")

    def racks(self, path):
        done = sh("flux", "run", "-N2", "true")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no rack has 2 nodes", done.stderr)
        cores = flux.resource.resource_list(self.h).get().up.ncores // 2
        jobs = [self.succeed("flux", "submit", "-N1", "-n1", f"-c{cores}", "sleep", "inf").strip()
                for _ in range(3)]
        flux.job.event_wait(self.h, jobs[1], "start")
        event = flux.job.event_wait(self.h, jobs[0], "alloc")
        self.assertEqual(event.context["annotations"]["sched"]["resource_summary"], "a rack")
        while not self.succeed("flux", "jobs", "-no", "{sched.t_estimate}", jobs[2]).strip():
            pass
        stats = self.h.rpc("racks.stats-get").get()
        self.assertEqual((stats["pool"], stats["sched_delay"], stats["pending_jobs"]),
                         ("RackPool", 0, 1))
        for key in ("sched_passes", "sched_yields", "forecast_passes", "forecast_yields"):
            self.assertGreater(stats[key], 0, key)
        for job in jobs:
            flux.job.cancel(self.h, job)
        # An instance in such an allocation knows who wrote it.
        inner = ("flux module remove sched-simple && flux module load $0 && flux run true &&"
                 " flux module stats racks")
        shown = self.succeed("flux", "alloc", "-N1", "sh", "-c", inner, path)
        self.assertRegex(shown, '"pool": *"RackPool"')


if __name__ == "__main__":
    sys.exit(unittest.main())
