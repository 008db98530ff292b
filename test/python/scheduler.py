"""Schedulers in Python, and the pools that they allocate from; run in an instance of 2."""
import heapq
import json
import os
import subprocess
import sys
import tempfile
import unittest

import flux
import flux.job
from flux.resource import (
    InfeasibleRequest,
    InsufficientResources,
    ResourcePool,
    ResourceRequest,
    Rv1Pool,
)
from flux.scheduler import AllocRequest, PendingJob, _merge, _nulls

# As the documentation has it.
SIMPLE = """
import heapq
from flux.resource import InsufficientResources, InfeasibleRequest
from flux.scheduler import Scheduler

class SimpleScheduler(Scheduler):

    def schedule(self):
        while self._queue:
            job = self._queue[0]
            try:
                alloc = self.resources.alloc(job.jobid, job.resource_request)
            except InsufficientResources:
                break   # not enough resources - wait for free
            except InfeasibleRequest as exc:
                job.request.deny(str(exc))
            else:
                job.request.success(alloc)
            heapq.heappop(self._queue)

def mod_main(h, *args):
    SimpleScheduler(h, *args).run()
"""

FIFO = """
from flux.scheduler import FIFOScheduler

class Sched(FIFOScheduler):
    def __init__(self, h, *args):
        self.note = [arg for arg in args if arg.startswith("note=")]
        super().__init__(h, *[arg for arg in args if arg not in self.note])

    def alloc(self, request, jobid, priority, userid, t_submit, jobspec):
        if jobspec["tasks"][0]["command"] == ["bad"]:
            raise ValueError("it is bad")
        if jobspec["tasks"][0]["command"] == ["worse"]:
            return 1 / 0
        super().alloc(request, jobid, priority, userid, t_submit, jobspec)

    def stats_get(self):
        return {**super().stats_get(), "note": self.note}
"""

BROKEN = SIMPLE.replace("while self._queue:", "if self._queue: raise KeyError('broken')\n"
                        "        while self._queue:")

POOL = """
from flux.resource import InfeasibleRequest, ResourcePool, Rv1Pool

class _Even(Rv1Pool):
    def _select_resources(self, candidates, request):
        even = [c for c in candidates if c[0] % 2 == 0]
        return super()._select_resources(even, request)

    def _check_feasibility(self, request):
        super()._check_feasibility(request)
        if request.nnodes > 1:
            raise InfeasibleRequest("only one node is even")

    def alloc(self, jobid, request):
        result = super().alloc(jobid, request)
        result.scheduling = {"writer": "file://" + __file__, "ranks": list(result._ranks)}
        return result

class EvenPool(ResourcePool):
    def __init__(self, R, log=None):
        super().__init__(_Even(R, log=log))
"""


def module(*args):
    return subprocess.run(["flux", "module", *args], capture_output=True, text=True, check=False)


def sh(*args):
    return subprocess.run(args, capture_output=True, text=True, check=False)


