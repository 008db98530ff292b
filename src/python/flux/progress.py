"""A line at the bottom of a terminal that says how far something is.

    with ProgressBar(timer=False, total=100) as bar:
        bar.update(advance=1)
"""
from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Optional, TextIO

#: the line is drawn anew at most so often (s)
_PERIOD = 0.05


class Bottombar:
    """A line that is redrawn in its place.

    format: str.format() text for what update() was given. file: where to, stderr if None;
    where that is no terminal, nothing is drawn.
    """

    def __init__(self, format: str = "{text}", file: Optional[TextIO] = None) -> None:
        self.format = format
        self._file = sys.stderr if file is None else file
        self._tty = self._file.isatty()
        self._values: dict[str, Any] = {}
        self._drawn = 0.0
        self._shown = False
        self.stopped = False

    def text(self, width: int) -> str:
        """The line, no wider than that."""
        return self.format.format(**self._values)[:width]

    def update(self, **values: Any) -> "Bottombar":
        """Values have changed; the line may be drawn."""
        self._values.update(values)
        if time.monotonic() - self._drawn >= _PERIOD:
            self.redraw()
        return self

    def redraw(self) -> None:
        """Draw the line now."""
        if self.stopped or not self._tty:
            return
        width = shutil.get_terminal_size().columns
        line = "".join(c if c.isprintable() else "?" for c in self.text(width - 1))
        self._file.write(f"\r{line}\x1b[K")
        self._file.flush()
        self._drawn, self._shown = time.monotonic(), True

    def stop(self) -> None:
        """Draw it for the last time, and leave the line."""
        if self.stopped:
            return
        self.redraw()
        self.stopped = True
        if self._shown:
            self._file.write("\n")
            self._file.flush()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.stop()


class ProgressBar(Bottombar):
    """A bar that grows from 0 to total.

    timer: show how long it has taken; before, after: format texts on both sides, which
    may use {percent}, {elapsed}, {count}, {total} and what update() was given.
    """

    def __init__(
        self,
        timer: bool = True,
        total: int = 100,
        initial: int = 0,
        width: int = 72,
        before: str = "",
        after: str = "{percent:5.1f}% {elapsed}",
        file: Optional[TextIO] = None,
    ) -> None:
        if total < 0:
            raise ValueError(f"progress: total={total}: must not be negative")
        super().__init__(file=file)
        self.timer = timer
        self.total = total
        self.count = initial
        self.width = width
        self.before = before
        self.after = after
        self._start = time.monotonic()

    def text(self, width: int) -> str:
        """The bar, no wider than that."""
        part = min(1.0, self.count / self.total) if self.total else 1.0
        elapsed = f"{time.monotonic() - self._start:.1f}s" if self.timer else ""
        values = {
            **self._values,
            "percent": 100 * part,
            "elapsed": elapsed,
            "count": self.count,
            "total": self.total,
        }
        before, after = self.before.format(**values), self.after.format(**values).rstrip()
        room = max(0, min(self.width, width) - len(before) - len(after) - 3)
        full = round(room * part)
        return f"{before}[{'#' * full}{'-' * (room - full)}] {after}"[:width]

    def update(self, advance: int = 0, **values: Any) -> "ProgressBar":
        """So much more is done."""
        self.count += advance
        super().update(**values)
        return self
