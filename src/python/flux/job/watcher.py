"""Watch many jobs at once: their events, their output, how they end."""
from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any, Iterable, Optional, Union

from flux.future import Future
from flux.job.event import EventLogEvent, JobEventWatchFuture, event_watch_async
from flux.job.info import JobInfo
from flux.job.JobID import JobID
from flux.job.output import JobOutputWatch, output_watch_async

if TYPE_CHECKING:
    from flux.core.handle import Flux


class JobWatcher:
    """Watches jobs from the reactor of a handle, until they have ended.

        watcher = JobWatcher(handle, [jobid], labelio=True).start()
        handle.reactor_run()
        sys.exit(watcher.exitcode)

    jobs: JobInfo or ids; add_job() and add_jobid() add more. watch: print their output.
    labelio: lines begin with the rank of their task. log_events: print their events to
    stderr. log_status: print to stderr how they end, if not well. wait: an event that is
    enough: a job counts as ended once it has it. stdout, stderr: files to print to.
    """

    def __init__(
        self,
        flux_handle: "Flux",
        jobs: Iterable[Union[JobInfo, int, str]] = (),
        watch: bool = True,
        labelio: bool = False,
        log_events: bool = False,
        log_status: bool = False,
        wait: Optional[str] = None,
        stdout: Optional[IO[str]] = None,
        stderr: Optional[IO[str]] = None,
    ) -> None:
        self.handle = flux_handle
        self.watch = watch
        self.labelio = labelio
        self.log_events = log_events
        self.log_status = log_status
        self.wait = wait
        self.stdout = stdout
        self.stderr = stderr
        #: the highest exit status of all jobs; 1 for one that has an exception
        self.exitcode = 0
        self.ntotal = 0
        self.ndone = 0
        self._open: dict[Future, JobID] = {}
        self._waiting: list[JobID] = []
        self._started = False
        self._exceptions: set[JobID] = set()
        for job in jobs:
            self.add_jobid(job.id if isinstance(job, JobInfo) else job)

    @property
    def done(self) -> bool:
        """Have all jobs ended?"""
        return self._started and not self._open

    def add_job(self, job: JobInfo) -> None:
        """Watch one more."""
        self.add_jobid(job.id)

    def add_jobid(self, jobid: Union[int, str]) -> None:
        """Watch one more."""
        self.ntotal += 1
        if self._started:
            self._begin(JobID(jobid))
        else:
            self._waiting.append(JobID(jobid))

    def start(self) -> "JobWatcher":
        """Begin."""
        self._started = True
        for jobid in self._waiting:
            self._begin(jobid)
        self._waiting.clear()
        return self

    def stop(self) -> None:
        """Watch no more."""
        for future in list(self._open):
            future.cancel(stop=True)  # type: ignore[attr-defined]
        self._open.clear()

    def _begin(self, jobid: JobID) -> None:
        events = event_watch_async(self.handle, jobid)
        self._open[events] = jobid
        events.then(self._event)
        if self.watch:
            output = output_watch_async(self.handle, jobid, self.labelio)
            self._open[output] = jobid
            output.then(self._output)

    def _say(self, text: str) -> None:
        print(text, file=self.stderr or sys.stderr)

    def _event(self, future: Future) -> None:
        assert isinstance(future, JobEventWatchFuture)
        if future not in self._open:
            return
        try:
            event = future.get_event()
        except OSError as exc:
            self._say(f"{future.jobid}: {exc.strerror}")
            self._end(future, 1)
            return
        if event is None:
            self._end(future, 0)
            return
        if self.log_events:
            self._say(f"{future.jobid}: {event}")
        self._take(future.jobid, event)
        if event.name == self.wait:
            future.cancel(stop=True)
            self._end(future, 0)

    def _take(self, jobid: JobID, event: EventLogEvent) -> None:
        if event.name == "finish":
            code = os.waitstatus_to_exitcode(event.context["status"])
            code = 128 - code if code < 0 else code
            if code and self.log_status and jobid not in self._exceptions:
                self._say(f"{jobid}: exited with exit code {code}")
            self.exitcode = max(self.exitcode, code)
        elif event.name == "exception" and event.context.get("severity") == 0:
            self._exceptions.add(jobid)
            self.exitcode = max(self.exitcode, 1)
            if self.log_status:
                kind, note = event.context.get("type"), event.context.get("note")
                self._say(f"{jobid}: exception: type={kind} note={note}")

    def _end(self, future: Future, code: int) -> None:
        self.exitcode = max(self.exitcode, code)
        jobid = self._open.pop(future)
        if jobid not in self._open.values():
            self.ndone += 1

    def _output(self, future: Future) -> None:
        assert isinstance(future, JobOutputWatch)
        try:
            stream, text = future.get_output()
        except OSError:
            stream, text = None, None
        if stream is None or text is None:
            if future in self._open:
                self._end(future, 0)
            return
        if stream == "stdout":
            where: Any = self.stdout or sys.stdout
        else:
            where = self.stderr or sys.stderr
        where.write(text)
