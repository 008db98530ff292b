"""Schedulers written in Python.

    import heapq
    from flux.resource import InfeasibleRequest, InsufficientResources
    from flux.scheduler import Scheduler

    class Simple(Scheduler):
        def schedule(self):
            while self._queue:
                job = self._queue[0]
                try:
                    job.request.success(self.resources.alloc(job.jobid, job.resource_request))
                except InsufficientResources:
                    break
                except InfeasibleRequest as exc:
                    job.request.deny(str(exc))
                heapq.heappop(self._queue)

    def mod_main(h, *args):
        Simple(h, *args).run()

The base class speaks with job-manager (RFC 27) and with the resource module (RFC 28);
what follows it is in its own hands: schedule() says who runs.
"""
from __future__ import annotations

import errno
import heapq
import importlib
import importlib.util
import inspect
import os
import sys
import syslog
import time
import traceback
import urllib.parse
from typing import Any, Callable, Generator, Mapping, Optional, Union

from flux.brokermod import BrokerModule, request_handler
from flux.constants import FLUX_RPC_STREAMING
from flux.core.handle import Flux
from flux.core.watchers import TimerWatcher
from flux.job.kill import job_raise_async
from flux.message import Message
from flux.resource import (
    InfeasibleRequest,
    InsufficientResources,
    ResourcePool,
    ResourceSet,
)
from flux.rpc import RPC

# Answers to sched.alloc.
_SUCCESS, _ANNOTATE, _DENY, _CANCEL = range(4)

Annotations = Mapping[str, Any]


class AllocRequest:
    """What job-manager has asked for, and not been told yet.

    It ends with one of success(), deny() and cancel(); each of them a second time is a
    ValueError.
    """

    def __init__(self, scheduler: "Scheduler", msg: Message, jobid: int) -> None:
        self._scheduler = scheduler
        self._msg = msg
        self.jobid = jobid
        self.finalized = False
        self._annotated: dict[str, Any] = {}

    def _respond(self, kind: int, **more: Any) -> None:
        self._scheduler.handle.respond(self._msg, {"id": self.jobid, "type": kind, **more})

    def _end(self, kind: int, **more: Any) -> None:
        if self.finalized:
            raise ValueError(f"job {self.jobid}: the request has its answer already")
        self._respond(kind, **more)
        self.finalized = True
        self._scheduler._answered(self.jobid)

    def success(self, R: Any, annotations: Optional[Annotations] = None) -> None:
        """The job has resources: R, or what the pool's alloc() gave. R is in the KVS
        before the job starts."""
        text = R.to_dict() if hasattr(R, "to_dict") else R
        more = {} if annotations is None else {"annotations": dict(annotations)}
        # job-manager stores R together with the event that tells of it.
        self._end(_SUCCESS, R=text, R_owed=True, **more)

    def deny(self, note: Optional[str] = None) -> None:
        """The job can never run."""
        self._end(_DENY, **({} if note is None else {"note": note}))

    def cancel(self) -> None:
        """The request is withdrawn, as sched.cancel wanted. What it was annotated with
        is cleared."""
        if self._annotated and not self.finalized:
            self._respond(_ANNOTATE, annotations=_nulls(self._annotated))
        self._end(_CANCEL)

    def annotate(self, annotations: Annotations) -> None:
        """Say something about the job that waits; what is None is cleared. When it does
        not wait any more, this does nothing."""
        if self.finalized:
            return
        self._respond(_ANNOTATE, annotations=dict(annotations))
        _merge(self._annotated, annotations)


def _merge(into: dict[str, Any], new: Annotations) -> None:
    for key, value in new.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(key, {}), value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value


def _nulls(tree: Annotations) -> dict[str, Any]:
    return {k: _nulls(v) if isinstance(v, Mapping) else None for k, v in tree.items()}


class PendingJob:
    """A job that waits for resources. They are sorted: the most urgent is the least, and
    among equals the oldest."""

    def __init__(
        self,
        request: AllocRequest,
        jobid: int,
        priority: int,
        userid: int,
        t_submit: float,
        resource_request: Any,
    ) -> None:
        self.request = request
        self.jobid = jobid
        self.priority = priority
        self.userid = userid
        self.t_submit = t_submit
        self.resource_request = resource_request
        self._last_annotation: Any = None

    def __lt__(self, other: "PendingJob") -> bool:
        return (-self.priority, self.jobid) < (-other.priority, other.jobid)

    def __repr__(self) -> str:
        return f"<flux.scheduler.PendingJob {self.jobid} priority={self.priority}>"


