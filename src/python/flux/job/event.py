"""The events of jobs (RFC 18, 21)."""
from __future__ import annotations

import errno
import json

from flux.core.inner import check, decode, encode, ffi, lib
from flux.future import Future
from flux.job.JobID import JobID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Optional, Union

    from flux.core.handle import Flux

#: the logs of a job by the names that flux job eventlog(1) has for them
_PATHS = {
    "exec": "guest.exec.eventlog",
    "output": "guest.output",
    "input": "guest.input",
}


class EventLogEvent(dict):  # type: ignore[type-arg]
    """One entry of an eventlog: {"timestamp": seconds, "name": text, "context": {}}."""

    def __init__(self, event: Union[str, bytes, dict[str, Any]]) -> None:
        entry = event if isinstance(event, dict) else json.loads(event)
        super().__init__(entry)
        if not isinstance(self.get("name"), str) or "timestamp" not in self:
            raise ValueError(f"eventlog entry without name or timestamp: {event!r}")
        self.setdefault("context", {})

    @property
    def name(self) -> str:
        """The name of the event."""
        return str(self["name"])

    @property
    def timestamp(self) -> float:
        """When: seconds since 1970."""
        return float(self["timestamp"])

    @property
    def context(self) -> dict[str, Any]:
        """What the event says."""
        found: dict[str, Any] = self["context"]
        return found

    @property
    def context_string(self) -> str:
        """The context as key=value, with JSON for values."""
        parts = (f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in self.context.items())
        return ",".join(parts)

    def __str__(self) -> str:
        text = f"{self.timestamp:0.5f}: {self.name}"
        return f"{text} {self.context}" if self.context else text


class JobException(Exception):
    """An exception of a job: timestamp, type, severity (0 is fatal), note."""

    def __init__(self, event: EventLogEvent) -> None:
        self.timestamp = event.timestamp
        self.type = str(event.context.get("type", ""))
        self.note = str(event.context.get("note", ""))
        self.severity = int(event.context.get("severity", 0))
        self.event = event
        super().__init__(event)

    def __str__(self) -> str:
        return f"job.exception: type={self.type} severity={self.severity} note={self.note!r}"


class JobEventWatchFuture(Future):
    """The future of each event of a job."""

    def __init__(
        self, flux_handle: "Flux", jobid: Union[int, str], eventlog: str, flags: int = 0
    ) -> None:
        self.jobid = JobID(jobid)
        self.needs_cancel = True
        path = _PATHS.get(eventlog, eventlog)
        super().__init__(
            lib.flux_job_event_watch(flux_handle.handle, self.jobid, encode(path), flags),
            flux_handle,
        )

    def get_event(self, autoreset: bool = True) -> Optional[EventLogEvent]:
        """Wait for the next event; None when the log has ended.

        With autoreset=False the same event is given until reset(). FileNotFoundError
        if there is no such job or log.
        """
        self._gone_on = False
        self.wait_for()
        text = ffi.new("const char **")
        if lib.flux_job_event_watch_get(self.handle, text) < 0:
            number = ffi.errno
            self.needs_cancel = False
            if number == errno.ENODATA:
                return None
            raise OSError(number, f"job {self.jobid}: {self.error_string()}")
        event = EventLogEvent(decode(text[0]) or "")
        if autoreset:
            self.reset()
            self._gone_on = True
        return event

    def get(self, autoreset: bool = True) -> Optional[EventLogEvent]:
        """The same as get_event()."""
        return self.get_event(autoreset)

    def __aiter__(self) -> "JobEventWatchFuture":
        return self

    async def __anext__(self) -> Any:
        """The next, for `async for`."""
        found = await self
        if found is None or found == (None, None):
            raise StopAsyncIteration
        return found

    def cancel(self, stop: bool = False) -> None:
        """Watch no more. The end comes as None; with stop, no callback comes at all."""
        if self.needs_cancel:
            check(lib.flux_job_event_watch_cancel(self.handle), "cancel")
        if stop and self._then is not None:
            self._then = (lambda future: future.get_event(), (), {})


def event_watch_async(
    flux_handle: "Flux", jobid: Union[int, str], eventlog: str = "eventlog"
) -> JobEventWatchFuture:
    """Begin to watch a log of a job: "eventlog", "guest.exec.eventlog", "guest.output"."""
    return JobEventWatchFuture(flux_handle, jobid, eventlog)


def event_watch(
    flux_handle: "Flux", jobid: Union[int, str], eventlog: str = "eventlog"
) -> Iterator[EventLogEvent]:
    """The events of a job as they come, until its log ends."""
    watcher = event_watch_async(flux_handle, jobid, eventlog)
    try:
        while (event := watcher.get_event()) is not None:
            yield event
    finally:
        watcher.cancel()


def event_wait(
    flux_handle: "Flux",
    jobid: Union[int, str],
    name: str,
    eventlog: str = "eventlog",
    raiseJobException: bool = True,  # pylint: disable=invalid-name
) -> EventLogEvent:
    """Wait for the event `name` of a job.

    JobException if a fatal exception comes first and raiseJobException is set; OSError
    with ENODATA if the log ends first.
    """
    watch: Iterator[EventLogEvent] = event_watch(flux_handle, jobid, eventlog)
    for event in watch:
        if event.name == name:
            watch.close()  # type: ignore[attr-defined]
            return event
        if event.name == "exception" and raiseJobException:
            exc = JobException(event)
            if exc.severity == 0:
                watch.close()  # type: ignore[attr-defined]
                raise exc
    raise OSError(errno.ENODATA, f"job {JobID(jobid)}: the {eventlog} ended without {name}")