class Scheduling(unittest.TestCase):
    """In the place of sched-simple."""

    def setUp(self):
        self.h = flux.Flux()
        self.dir = tempfile.TemporaryDirectory()
        self.assertEqual(module("remove", "sched-simple").stderr, "")
        self.loaded = None
        self.cores = None

    def tearDown(self):
        sh("flux", "cancel", "--all")
        if self.loaded:
            module("remove", self.loaded)
        self.assertEqual(module("load", "sched-simple").stderr, "")
        self.h.rpc("sched.resource-status").get()
        sh("flux", "queue", "drain")
        self.dir.cleanup()
        self.h.close()

    def path(self, name, text):
        path = os.path.join(self.dir.name, name + ".py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def load(self, name, text, *args):
        self.assertEqual(module("load", self.path(name, text), *args).stderr, "")
        self.loaded = name
        self.cores = flux.resource.resource_list(self.h).get().up.ncores // 2

    def submit(self, *command, urgency=16, nodes=1, cores=None, duration=None):
        spec = flux.job.JobspecV1.from_command(
            list(command), num_tasks=nodes, num_nodes=nodes, cores_per_task=cores or self.cores,
            duration=duration)
        return flux.job.submit(self.h, spec, urgency=urgency)

    def note(self, jobid):
        """Why a job may not be."""
        for event in flux.job.event_watch(self.h, jobid):
            if event.name == "exception":
                return event.context["note"]
        return None

    def start(self, jobid):
        return flux.job.event_wait(self.h, jobid, "start")

    def clean(self, jobid):
        self.assertIn("clean", [event.name for event in flux.job.event_watch(self.h, jobid)])

    def free(self):
        return flux.resource.resource_list(self.h).get().free.ncores

    def test_simple(self):
        self.load("my-sched", SIMPLE)
        total = 2 * self.cores
        ids = [self.submit("true", cores=1) for _ in range(50)]
        self.assertTrue(all(flux.job.result(self.h, i).success for i in ids))
        self.assertIn("unsatisfiable", self.note(self.submit("true", nodes=3)))
        self.assertRegex(sh("flux", "run", "-N2", "flux", "getattr", "rank").stdout, "[01]\n[01]\n")
        job = self.submit("sleep", "inf", nodes=2)
        self.start(job)
        self.assertEqual(self.free(), 0)
        # What comes later finds what there is.
        self.assertEqual(module("reload", self.path("my-sched", SIMPLE)).stderr, "")
        self.assertEqual(self.free(), 0)
        flux.job.cancel(self.h, job)
        self.clean(job)
        self.assertEqual(self.free(), total)
        R = flux.job.job_kvs_lookup(self.h, ids[0], keys=["R"], decode=True)["R"]
        self.assertEqual(R["version"], 1)
        stats = self.h.rpc("my-sched.stats-get").get()
        self.assertEqual(stats["pending_jobs"], 0)
        self.assertGreaterEqual(stats["sched_passes"], 1)

    def test_queue(self):
        self.load("fifo", FIFO, "note=x", "queue-depth=unlimited", "log-level=debug")
        self.assertEqual(self.h.rpc("fifo.stats-get").get()["note"], ["note=x"])
        self.assertEqual(self.note(self.submit("bad")), "it is bad")
        self.assertIn("division by zero", self.note(self.submit("worse")))
        first = self.submit("sleep", "inf", nodes=2, duration=1000)
        self.start(first)
        low, high = self.submit("true", urgency=10, nodes=2), self.submit("true", urgency=20)
        gone = self.submit("true", urgency=19)
        fut = flux.job.job_list_id(self.h, high, attrs=["annotations"])
        while not fut.get_jobinfo().annotations.sched.t_estimate:
            fut = flux.job.job_list_id(self.h, high, attrs=["annotations"])
        flux.job.cancel(self.h, gone)
        self.assertEqual(flux.job.result(self.h, gone).result, "CANCELED")
        self.assertEqual(self.h.rpc("fifo.stats-get").get()["pending_jobs"], 2)
        # What was urgent is not any more.
        self.assertEqual(sh("flux", "job", "urgency", str(low.dec), "31").returncode, 0)
        flux.job.event_wait(self.h, low, "priority")
        flux.job.cancel(self.h, first)
        when = {job: flux.job.event_wait(self.h, job, "alloc").timestamp for job in (low, high)}
        self.assertLess(when[low], when[high])
        event = flux.job.event_wait(self.h, low, "alloc")
        self.assertIn("core", event.context["annotations"]["sched"]["resource_summary"])

    def test_down(self):
        self.load("fifo", FIFO)
        self.assertEqual(sh("flux", "resource", "drain", "1", "test").returncode, 0)
        self.addCleanup(sh, "flux", "resource", "undrain", "1")
        job = self.submit("true", nodes=2)
        one = self.submit("true", urgency=31)
        self.assertTrue(flux.job.result(self.h, one).success)
        self.assertEqual(sh("flux", "resource", "undrain", "1").returncode, 0)
        self.assertTrue(flux.job.result(self.h, job).success)

    def test_feasibility(self):
        self.load("fifo", FIFO)
        spec = flux.job.JobspecV1.from_command(["true"], num_tasks=3, num_nodes=3)
        with self.assertRaises(OSError):
            self.h.rpc("feasibility.check", {"jobspec": spec.jobspec}).get()
        spec = flux.job.JobspecV1.from_command(["true"])
        self.h.rpc("feasibility.check", {"jobspec": spec.jobspec}).get()

    def test_pool_class(self):
        path = self.path("EvenPool", POOL)
        self.load("even", SIMPLE, f"pool-class=file://{path}")
        self.assertEqual(self.note(self.submit("true", nodes=2)), "only one node is even")
        a, b = self.submit("sleep", "inf"), self.submit("true")
        self.start(a)
        flux.job.cancel(self.h, a)
        for job in (a, b):
            self.clean(job)
            R = flux.job.job_kvs_lookup(self.h, job, keys=["R"], decode=True)["R"]
            self.assertEqual(R["execution"]["R_lite"][0]["rank"], "0")
            self.assertEqual(R["scheduling"]["ranks"], [0])

    def test_bad_arguments(self):
        path = self.path("fifo", FIFO)
        for arg, why in (("log_level=debug", "unknown argument: log_level=debug"),
                         ("queue-depth=0", "positive"), ("log-level=loud", "loud"),
                         ("pool-class=file:///no/such.py", "no such"),
                         (f"pool-class=file://{path}", "no class")):
            done = module("load", path, arg)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, why)

    def test_broken(self):
        self.load("broken", BROKEN)
        job = self.submit("true")
        # It ends; the job waits for another one.
        while "broken" in module("list").stdout:
            pass
        self.load("my-sched", SIMPLE)
        self.assertTrue(flux.job.result(self.h, job).success)


