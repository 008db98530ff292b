"""The output of jobs (RFC 24)."""
from __future__ import annotations

import base64
import errno
import sys
from collections import deque
from typing import IO, TYPE_CHECKING, Any, Iterator, NamedTuple, Optional, Union

from flux.core.inner import lib
from flux.idset import IDset
from flux.job.event import EventLogEvent, JobEventWatchFuture
from flux.job.JobID import JobID
from flux.job.kvslookup import job_eventlog

if TYPE_CHECKING:
    from flux.core.handle import Flux

_LEVELS = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "", "", "DEBUG", "TRACE")
Chunk = tuple[Optional[str], Optional[str]]


class OutputEvent(EventLogEvent):
    """Output: stream is stdout or stderr; rank is of the task, as text (an idset);
    data is text, or None; eof: the stream of these tasks has ended."""

    def __init__(self, entry: Union[str, dict[str, Any]], labelio: bool = False) -> None:
        super().__init__(entry)
        context = self.context
        self.stream: str = context["stream"]
        self.rank: str = str(context["rank"])
        self.eof: bool = bool(context.get("eof", False))
        data: Optional[str] = context.get("data")
        if data is not None and context.get("encoding") == "base64":
            data = base64.b64decode(data).decode("utf-8", "surrogateescape")
        if data is not None:
            data *= int(context.get("repeat", 1))
        self.data: Optional[str] = data
        self.label = f"{self.rank}: " if labelio else ""


class RedirectEvent(EventLogEvent):
    """The output of tasks goes to a file: stream, rank, path."""

    def __init__(self, entry: Union[str, dict[str, Any]]) -> None:
        super().__init__(entry)
        self.stream: str = self.context.get("stream", "stdout")
        self.rank: str = str(self.context.get("rank", ""))
        self.path: str = self.context.get("path", "")

    def render(self) -> str:
        """A line for people."""
        return f"{self.rank}: {self.stream} redirected to {self.path}"


class LogEvent(EventLogEvent):
    """A message of the job shell: level (as of syslog), message, rank (of the shell, or
    None), component, file, line."""

    def __init__(self, entry: Union[str, dict[str, Any]]) -> None:
        super().__init__(entry)
        context = self.context
        self.level: int = int(context.get("level", 5))
        self.message: str = context.get("message", "")
        self.rank: Optional[int] = context.get("rank")
        self.component: str = context.get("component", "")
        self.file: Optional[str] = context.get("file")
        self.line: int = int(context.get("line", -1))

    def render(self) -> str:
        """A line for people."""
        rank = "" if self.rank is None else f"[{self.rank}]"
        level = _LEVELS[self.level] if 0 <= self.level < len(_LEVELS) else ""
        parts = [f"flux-shell{rank}", level, self.component, self.message]
        return ": ".join(part for part in parts if part)


class JobExceptionEvent(EventLogEvent):
    """An exception of the job: severity, exc_type, note."""

    def __init__(self, entry: Union[str, dict[str, Any]]) -> None:
        super().__init__(entry)
        self.severity: int = int(self.context.get("severity", 0))
        self.exc_type: str = self.context.get("type", "")
        self.note: str = self.context.get("note", "")

    def render(self) -> str:
        """A line for people."""
        text = f"job.exception type={self.exc_type} severity={self.severity}"
        return f"{text} {self.note}" if self.note else text


def _typed(event: EventLogEvent, labelio: bool) -> EventLogEvent:
    if event.name == "data":
        return OutputEvent(event, labelio)
    kinds = {"redirect": RedirectEvent, "log": LogEvent, "exception": JobExceptionEvent}
    return kinds[event.name](event) if event.name in kinds else event


class JobOutputEventWatch(JobEventWatchFuture):
    """The future of each event of a job's output."""

    def __init__(
        self,
        flux_handle: "Flux",
        jobid: Union[int, str],
        labelio: bool = False,
        nowait: bool = False,
    ) -> None:
        self.labelio = labelio
        flags = 0 if nowait else lib.FLUX_JOB_EVENT_WATCH_WAITCREATE
        super().__init__(flux_handle, jobid, "guest.output", flags)

    def get_event(self, autoreset: bool = True) -> Optional[EventLogEvent]:
        """Wait for the next event: OutputEvent, RedirectEvent, LogEvent, or the header.

        None at the end. FileNotFoundError if there is no such job or, with nowait, no
        output yet.
        """
        event = super().get_event(autoreset)
        return None if event is None else _typed(event, self.labelio)


