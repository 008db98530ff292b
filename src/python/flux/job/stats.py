"""How many jobs there are in which states."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux


class JobStats:
    """Numbers of jobs: depend, priority, sched, run, cleanup, inactive, total, pending,
    running, active, successful, failed, canceled, timeout, inactive_purged.

    handle: a Flux handle; queue: only jobs of this queue.
    """

    def __init__(self, handle: "Flux", queue: Optional[str] = None) -> None:
        self.handle = handle
        self.queue = queue
        self.callback: Optional[Callable[..., Any]] = None
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        for name in (
            "depend priority sched run cleanup inactive total pending running active "
            "successful failed canceled timeout inactive_purged"
        ).split():
            setattr(self, name, -1)

    total: int
    inactive: int
    successful: int
    failed: int
    pending: int
    running: int
    active: int

    def _take(self, answer: dict[str, Any]) -> None:
        stats = answer
        if self.queue is not None:
            found = [q for q in answer.get("queues", []) if q.get("name") == self.queue]
            if not found:
                raise ValueError(f"no such queue: {self.queue}")
            stats = found[0]
        states = stats["job_states"]
        for name, value in states.items():
            setattr(self, name, value)
        for name in ("successful", "failed", "canceled", "timeout", "inactive_purged"):
            setattr(self, name, stats.get(name, 0))
        self.pending = states["depend"] + states["priority"] + states["sched"]
        self.running = states["run"] + states["cleanup"]
        self.active = self.pending + self.running

    def _answered(self, rpc: RPC) -> None:
        self._take(rpc.get())
        if self.callback is not None:
            self.callback(self, *self._args, **self._kwargs)

    def update(
        self, callback: Optional[Callable[..., Any]] = None, *args: Any, **kwargs: Any
    ) -> RPC:
        """Begin to ask; callback(self, *args, **kwargs) is called from the reactor."""
        self.callback, self._args, self._kwargs = callback, args, kwargs
        rpc = RPC(self.handle, "job-list.job-stats", {})
        rpc.then(self._answered)
        return rpc

    def update_sync(self) -> "JobStats":
        """Ask, and wait for the answer."""
        self._take(RPC(self.handle, "job-list.job-stats", {}).get())
        return self