R2 = {"version": 1, "execution": {
    "R_lite": [{"rank": "0-1", "children": {"core": "0-3"}},
               {"rank": "2", "children": {"core": "0-7", "gpu": "0-1"}}],
    "starttime": 0, "expiration": 0, "nodelist": ["a[0-2]"], "properties": {"big": "2"}}}


class Pool(unittest.TestCase):
    def setUp(self):
        self.pool = ResourcePool(R2)
        self.pool.set_up("0-2")

    def get(self, jobid=1, **kwargs):
        return self.pool.alloc(jobid, ResourceRequest(**kwargs))

    def test_worst_fit(self):
        self.assertEqual(self.get(1, nslots=2).dumps(), "rank2/core[0-1]")
        self.assertEqual(self.get(2, nslots=10).dumps(),
                         "rank0/core[0-3] rank2/core[2-7]")
        self.pool.free(1, None)
        self.assertEqual(self.get(3, cores_per_slot=4).dumps(), "rank1/core[0-3]")

    def test_kinds(self):
        self.assertEqual(self.get(1, gpus_per_slot=1).dumps(), "rank2/core0,gpu0")
        self.assertEqual(self.get(2, nnodes=2, nslots=2, exclusive=True).dumps(),
                         "rank[0-1]/core[0-3]")
        with self.assertRaises(InsufficientResources):
            self.get(3, nnodes=1, nslots=1, exclusive=True)
        with self.assertRaises(InfeasibleRequest):
            self.get(3, gpus_per_slot=3)
        with self.assertRaises(InfeasibleRequest):
            self.get(3, nnodes=4, nslots=4)
        with self.assertRaises(ValueError):
            self.get(1)

    def test_constraints(self):
        self.assertEqual(self.get(1, constraint={"not": [{"properties": ["big"]}]}).dumps(),
                         "rank0/core0")
        with self.assertRaises(InfeasibleRequest):
            self.get(2, constraint={"hostlist": ["b1"]})
        self.pool.set_property("nice", "1")
        self.assertEqual(self.get(2, constraint={"properties": ["nice"]}).dumps(), "rank1/core0")
        self.pool.remove_property("nice", "1")
        with self.assertRaises(InfeasibleRequest):
            self.get(3, constraint={"properties": ["nice"]})

    def test_down(self):
        self.pool.set_down("2")
        with self.assertRaises(InsufficientResources):
            self.get(1, gpus_per_slot=1)
        self.pool.remove_ranks("2")
        with self.assertRaises(InfeasibleRequest):
            self.get(1, gpus_per_slot=1)

    def test_partial_free(self):
        R = self.get(1, nnodes=3, nslots=3, cores_per_slot=4)
        part = flux.resource.ResourceSet(R.to_dict()).copy_ranks("0")
        self.pool.free(1, part, False)
        self.assertEqual(self.get(2, cores_per_slot=4).dumps(), "rank0/core[0-3]")
        self.assertEqual(self.get(3, cores_per_slot=4).dumps(), "rank2/core[4-7]")
        self.pool.free(1, R, True)
        self.assertEqual(self.get(4, cores_per_slot=4).dumps(), "rank1/core[0-3]")
        with self.assertRaises(ValueError):
            self.pool.free(1, R)

    def test_times(self):
        self.pool.expiration = 2e9
        R = self.get(1, duration=1e9 * 5)
        self.assertEqual(R.to_dict()["execution"]["expiration"], 2e9)
        self.get(2, duration=100)
        self.assertEqual([j for j, _ in self.pool.job_end_times()], [2, 1])
        self.pool.update_expiration(1, 5.0)
        self.assertEqual(self.pool.job_end_times()[0], (1, 5.0))
        copy = self.pool.copy()
        copy.free(1, None)
        self.assertEqual(len(self.pool.job_end_times()), 2)
        self.assertEqual(len(copy.job_end_times()), 1)

    def test_hello(self):
        self.pool.register_alloc(7, {"version": 1, "execution": {
            "R_lite": [{"rank": "0", "children": {"core": "1"}}], "expiration": 9.0}})
        self.assertEqual(self.pool.job_end_times(), [(7, 9.0)])
        with self.assertRaises(ValueError):
            self.pool.register_alloc(8, {"version": 1, "execution": {
                "R_lite": [{"rank": "0", "children": {"core": "1"}}]}})

    def test_jobspec(self):
        request = self.pool.parse_resource_request(flux.job.JobspecV1.from_command(
            ["x"], num_tasks=4, num_nodes=2, cores_per_task=3, gpus_per_task=1, duration=9,
            exclusive=True).jobspec)
        self.assertEqual((request.nnodes, request.nslots, request.slots_per_node), (2, 4, 2))
        self.assertEqual((request.cores_per_slot, request.gpus_per_slot), (3, 1))
        self.assertEqual((request.duration, request.exclusive), (9.0, True))
        for bad in ({}, {"resources": [{"type": "rack", "count": 1}]},
                    {"resources": [{"type": "slot", "count": 0}]},
                    {"resources": [{"type": "slot", "count": 1, "with": []}]},
                    {"resources": [{"type": "node", "count": 1, "with": []}]},
                    {"resources": [{"type": "slot", "count": 1,
                                    "with": [{"type": "disk", "count": 1}]}]}):
            with self.assertRaises(ValueError):
                ResourceRequest.from_jobspec(bad)

    def test_versions(self):
        with self.assertRaises(ValueError):
            ResourcePool({"version": 2})
        R = dict(R2, scheduling={"x": 1})
        for given in (R, json.dumps(R)):
            self.assertEqual(ResourcePool(given).scheduling, {"x": 1})
        self.assertEqual(ResourcePool(Rv1Pool(R)).to_dict()["scheduling"], {"x": 1})