class JobOutputWatch(JobOutputEventWatch):
    """The future of each piece of a job's output."""

    def __init__(
        self,
        flux_handle: "Flux",
        jobid: Union[int, str],
        labelio: bool = False,
        log_stderr_level: int = 7,
        nowait: bool = False,
    ) -> None:
        self.log_level = log_stderr_level
        self._chunks: deque[Union[Chunk, OSError]] = deque()
        self._midline: dict[tuple[str, str], bool] = {}
        super().__init__(flux_handle, jobid, labelio, nowait)

    def _take(self, event: Optional[EventLogEvent]) -> None:
        if event is None:
            self._chunks.append((None, None))
        elif isinstance(event, OutputEvent):
            text = self._labelled(event)
            if text:
                self._chunks.append((event.stream, text))
        elif isinstance(event, (RedirectEvent, LogEvent)):
            if not isinstance(event, LogEvent) or event.level <= self.log_level:
                self._chunks.append(("log", event.render() + "\n"))

    def _labelled(self, event: OutputEvent) -> str:
        """Each line gets its label once, however many pieces it comes in."""
        key = (event.stream, event.rank)
        midline = self._midline.get(key, False)
        text = event.data or ""
        if event.label:
            lines = text.splitlines(keepends=True)
            first = "" if midline else event.label
            text = "".join((event.label if i else first) + line for i, line in enumerate(lines))
        if text:
            self._midline[key] = not text.endswith("\n")
        return text

    def get_output(self) -> Chunk:
        """Wait for the next piece: (stream, text); stream is stdout, stderr or log.

        (None, None) at the end.
        """
        while not self._chunks:
            self._take(self.get_event())
        chunk = self._chunks.popleft()
        if isinstance(chunk, OSError):
            raise chunk
        return chunk

    def get(self, autoreset: bool = True) -> Any:
        """The same as get_output(); without autoreset the piece stays the next one."""
        chunk = self.get_output()
        if not autoreset:
            self._chunks.appendleft(chunk)
        return chunk

    def _has_result(self) -> bool:
        return bool(self._chunks)

    def _continue(self) -> None:
        """The callback is called once for each piece, and not for what is none."""
        try:
            self._take(self.get_event())
        except OSError as exc:
            self._chunks.append(exc)
        if self._awaited and self._chunks and self._then is not None:
            self._then[0](self)
            return
        while self._chunks and self._then is not None:
            left = len(self._chunks)
            callback, args, kwargs = self._then
            callback(self, *args, **kwargs)
            if len(self._chunks) == left:
                self._chunks.popleft()


class JobOutputWatchLines(JobOutputWatch):
    """The future of each line of a job's output."""

    def __init__(
        self,
        flux_handle: "Flux",
        jobid: Union[int, str],
        labelio: bool = False,
        log_stderr_level: int = 7,
        nowait: bool = False,
        keepends: bool = False,
    ) -> None:
        self.keepends = keepends
        self._parts: dict[tuple[str, str], str] = {}
        super().__init__(flux_handle, jobid, labelio, log_stderr_level, nowait)

    def _take(self, event: Optional[EventLogEvent]) -> None:
        if isinstance(event, OutputEvent):
            key = (event.stream, event.rank)
            text = self._parts.pop(key, "") + (event.data or "")
            for line in text.splitlines(keepends=True):
                if line.endswith("\n") or event.eof:
                    self._add(event.stream, event.label + line)
                else:
                    self._parts[key] = line
            return
        if event is None:
            # What nobody has ended is a line, too.
            for (stream, rank), line in self._parts.items():
                self._add(stream, (f"{rank}: " if self.labelio else "") + line)
            self._parts.clear()
        super()._take(event)
        if isinstance(event, (RedirectEvent, LogEvent)) and not self.keepends and self._chunks:
            last = self._chunks.pop()
            if not isinstance(last, OSError):
                last = (last[0], (last[1] or "").rstrip("\n"))
            self._chunks.append(last)

    def _add(self, stream: str, line: str) -> None:
        self._chunks.append((stream, line if self.keepends else line.rstrip("\n")))

    def getline(self) -> Chunk:
        """Wait for the next line: (stream, text); stream is stdout, stderr or log.

        (None, None) at the end.
        """
        return self.get_output()


def output_watch_events_async(
    flux_handle: "Flux", jobid: Union[int, str], labelio: bool = False, nowait: bool = False
) -> JobOutputEventWatch:
    """Begin to watch the events of a job's output.

    labelio: OutputEvent.label is "RANK: ". nowait: FileNotFoundError if there is no
    output yet.
    """
    return JobOutputEventWatch(flux_handle, jobid, labelio, nowait)