class _Driver:
    """Runs a function of the scheduler: at once, or step by step if it is a generator."""

    def __init__(self, h: Flux, done: Callable[[Optional[float]], None]) -> None:
        self.done = done
        self.generator: Optional[Generator[Any, None, None]] = None
        self.yields = 0
        self.passes = 0
        self.timer: TimerWatcher = h.timer_watcher_create(0, self._step)

    @property
    def busy(self) -> bool:
        """Is a generator under way?"""
        return self.generator is not None

    def begin(self, function: Callable[[], Any]) -> None:
        """Call it."""
        begin = time.monotonic()
        found = function()
        if inspect.isgenerator(found):
            self.generator = found
            self._step()
        else:
            self._end(time.monotonic() - begin)

    def _step(self, *_args: Any) -> None:
        if self.generator is None:
            return
        try:
            next(self.generator)
        except StopIteration:
            self.generator = None
            self._end(None)
            return
        self.yields += 1
        self.timer.reset(0, 0)
        self.timer.start()

    def _end(self, duration: Optional[float]) -> None:
        self.passes += 1
        self.done(duration)

    def abort(self) -> None:
        """What is under way ends here."""
        if self.generator is not None:
            self.generator.close()
            self.generator = None
        self.timer.stop()


class Scheduler(BrokerModule):
    """A scheduler: override schedule().

    args: queue-depth=N|unlimited, log-level=NAME, pool-class=URI; another one is a
    ValueError, so that a subclass has to take its own before.
    """

    #: how many requests job-manager may have open: a number or "unlimited"
    queue_depth: Union[int, str] = "unlimited"
    #: the class of self.resources; None: as R says, or ResourcePool
    pool_class: Optional[type[ResourcePool]] = None
    #: no pass waits longer than this for more to come (s)
    SCHED_DELAY_MAX = 1.0
    #: how much of the averages is the newest sample
    SCHED_EWMA_ALPHA = 0.25

    def __init__(self, h: Flux, *args: str) -> None:
        super().__init__(h, *args)
        self.log.set_level("info")
        #: what can be allocated
        self.resources: Any = None
        #: a heap of PendingJob
        self._queue: list[PendingJob] = []
        self._pending: dict[int, PendingJob] = {}
        self._stale = 0
        self._sched_pending = False
        self._sched_delay = 0.0
        self._sched_interval_ewma = 0.0
        self._sched_duration_ewma = 0.0
        self._last_request: Optional[float] = None
        for arg in args:
            self._argument(arg)
        self._passes = _Driver(h, self._scheduled)
        self._forecasts = _Driver(h, lambda duration: None)
        self._sched_timer = h.timer_watcher_create(0, self._begin_pass)
        self._acquire: Optional[RPC] = None

    def _argument(self, arg: str) -> None:
        name, _, value = arg.partition("=")
        if name == "queue-depth":
            if value != "unlimited" and not (value.isdecimal() and int(value) > 0):
                raise ValueError(f"{arg}: must be a positive number, or unlimited")
            self.queue_depth = value if value == "unlimited" else int(value)
        elif name == "log-level":
            self.log.set_level(value)
        elif name == "pool-class":
            self.pool_class = self._pool_class_from_uri(value)
        else:
            raise ValueError(f"unknown argument: {arg}")

    @property
    def log_level(self) -> int:
        """What is less urgent is not written (syslog.LOG_...)."""
        return self.log.level

    @log_level.setter
    def log_level(self, value: Union[int, str]) -> None:
        self.log.set_level(value)

    # The pool.

    def _pool_class_from_uri(self, uri: str) -> type[ResourcePool]:
        """The class that an URI names: file:///PATH.py has one named as the file is
        (or as the #fragment says); with another scheme, the module SCHEME:NAME's
        pool_class. ValueError."""
        parts = urllib.parse.urlsplit(uri)
        if parts.scheme == "file":
            path = urllib.parse.unquote(parts.path)
            stem = os.path.splitext(os.path.basename(path))[0]
            module = _load_file(path, stem)
            found = getattr(module, parts.fragment or stem, None)
        else:
            name = (parts.netloc + parts.path).strip("/").replace("/", ".") or uri
            try:
                found = getattr(importlib.import_module(name), "pool_class", None)
            except ImportError as exc:
                raise ValueError(f"pool-class {uri}: {exc}") from exc
        if not (isinstance(found, type) and issubclass(found, ResourcePool)):
            raise ValueError(f"pool-class {uri}: there is no class of resource pools")
        return found

    def _pool_class_from_writer(self, R: Mapping[str, Any]) -> Optional[type[ResourcePool]]:
        """What scheduling.writer of R names, or None."""
        scheduling = R.get("scheduling")
        writer = scheduling.get("writer") if isinstance(scheduling, Mapping) else None
        if not isinstance(writer, str) or ":" not in writer:
            return None
        return self._pool_class_from_uri(writer)

    def _make_pool(self, R: Mapping[str, Any]) -> ResourcePool:
        """The pool for R."""
        found = self.pool_class or self._pool_class_from_writer(R) or ResourcePool
        return found(R, log=self.log)

    # Start and end.

    def run(self) -> None:
        """Serve until the module is removed."""
        try:
            for service in ("sched", "feasibility"):
                self.handle.service_register(service).get()
            self._acquire_resources()
            self._say_hello()
            self._say_ready()
            assert self._acquire is not None
            self._acquire.then(self._resource_cb)
            self.handle.reactor_run()
        finally:
            self._passes.abort()
            self._forecasts.abort()
            self._unregister()

    def _acquire_resources(self) -> None:
        """Wait for the first answer to resource.acquire, and make the pool."""
        self._acquire = self.handle.rpc("resource.acquire", flags=FLUX_RPC_STREAMING)
        first = self._acquire.get()
        self.resources = self._make_pool(first["resources"])
        self._apply(first)
        self._acquire.reset()
        self.log(syslog.LOG_DEBUG, f"resources: {self.resources.dumps()}")

    def _say_hello(self) -> None:
        """Take the resources of jobs that run."""
        payload = {"partial-ok": True}
        rpc = self.handle.rpc("job-manager.sched-hello", payload, flags=FLUX_RPC_STREAMING)
        while True:
            try:
                job = rpc.get()
            except OSError as exc:
                if exc.errno == errno.ENODATA:
                    return
                raise
            self._hello_one(job)
            rpc.reset()

    def _hello_one(self, job: Mapping[str, Any]) -> None:
        try:
            found = ResourceSet(job["R"])
            if job.get("free"):
                found.remove_ranks(job["free"])
            self.hello(job["id"], job["priority"], job["userid"], job["t_submit"], found)
        except (ValueError, OSError) as exc:
            self.log.error(f"hello: job {job['id']}: {exc}")
            # What it has is not what there is: it cannot go on.
            note = "failed to reallocate R for running job"
            job_raise_async(self.handle, job["id"], "scheduler-restart", 0, note)

    def _say_ready(self) -> None:
        payload: dict[str, Any] = {"mode": "unlimited"}
        if self.queue_depth != "unlimited":
            payload = {"mode": "limited", "limit": int(self.queue_depth)}
        count = self.handle.rpc("job-manager.sched-ready", payload).get()["count"]
        self.log(syslog.LOG_DEBUG, f"ready: {count} jobs wait")

    def _resource_cb(self, rpc: RPC) -> None:
        self._apply(rpc.get())
        rpc.reset()
        self.resource_update()
        self._request_schedule()

    def _apply(self, update: Mapping[str, Any]) -> None:
        """What the resource module says."""
        pool = self.resources
        for key, method in (
            ("up", pool.set_up), ("down", pool.set_down), ("shrink", pool.remove_ranks)
        ):
            if update.get(key):
                method(update[key])
        for name, ranks in (update.get("property-remove") or {}).items():
            pool.remove_property(name, ranks)
        for name, ranks in (update.get("property-add") or {}).items():
            pool.set_property(name, ranks)
        if update.get("expiration") is not None:
            pool.expiration = update["expiration"]

    # Requests.

    @request_handler("sched.alloc", prefix=False)
    def _alloc(self, msg: Message) -> None:
        job = msg.payload
        request = AllocRequest(self, msg, job["id"])
        try:
            self.alloc(
                request, job["id"], job["priority"], job["userid"], job["t_submit"],
                job["jobspec"],
            )
        except Exception as exc:  # pylint: disable=broad-except
            if not isinstance(exc, (ValueError, OSError)):
                self.log.error(traceback.format_exc())
            # An error would say that the scheduler is no more.
            if not request.finalized:
                request.deny(str(exc) or repr(exc))
        self._request_schedule()

    @request_handler("sched.free", prefix=False)
    def _free(self, msg: Message) -> None:
        job = msg.payload
        self._told(self.free, job["id"], ResourceSet(job["R"]), bool(job.get("final", False)))

    @request_handler("sched.cancel", prefix=False)
    def _cancel(self, msg: Message) -> None:
        self._told(self.cancel, msg.payload["id"])

    @request_handler("sched.prioritize", prefix=False)
    def _prioritize(self, msg: Message) -> None:
        self._told(self.prioritize, msg.payload["jobs"])

    def _told(self, method: Callable[..., Any], *args: Any) -> None:
        """These are not answered, whatever becomes of them."""
        try:
            method(*args)
        except Exception as exc:  # pylint: disable=broad-except
            self.log.error(f"{method.__name__}: {exc!r}")
        self._request_schedule()

    @request_handler("sched.expiration", prefix=False)
    def _expiration(self, msg: Message) -> None:
        self.expiration(msg.payload["id"], msg.payload["expiration"])
        self.handle.respond(msg)
        self._request_schedule()

    @request_handler("sched.resource-status", prefix=False, allow_guest=True)
    def _status(self, msg: Message) -> None:
        self.handle.respond(msg, self.resources.status())

    @request_handler("feasibility.check", prefix=False, allow_guest=True)
    def _feasibility(self, msg: Message) -> None:
        self.feasibility_check(msg, msg.payload["jobspec"])

    @request_handler("stats-get", allow_guest=True)
    def _stats(self, msg: Message) -> None:
        self.handle.respond(msg, self.stats_get())

    # What a subclass may override.

    def hello(self, jobid: int, priority: int, userid: int, t_submit: float, R: Any) -> None:
        """A job that runs already, once for each, before anything else."""
        self.resources.register_alloc(jobid, R)

    def alloc(
        self,
        request: AllocRequest,
        jobid: int,
        priority: int,
        userid: int,
        t_submit: float,
        jobspec: Mapping[str, Any],
    ) -> None:
        """A job asks for resources: put it into the queue. What it raises denies it."""
        wanted = self.resources.parse_resource_request(jobspec)
        job = PendingJob(request, jobid, priority, userid, t_submit, wanted)
        self._pending[jobid] = job
        heapq.heappush(self._queue, job)

    def free(self, jobid: int, R: Any, final: bool = False) -> None:
        """A job gives resources back: R, and if final no more will come."""
        self.resources.free(jobid, R, final)

    def cancel(self, jobid: int) -> None:
        """The request of a job is withdrawn. If it has its answer, nothing is to do."""
        job = self._pending.get(jobid)
        if job is not None:
            # All of these leave the queue at once, before the next pass.
            self._stale += 1
            job.request.cancel()

    def prioritize(self, jobs: list[list[int]]) -> None:
        """Jobs have other priorities: [[jobid, priority], ...]."""
        for jobid, priority in jobs:
            if jobid in self._pending:
                self._pending[jobid].priority = priority
        heapq.heapify(self._queue)

    def expiration(self, jobid: int, expiration: float) -> None:
        """A job that runs ends at another time."""
        self.resources.update_expiration(jobid, expiration)

    def schedule(self) -> Any:
        """Give resources to jobs of the queue. A generator is asked for one step in each
        turn of the reactor."""

    def forecast(self) -> Any:
        """After each pass: say when jobs will start. May be a generator."""

    def resource_update(self) -> None:
        """Ranks have come, gone, or changed."""

    def feasibility_check(self, msg: Message, jobspec: Mapping[str, Any]) -> None:
        """Answer whether such a job could ever run."""
        try:
            self.resources.check_feasibility(self.resources.parse_resource_request(jobspec))
        except (ValueError, OSError) as exc:
            self.handle.respond_error(msg, errno.EINVAL, str(exc))
        else:
            self.handle.respond(msg)

    def stats_get(self) -> dict[str, Any]:
        """What `flux module stats` shows."""
        return {
            "sched_passes": self._passes.passes,
            "sched_yields": self._passes.yields,
            "forecast_passes": self._forecasts.passes,
            "forecast_yields": self._forecasts.yields,
            "sched_delay": self._sched_delay,
            "sched_duration_ewma": self._sched_duration_ewma,
            "sched_interval_ewma": self._sched_interval_ewma,
            "pending_jobs": len(self._pending),
        }

    def start_schedule(self) -> None:
        """Let a pass begin: end the one under way, and set the timer."""
        self._passes.abort()
        self._sched_timer.reset(self._sched_delay, 0)
        self._sched_timer.start()

    # Passes.

    def _answered(self, jobid: int) -> None:
        self._pending.pop(jobid, None)

    def _average(self, old: float, sample: float) -> float:
        return self.SCHED_EWMA_ALPHA * sample + (1 - self.SCHED_EWMA_ALPHA) * old

    def _request_schedule(self) -> None:
        """Something has changed: a pass is due."""
        now = time.monotonic()
        if self._last_request is not None:
            sample = now - self._last_request
            self._sched_interval_ewma = self._average(self._sched_interval_ewma, sample)
        self._last_request = now
        if not self._sched_pending:
            self._sched_pending = True
            self.start_schedule()

    def _begin_pass(self, *_args: Any) -> None:
        self._sched_pending = False
        if self._stale:
            self._queue[:] = [job for job in self._queue if not job.request.finalized]
            heapq.heapify(self._queue)
            self._stale = 0
        self._passes.begin(self.schedule)

    def _scheduled(self, duration: Optional[float]) -> None:
        """A pass is over; duration is None if it was a generator's."""
        if duration is not None:
            self._sched_duration_ewma = self._average(self._sched_duration_ewma, duration)
            self._adapt()
        if not self._forecasts.busy:
            self._forecasts.begin(self.forecast)

    def _adapt(self) -> None:
        delay = 0.0
        if self._sched_interval_ewma < self._sched_duration_ewma:
            delay = min(self._sched_duration_ewma, self.SCHED_DELAY_MAX)
        if (delay > 0) != (self._sched_delay > 0):
            self.log(syslog.LOG_DEBUG, f"passes wait {delay:.6f}s for more to come")
        self._sched_delay = delay

    def _shadow_time(self, job: PendingJob) -> Optional[float]:
        """When a job could start if all end when they have to; None: that is not known."""
        steps = self._shadow_steps(job)
        while True:
            try:
                next(steps)
            except StopIteration as found:
                time_found: Optional[float] = found.value
                return time_found

    def _shadow_steps(self, job: PendingJob) -> Generator[None, None, Optional[float]]:
        """The same as a generator, for `yield from` in forecast()."""
        pool = self.resources.copy()
        for jobid, end in self.resources.job_end_times():
            pool.free(jobid, None)
            try:
                pool.alloc(job.jobid, job.resource_request)
            except InsufficientResources:
                yield
                continue
            except OSError:
                return None
            return float(end)
        return None