class Requests(unittest.TestCase):
    def test_once(self):
        sent = []

        class Fake:
            def respond(self, _msg, payload):
                sent.append(payload)

        class Sched:
            handle = Fake()

            def _answered(self, jobid):
                sent.append(jobid)

        request = AllocRequest(Sched(), None, 3)
        request.annotate({"sched": {"t_estimate": 1.0, "x": None}})
        request.cancel()
        self.assertEqual(sent, [
            {"id": 3, "type": 1, "annotations": {"sched": {"t_estimate": 1.0, "x": None}}},
            {"id": 3, "type": 1, "annotations": {"sched": {"t_estimate": None}}},
            {"id": 3, "type": 3}, 3])
        request.annotate({"user": {}})
        self.assertEqual(len(sent), 4)
        with self.assertRaises(ValueError):
            request.deny("again")

    def test_order(self):
        jobs = [PendingJob(None, i, p, 0, 0.0, None) for i, p in ((5, 16), (2, 16), (9, 31))]
        heapq.heapify(jobs)
        self.assertEqual([heapq.heappop(jobs).jobid for _ in range(3)], [9, 2, 5])

    def test_merge(self):
        tree = {"a": {"b": 1}}
        _merge(tree, {"a": {"b": None, "c": 2}, "d": {"e": 1}})
        self.assertEqual(tree, {"a": {"c": 2}, "d": {"e": 1}})
        self.assertEqual(_nulls(tree), {"a": {"c": None}, "d": {"e": None}})


if __name__ == "__main__":
    sys.exit(unittest.main())
