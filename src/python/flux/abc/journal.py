"""Streams of events with a past: what journals of jobs and resources have in common."""
from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional

from flux.core.inner import lib
from flux.job.event import EventLogEvent
from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux


class JournalEventBase(EventLogEvent):
    """An event of a journal."""

    def is_empty(self) -> bool:
        """Is it the mark between what has been and what is new?"""
        return self.timestamp == -1.0 and not self.name


def _sentinel(kind: type[JournalEventBase]) -> JournalEventBase:
    event = kind.__new__(kind)
    fields: dict[str, Any] = {"timestamp": -1.0, "name": "", "context": {}}
    for name, value in fields.items():
        dict.__setitem__(event, name, value)
    return event


class JournalConsumerBase(ABC):
    """Receives the events of a journal, by poll() or by a callback.

    topic: the streaming RPC; cancel_topic: what ends it, topic-cancel if None.
    full: also what has been, in the order of time; since: only what is later (s since
    1970). include_sentinel: an empty event comes between what has been and what is new.
    """

    event_class: type[JournalEventBase] = JournalEventBase
    SENTINEL_EVENT = _sentinel(JournalEventBase)

    def __init__(
        self,
        flux_handle: "Flux",
        topic: str,
        cancel_topic: Optional[str] = None,
        full: bool = True,
        since: float = 0.0,
        include_sentinel: bool = False,
    ) -> None:
        self.handle = flux_handle
        self.topic = topic
        self.cancel_topic = topic + "-cancel" if cancel_topic is None else cancel_topic
        self.full = full
        self.since = since
        self.include_sentinel = include_sentinel
        self.rpc: Optional[RPC] = None
        self._past: Optional[list[JournalEventBase]] = [] if full else None
        self._events: deque[Optional[JournalEventBase]] = deque()
        self._callback: Optional[tuple[Callable[..., Any], Any, Any]] = None
        self._running = False
        self._ended = False

    @property
    def request_payload(self) -> dict[str, Any]:
        """What the request says."""
        return {"full": self.full}

    @abstractmethod
    def process_response(self, resp: dict[str, Any]) -> Any:
        """What create_event() needs of a response, besides an entry: a dict of arguments."""

    @abstractmethod
    def create_event(self, entry: dict[str, Any], **kwargs: Any) -> JournalEventBase:
        """The event of an entry."""

    def start(self) -> "JournalConsumerBase":
        """Send the request."""
        if self._running:
            raise RuntimeError(f"{type(self).__name__}: it is started already")
        self._running, self._ended = True, False
        self._past = [] if self.full else None
        flags = lib.FLUX_RPC_STREAMING
        self.rpc = RPC(self.handle, self.topic, self.request_payload, 0, flags)
        if self._callback is not None:
            self.rpc.then(self._answered)
        return self

    def stop(self) -> None:
        """End the stream: when what has come is consumed, None comes."""
        if self.rpc is not None and self._running:
            payload = {"matchtag": int(lib.flux_rpc_get_matchtag(self.rpc.handle))}
            RPC(self.handle, self.cancel_topic, payload, 0, lib.FLUX_RPC_NORESPONSE)
            self._running = False

    def set_callback(self, event_cb: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call event_cb(event, *args, **kwargs) from the reactor; with None at the end."""
        first = self._callback is None
        self._callback = (event_cb, args, kwargs)
        if first and self.rpc is not None and not self._ended:
            self.rpc.then(self._answered)

    def poll(self, timeout: float = -1.0) -> Optional[JournalEventBase]:
        """Wait for the next event, at most timeout seconds (TimeoutError); None at the end."""
        if self._callback is not None:
            raise RuntimeError("poll: events go to the callback")
        if self.rpc is None:
            raise RuntimeError("poll: it is not started")
        while not self._events and not self._ended:
            self.rpc.wait_for(timeout)
            self._take(self.rpc)
        return self._events.popleft() if self._events else None

    def __iter__(self) -> Iterator[JournalEventBase]:
        while (event := self.poll()) is not None:
            yield event

    def is_empty(self) -> bool:
        """Is there no event that poll() would give without waiting?"""
        return not self._events

    def _answered(self, rpc: RPC) -> None:
        self._take(rpc)
        assert self._callback is not None
        callback, args, kwargs = self._callback
        while self._events:
            callback(self._events.popleft(), *args, **kwargs)
        if self._ended:
            callback(None, *args, **kwargs)

    def _take(self, rpc: RPC) -> None:
        try:
            answer = rpc.get()
        except OSError as exc:
            stopped = not self._running
            self._ended, self._running = True, False
            if exc.errno == errno.ENODATA or (stopped and exc.errno == errno.ECANCELED):
                return
            raise
        rpc.reset()
        events = self._wanted(answer)
        if self._past is None:
            self._events.extend(events)
        elif answer["events"]:
            self._past += events
        else:
            # What has been comes job by job.
            self._past.sort(key=lambda event: event.timestamp)
            self._events.extend(self._past)
            self._past = None
            if self.include_sentinel:
                self._events.append(self.SENTINEL_EVENT)

    def _wanted(self, answer: dict[str, Any]) -> list[JournalEventBase]:
        kwargs = self.process_response(answer) or {}
        events = (self.create_event(entry, **kwargs) for entry in answer["events"])
        return [event for event in events if event.timestamp > self.since]
