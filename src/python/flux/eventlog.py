"""Eventlogs as text (RFC 18), and as people read them."""
from __future__ import annotations

import datetime
import json
from typing import Any, Iterable, Iterator, Optional, Union

from flux.job.event import EventLogEvent

FORMATS = ("text", "json")
TIME_FORMATS = ("raw", "iso", "offset", "human", "reltime")


def parse_eventlog(text: Union[str, bytes]) -> list[EventLogEvent]:
    """The events of a log's text. ValueError, with the line, for what is none."""
    events = []
    data = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    for number, line in enumerate(data.split("\n"), 1):
        if not line:
            continue
        try:
            events.append(EventLogEvent(line))
        except ValueError as exc:
            raise ValueError(f"eventlog: line {number}: {exc}") from None
    return events


class EventLogFormatter:
    """Lines of text for events.

    format: text or json. timestamp_format: raw (s since 1970), iso, offset (s since the
    first event), or human (the day and minute, then offsets). color: with escapes.
    """

    def __init__(
        self,
        format: str = "text",  # pylint: disable=redefined-builtin
        timestamp_format: str = "raw",
        color: bool = False,
    ) -> None:
        if format not in FORMATS:
            raise ValueError(f"format {format}: must be one of {', '.join(FORMATS)}")
        if timestamp_format not in TIME_FORMATS:
            raise ValueError(f"{timestamp_format}: must be one of {', '.join(TIME_FORMATS)}")
        self.format_name = format
        self.timestamp_format = "human" if timestamp_format == "reltime" else timestamp_format
        self.color = color
        self.first: Optional[float] = None
        self._minute: Optional[str] = None
        self._last = 0.0

    def _time(self, stamp: float) -> str:
        if self.first is None:
            self.first = stamp
        if self.timestamp_format == "raw":
            return f"{stamp:.6f}"
        when = datetime.datetime.fromtimestamp(stamp).astimezone()
        if self.timestamp_format == "iso":
            return when.isoformat(timespec="microseconds")
        if self.timestamp_format == "offset":
            return f"{stamp - self.first:.6f}"
        minute = when.strftime("%b%d %H:%M")
        if minute != self._minute:
            self._minute, self._last = minute, stamp
            return f"[{minute}]"
        return f"[{f'+{stamp - self._last:.6f}':>11}]"

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def format(self, event: Union[EventLogEvent, dict[str, Any]]) -> str:
        """The line of an event."""
        entry = event if isinstance(event, EventLogEvent) else EventLogEvent(event)
        if self.format_name == "json":
            return json.dumps(dict(entry), ensure_ascii=False)
        bold = "31" if entry.name == "exception" else "33"
        parts = [self._paint(self._time(entry.timestamp), "32"), self._paint(entry.name, bold)]
        for key, value in entry.context.items():
            parts.append(f"{key}={json.dumps(value, ensure_ascii=False, separators=(',', ':'))}")
        return " ".join(parts)

    def format_all(self, events: Iterable[EventLogEvent]) -> Iterator[str]:
        """The lines of events."""
        return (self.format(event) for event in events)
