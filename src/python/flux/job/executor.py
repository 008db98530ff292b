"""Jobs as futures of concurrent.futures.

    with flux.job.FluxExecutor() as executor:
        futures = [executor.submit(jobspec) for _ in range(5)]
        for future in concurrent.futures.as_completed(futures):
            print(future.jobid(), future.result())
"""
from __future__ import annotations

import concurrent.futures
import itertools
import logging
import os
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Sequence, Union

from flux.core.inner import lib, not_copied
from flux.future import Future
from flux.job.event import EventLogEvent, JobEventWatchFuture, JobException, event_watch_async
from flux.job.JobID import JobID
from flux.job.submit import SubmitFuture, submit_async

if TYPE_CHECKING:
    from flux.core.handle import Flux

_log = logging.getLogger(__name__)
_numbers = itertools.count()

# Submissions of a thread that are not answered yet; others wait their turn.
_WINDOW = 256

#: the events of RFC 21
_EVENTS = frozenset(
    "submit validate invalidate dependency-add dependency-remove depend priority urgency "
    "flux-restart jobspec-update resource-update alloc prolog-start prolog-finish start "
    "finish epilog-start epilog-finish release free clean exception memo debug set-flags".split()
)


class FluxExecutorFuture(concurrent.futures.Future):  # type: ignore[type-arg]
    """A job of a FluxExecutor, which makes it.

    The result is the highest exit status of its processes, or minus the signal that
    ended them. The exception is a JobException if a fatal exception was raised on the
    job (as by cancel), or an OSError if it could not be submitted or watched.
    cancel() works only until the job is submitted; flux.job.cancel() cancels the job.
    """

    #: names of events
    EVENTS = _EVENTS

    def __init__(self, owning_thread_id: Optional[int] = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owner = owning_thread_id
        self._jobid: Optional[JobID] = None
        self._jobid_failed: Optional[BaseException] = None
        self._jobid_cond = threading.Condition()
        self._jobid_callbacks: list[Callable[[FluxExecutorFuture], Any]] = []
        self._event_lock = threading.RLock()
        self._events: dict[str, list[EventLogEvent]] = {}
        self._event_callbacks: dict[str, list[Callable[..., Any]]] = {}

    def __repr__(self) -> str:
        jobid = self._jobid
        text = super().__repr__()
        return text if jobid is None else f"{text[:-1]} jobid={jobid}>"

    # The id.

    def jobid(self, timeout: Optional[float] = None) -> JobID:
        """Wait for the id of the job, at most timeout seconds.

        CancelledError, TimeoutError, or RuntimeError if it could not be submitted.
        """
        if self._owner == threading.get_ident() and self._jobid is None:
            raise RuntimeError("jobid: a callback cannot wait for what its own thread does")
        with self._jobid_cond:
            known = self._jobid_cond.wait_for(self._jobid_known, timeout)
        if self._jobid is not None:
            return self._jobid
        if not known:
            raise concurrent.futures.TimeoutError()
        if self.cancelled():
            raise concurrent.futures.CancelledError()
        raise RuntimeError(f"job could not be submitted: {self._jobid_failed}")

    def _jobid_known(self) -> bool:
        return self._jobid is not None or self._jobid_failed is not None or self.cancelled()

    def add_jobid_callback(self, callback: Callable[["FluxExecutorFuture"], Any]) -> None:
        """Call callback(future) once the id is known, or now if it is.

        It may be called in another thread, and never if the job is not submitted. What
        it raises is logged.
        """
        with self._jobid_cond:
            if self._jobid is None:
                self._jobid_callbacks.append(callback)
                return
        _call(callback, self)

    def _set_jobid(self, jobid: JobID) -> None:
        with self._jobid_cond:
            self._jobid = jobid
            callbacks, self._jobid_callbacks = self._jobid_callbacks, []
            self._jobid_cond.notify_all()
        for callback in callbacks:
            _call(callback, self)

    def _forked(self, exc: BaseException) -> None:
        """In a child of fork nobody will end it; the locks are whoever's."""
        self._condition = threading.Condition()
        self._jobid_cond = threading.Condition()
        self._event_lock = threading.RLock()
        # Callbacks and waiters are the parent's.
        self._done_callbacks: list[Any] = []
        self._waiters: list[Any] = []
        self._fail(exc)

    def _fail(self, exc: BaseException) -> None:
        with self._jobid_cond:
            if self._jobid is None:
                self._jobid_failed = exc
                self._jobid_callbacks = []
            self._jobid_cond.notify_all()
        if not self.done():
            self.set_exception(exc)

    def cancel(self) -> bool:
        """Cancel it, if it has not been submitted. False if it has."""
        cancelled = super().cancel()
        with self._jobid_cond:
            self._jobid_cond.notify_all()
        return cancelled

    # Events.

    def add_event_callback(
        self, event: str, callback: Callable[["FluxExecutorFuture", EventLogEvent], Any]
    ) -> None:
        """Call callback(future, event) whenever the job has this event.

        For those that it has had already it is called now; else perhaps in another
        thread. What it raises is logged. ValueError if there are no such events.
        """
        if event not in self.EVENTS:
            raise ValueError(f"{event}: no event of jobs; there are {', '.join(sorted(_EVENTS))}")
        with self._event_lock:
            self._event_callbacks.setdefault(event, []).append(callback)
            for entry in self._events.get(event, []):
                _call(callback, self, entry)

    def _set_event(self, event: EventLogEvent) -> None:
        with self._event_lock:
            self._events.setdefault(event.name, []).append(event)
            for callback in self._event_callbacks.get(event.name, []):
                _call(callback, self, event)


def _call(callback: Callable[..., Any], *args: Any) -> None:
    try:
        callback(*args)
    except Exception:  # pylint: disable=broad-except
        _log.exception("callback of %r has raised", args[0])


class _Work:
    """What a thread is to do: submit with these arguments, or watch a job."""

    def __init__(self, future: FluxExecutorFuture, args: Any, kwargs: Any) -> None:
        self.future = future
        self.args = args
        self.kwargs = kwargs


class _Thread:
    """A thread with a handle of its own, which all its jobs go through."""

    def __init__(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.queue: deque[_Work] = deque()
        self.lock = threading.Lock()
        self.ending = False
        self.failed: Optional[BaseException] = None
        self.submitting = 0
        #: futures that are not done, or whose logs have not ended
        self.active: dict[FluxExecutorFuture, Any] = {}
        self.handle: "Flux"
        self.wake_fd: int = os.eventfd(  # type: ignore[attr-defined]
            0, os.EFD_NONBLOCK | os.EFD_CLOEXEC  # type: ignore[attr-defined]
        )
        self.thread = threading.Thread(target=self.run, args=(args, kwargs), name=name)
        try:
            self.thread.start()
        except BaseException:
            os.close(self.wake_fd)
            raise

    # Called by other threads.

    def put(self, work: _Work) -> None:
        """Let the thread do this."""
        with self.lock:
            if self.failed is not None:
                raise RuntimeError(f"FluxExecutor is broken: {self.failed}")
            work.future._owner = self.thread.ident
            self.queue.append(work)
            os.eventfd_write(self.wake_fd, 1)  # type: ignore[attr-defined]

    def end(self) -> None:
        """Let the thread end when it has nothing left to do."""
        with self.lock:
            if not self.ending:
                self.ending = True
                if self.wake_fd >= 0:
                    os.eventfd_write(self.wake_fd, 1)  # type: ignore[attr-defined]

    def drop(self) -> None:
        """Cancel what has not been submitted."""
        for work in list(self.queue):
            work.future.cancel()

    def forked(self, exc: BaseException) -> None:
        """In a child of fork it does not run."""
        if self.wake_fd >= 0:
            os.close(self.wake_fd)
        for future in [work.future for work in self.queue] + list(self.active):
            future._forked(exc)

    # Called by the thread.

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """All that the thread does."""
        from flux.core.handle import Flux

        failed: BaseException = OSError("the thread has ended")
        try:
            with Flux(*args, **kwargs) as self.handle:
                watcher = self.handle.fd_watcher_create(self.wake_fd, self.wake, lib.FLUX_POLLIN)
                with watcher:
                    self.handle.reactor_run()
                    watcher.destroy()
        except BaseException as exc:  # pylint: disable=broad-except
            failed = exc
        finally:
            self.close(failed)

    def close(self, failed: BaseException) -> None:
        """Nothing more can be done: tell all who wait."""
        with self.lock:
            self.failed = failed
            left = [work.future for work in self.queue] + list(self.active)
            self.queue.clear()
            self.active.clear()
            os.close(self.wake_fd)
            self.wake_fd = -1
        for future in left:
            if not future.cancelled():
                future._fail(failed)

    def wake(self, _handle: Any, _watcher: Any, _revents: int, _args: Any) -> None:
        """Somebody has put something, or wants an end."""
        try:
            os.eventfd_read(self.wake_fd)  # type: ignore[attr-defined]
        except BlockingIOError:
            pass
        self.go_on()

    def go_on(self) -> None:
        """Begin what there is room for; stop if all is done and nothing more comes."""
        while self.submitting < _WINDOW:
            with self.lock:
                if not self.queue:
                    break
                work = self.queue.popleft()
                future = work.future
                if not future.set_running_or_notify_cancel():
                    continue
                self.active[future] = None
            self.begin(work)
        if self.ending and not self.active and not self.queue:
            self.handle.reactor_stop()

    def begin(self, work: _Work) -> None:
        """Submit, or watch."""
        try:
            if work.kwargs is None:
                self.watch(work.future, work.args)
            else:
                submit_async(self.handle, *work.args, **work.kwargs).then(
                    self.submitted, work.future
                )
                self.submitting += 1
        except BaseException as exc:  # pylint: disable=broad-except
            self.forget(work.future, exc)

    def submitted(self, rpc: Future, future: FluxExecutorFuture) -> None:
        """The job has an id, or is refused."""
        self.submitting -= 1
        assert isinstance(rpc, SubmitFuture)
        try:
            jobid = rpc.get_id()
        except OSError as exc:
            self.forget(future, exc)
        else:
            self.watch(future, jobid)
        self.go_on()

    def watch(self, future: FluxExecutorFuture, jobid: JobID) -> None:
        """Follow the events of a job."""
        watch = event_watch_async(self.handle, jobid)
        self.active[future] = watch
        watch.then(self.happened, future)
        if not future._jobid:
            future._set_jobid(jobid)

    def happened(self, watch: Future, future: FluxExecutorFuture) -> None:
        """A job has an event."""
        assert isinstance(watch, JobEventWatchFuture)
        try:
            event = watch.get_event()
        except OSError as exc:
            self.forget(future, exc)
        else:
            if event is not None:
                future._set_event(event)
                self.take(future, event)
                return
            self.forget(future, OSError("the job's eventlog has ended without a result"))
        self.go_on()

    @staticmethod
    def take(future: FluxExecutorFuture, event: EventLogEvent) -> None:
        """An event may be the result."""
        if future.done():
            return
        if event.name == "finish":
            future.set_result(os.waitstatus_to_exitcode(event.context["status"]))
        elif event.name == "exception" and event.context.get("severity") == 0:
            future.set_exception(JobException(event))

    def forget(self, future: FluxExecutorFuture, exc: BaseException) -> None:
        """Nothing more will be known of a job."""
        self.active.pop(future, None)
        future._fail(exc)


_executors: "weakref.WeakSet[FluxExecutor]" = weakref.WeakSet()


def _end_all() -> None:
    """The interpreter waits for threads before it ends: they have to know of it."""
    for executor in list(_executors):
        executor.shutdown(wait=False)


def _forked() -> None:
    """A child of fork has no threads but the one that forked."""
    for executor in list(_executors):
        executor._forked()


os.register_at_fork(after_in_child=_forked)

# As concurrent.futures does; what atexit has comes after the threads.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]


class FluxExecutor:
    """Submits and watches jobs in threads of its own.

    It is used like an executor of concurrent.futures, but submit() takes a Jobspec, and
    there is no map(). Each thread has a handle of its own, Flux(*handle_args,
    **handle_kwargs), and is started when it is first needed.

    threads: how many; jobs go to them in turn. thread_name_prefix: what their names
    begin with. poll_interval: some programs pass it; nothing is polled here, so that it
    changes nothing.
    """

    #: names of events
    EVENTS = _EVENTS

    def __init__(
        self,
        threads: int = 1,
        thread_name_prefix: str = "",
        poll_interval: float = 0.1,
        handle_args: Sequence[Any] = (),
        handle_kwargs: Optional[Mapping[str, Any]] = None,
    ) -> None:
        if not isinstance(threads, int):
            raise TypeError(f"the number of threads must be an integer, not {threads!r}")
        if threads < 1:
            raise ValueError(f"the number of threads must be at least 1, not {threads}")
        if poll_interval <= 0:
            raise ValueError(f"poll_interval must be greater than 0, not {poll_interval}")
        number = next(_numbers)
        self._prefix = thread_name_prefix or f"{type(self).__name__}-{number}"
        self._count = threads
        self._turn = 0
        self._handle_args = tuple(handle_args)
        self._handle_kwargs = dict(handle_kwargs or {})
        self._threads: list[_Thread] = []
        self._lock = threading.Lock()
        self._shutdown = False
        self._broken: Optional[BaseException] = None
        _executors.add(self)

    __reduce__ = not_copied

    def __del__(self) -> None:
        # Nobody can submit any more. The threads do not know their executor.
        for thread in getattr(self, "_threads", []):
            thread.end()

    def _forked(self) -> None:
        """What has not begun can be used in the child."""
        self._lock = threading.Lock()
        threads, self._threads = self._threads, []
        if threads:
            why = "its threads did not come along through fork(); make one in the child"
            self._broken = RuntimeError(f"FluxExecutor is broken: {why}")
            for thread in threads:
                thread.forked(self._broken)

    def __enter__(self) -> "FluxExecutor":
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.shutdown(wait=True)

    def submit(self, *args: Any, **kwargs: Any) -> FluxExecutorFuture:
        """Submit a job: its future. Arguments are those of flux.job.submit() but the handle.

        RuntimeError if the executor is shut down, or has lost its connection.
        """
        if not args and "jobspec" not in kwargs:
            raise TypeError("submit: needs a jobspec")
        return self._put(FluxExecutorFuture(), args, kwargs)

    def attach(self, jobid: Union[int, str]) -> FluxExecutorFuture:
        """The future of a job that exists. It has all events, also those of before."""
        future = FluxExecutorFuture()
        number = JobID(jobid)
        future._set_jobid(number)
        return self._put(future, number, None)

    def _put(self, future: FluxExecutorFuture, args: Any, kwargs: Any) -> FluxExecutorFuture:
        with self._lock:
            if self._broken is not None:
                raise self._broken
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            index = self._turn % self._count
            self._turn += 1
            if index == len(self._threads):
                name = f"{self._prefix}-{index}"
                self._threads.append(_Thread(name, self._handle_args, self._handle_kwargs))
            self._threads[index].put(_Work(future, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; the threads end when all jobs have ended.

        wait: return only then. cancel_futures: cancel what has not been submitted.
        """
        with self._lock:
            self._shutdown = True
            threads = list(self._threads)
        for thread in threads:
            if cancel_futures:
                thread.drop()
            thread.end()
        if wait:
            for thread in threads:
                thread.thread.join()