def output_watch_async(
    flux_handle: "Flux",
    jobid: Union[int, str],
    labelio: bool = False,
    log_stderr_level: int = 7,
    nowait: bool = False,
) -> JobOutputWatch:
    """Begin to watch a job's output, in pieces.

    labelio: lines begin with the rank of their task. log_stderr_level: messages of the
    job shell up to this level (of syslog) come as stream log.
    """
    return JobOutputWatch(flux_handle, jobid, labelio, log_stderr_level, nowait)


def output_watch_lines_async(
    flux_handle: "Flux",
    jobid: Union[int, str],
    labelio: bool = False,
    log_stderr_level: int = 7,
    nowait: bool = False,
    keepends: bool = False,
) -> JobOutputWatchLines:
    """Begin to watch a job's output, by the line; keepends: with the newlines."""
    return JobOutputWatchLines(flux_handle, jobid, labelio, log_stderr_level, nowait, keepends)


def output_watch_events(
    flux_handle: "Flux", jobid: Union[int, str], labelio: bool = False, nowait: bool = False
) -> Iterator[EventLogEvent]:
    """The events of a job's output as they come, then its exceptions."""
    watch = output_watch_events_async(flux_handle, jobid, labelio, nowait)
    try:
        while (event := watch.get_event()) is not None:
            yield event
    finally:
        watch.cancel()
    for event in job_eventlog(flux_handle, jobid):
        if event.name == "exception":
            yield JobExceptionEvent(event)


def output_watch(
    flux_handle: "Flux",
    jobid: Union[int, str],
    labelio: bool = False,
    log_stderr_level: int = 7,
    nowait: bool = False,
) -> Iterator[tuple[str, str]]:
    """(stream, text) of a job's output as it comes, until it ends."""
    yield from _chunks(JobOutputWatch(flux_handle, jobid, labelio, log_stderr_level, nowait))


def output_watch_lines(
    flux_handle: "Flux",
    jobid: Union[int, str],
    labelio: bool = False,
    log_stderr_level: int = 7,
    nowait: bool = False,
    keepends: bool = False,
) -> Iterator[tuple[str, str]]:
    """(stream, line) of a job's output as it comes, until it ends."""
    yield from _chunks(
        JobOutputWatchLines(flux_handle, jobid, labelio, log_stderr_level, nowait, keepends)
    )


def _chunks(watch: JobOutputWatch) -> Iterator[tuple[str, str]]:
    try:
        while True:
            stream, text = watch.get_output()
            if stream is None or text is None:
                return
            yield stream, text
    finally:
        watch.cancel()


class JobOutput(NamedTuple):
    """All the output of a job, of all tasks: stdout, stderr, and log messages."""

    stdout: str
    stderr: str
    log: str


def job_output(
    flux_handle: "Flux",
    jobid: Union[int, str],
    tasks: Union[str, int] = "*",
    labelio: bool = False,
    log_stderr_level: int = 7,
    nowait: bool = False,
) -> JobOutput:
    """Wait for all the output of a job.

    tasks: only of these (an idset). nowait: what there is so far, without waiting;
    FileNotFoundError if there is none.
    """
    parts: dict[str, list[str]] = {"stdout": [], "stderr": [], "log": []}
    wanted = None if tasks == "*" else IDset(str(tasks))
    watch = JobOutputWatch(flux_handle, jobid, labelio, log_stderr_level, nowait)
    events = _so_far(flux_handle, jobid, labelio) if nowait else _all(watch)
    try:
        for event in events:
            if wanted is not None and isinstance(event, OutputEvent):
                if not set(IDset(event.rank)) & set(wanted):
                    continue
            watch._take(event)
    finally:
        watch.cancel()
    for stream, text in watch._chunks:  # type: ignore[misc]
        if stream is not None and text is not None:
            parts[stream].append(text)
    for event in job_eventlog(flux_handle, jobid):
        if event.name == "exception":
            parts["log"].append(JobExceptionEvent(event).render() + "\n")
    return JobOutput("".join(parts["stdout"]), "".join(parts["stderr"]), "".join(parts["log"]))


def _all(watch: JobOutputEventWatch) -> Iterator[EventLogEvent]:
    while (event := watch.get_event()) is not None:
        yield event


def _so_far(flux_handle: "Flux", jobid: Union[int, str], label: bool) -> Iterator[EventLogEvent]:
    try:
        events = job_eventlog(flux_handle, jobid, "guest.output")
    except FileNotFoundError:
        text = f"job {JobID(jobid)}: there is no output"
        raise FileNotFoundError(errno.ENOENT, text) from None
    return (_typed(event, label) for event in events)


def write_output(stream: str, text: str, stdout: Optional[IO[str]] = None) -> None:
    """Write a piece where it belongs: stdout to stdout, all else to stderr."""
    where = (stdout or sys.stdout) if stream == "stdout" else sys.stderr
    where.write(text)
