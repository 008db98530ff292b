"""Queues: what they hold, and whether they are open.

    for queue in flux.queue.QueueList(handle):
        print(queue.name, queue.enabled, queue.started)
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Iterator, Optional, Sequence

from flux.resource import ResourceSet, resource_list

if TYPE_CHECKING:
    from flux.core.handle import Flux


class QueueLimits:
    """The limits of a queue's jobs: timelimit (s; inf is none), min and max nnodes,
    ncores, ngpus (max: inf is none)."""

    def __init__(self, policy: dict[str, Any]) -> None:
        from flux.util import parse_fsd

        limits = policy.get("limits", {})
        duration = limits.get("duration", math.inf)
        self.timelimit = parse_fsd(duration) if isinstance(duration, str) else float(duration)
        self.timelimit = self.timelimit or math.inf
        size = limits.get("job-size", {})
        self.min = _Sizes(size.get("min", {}), 0)
        self.max = _Sizes(size.get("max", {}), math.inf)


class _Sizes:
    def __init__(self, sizes: dict[str, Any], default: float) -> None:
        for name in ("nnodes", "ncores", "ngpus"):
            value = sizes.get(name, default)
            setattr(self, name, math.inf if value == -1 else value)


class QueueInfo:
    """A queue: name ("" for the only one of an instance without queues), enabled (may
    jobs be submitted?), started (do they get resources?), reasons, limits, resources."""

    def __init__(
        self, name: str, config: dict[str, Any], status: dict[str, Any], resources: Any
    ) -> None:
        self.name = name
        self.is_default = config.get("policy", {}).get("jobspec", {}).get("defaults", {}).get(
            "system", {}
        ).get("queue") == name if name else True
        self.enabled = bool(status.get("enable"))
        self.started = bool(status.get("start"))
        self.disable_reason = status.get("disable_reason", "")
        self.stop_reason = status.get("stop_reason", "")
        own = config.get("queues", {}).get(name, {})
        self.config = own
        policy = dict(config.get("policy", {}))
        for key, value in own.get("policy", {}).items():
            policy[key] = {**policy.get(key, {}), **value}
        self.limits = QueueLimits(policy)
        self.requires: list[str] = list(own.get("requires", []))
        self._resources = resources

    @property
    def resources(self) -> Any:
        """What the scheduler has for it: all, up, down, allocated, free."""
        if not self.requires:
            return self._resources
        return self._resources.copy_constraint({"properties": self.requires})

    def __repr__(self) -> str:
        return f"<flux.queue.QueueInfo {self.name or '(anonymous)'}>"


class QueueList:
    """All queues, or those of these names. ValueError if one is unknown."""

    def __init__(self, handle: "Flux", queues: Optional[Sequence[str]] = None) -> None:
        config = handle.conf_get(update=True) or {}
        known = handle.rpc("job-manager.queue-list", {}).get()["queues"]
        resources = resource_list(handle).get()
        names = [q["name"] if isinstance(q, dict) else q for q in known]
        for name in queues or []:
            if name not in names:
                raise ValueError(f"no such queue: {name}")
        self._queues = []
        for name in queues or names or [""]:
            payload = {"name": name} if name else {}
            status = handle.rpc("job-manager.queue-status", payload).get()
            self._queues.append(QueueInfo(name, config, status, resources))

    def __iter__(self) -> Iterator[QueueInfo]:
        return iter(self._queues)

    def __len__(self) -> int:
        return len(self._queues)

    def __getattr__(self, name: str) -> QueueInfo:
        for queue in self.__dict__.get("_queues", []):
            if queue.name == name:
                return queue  # type: ignore[no-any-return]
        raise AttributeError(f"no such queue: {name}")


__all__ = ["QueueInfo", "QueueLimits", "QueueList", "ResourceSet"]