class FIFOScheduler(Scheduler):
    """First come, first served: as long as the first job has to wait, all others do."""

    queue_depth: Union[int, str] = 8

    def schedule(self) -> Generator[None, None, None]:
        """Give resources to the head of the queue."""
        while self._queue:
            job = self._queue[0]
            try:
                found = self.resources.alloc(job.jobid, job.resource_request)
            except InsufficientResources:
                return
            except OSError as exc:
                job.request.deny(str(exc))
            else:
                summary = {"resource_summary": found.dumps(), "t_estimate": None}
                job.request.success(found, {"sched": summary})
            heapq.heappop(self._queue)
            yield

    def forecast(self) -> Generator[None, None, None]:
        """Say when the head of the queue will start."""
        job = self._queue[0] if self._queue else None
        if job is None or job.request.finalized:
            return
        estimate = yield from self._shadow_steps(job)
        if estimate is not None and estimate != job._last_annotation:
            job._last_annotation = estimate
            job.request.annotate({"sched": {"t_estimate": estimate}})


def _load_file(path: str, stem: str) -> Any:
    name = f"flux_pool_{stem.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not os.path.exists(path):
        raise ValueError(f"pool-class {path}: no such file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


__all__ = [
    "AllocRequest",
    "FIFOScheduler",
    "InfeasibleRequest",
    "InsufficientResources",
    "PendingJob",
    "Scheduler",
]
