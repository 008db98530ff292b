"""Pools of resources: what a scheduler allocates from.

    pool = ResourcePool(R)
    request = pool.parse_resource_request(jobspec)
    allocated = pool.alloc(jobid, request)
    pool.free(jobid, allocated)

A ResourcePool is a thin cover over an implementation for the version of R that it was
given; subclasses may bring implementations of their own.
"""
from __future__ import annotations

import errno
import json
from abc import ABC, abstractmethod
from typing import Any, Callable, Iterable, Mapping, Optional, Union

#: log(level, text), as BrokerModule.log
Log = Callable[[int, str], Any]


class InsufficientResources(OSError):
    """Not now, but later, when others have freed what they have."""

    def __init__(self, text: str = "insufficient resources") -> None:
        super().__init__(errno.ENOSPC, text)

    def __str__(self) -> str:
        return str(self.strerror)


class InfeasibleRequest(OSError):
    """Never: there is not so much."""

    def __init__(self, text: str = "unsatisfiable request") -> None:
        super().__init__(errno.EOVERFLOW, text)

    def __str__(self) -> str:
        return str(self.strerror)


class ResourcePoolImplementation(ABC):
    """What a version of R needs."""

    #: what R says to schedulers
    scheduling: Optional[dict[str, Any]] = None
    #: when all of it ends (s since the epoch; 0: never)
    expiration: float = 0.0

    @abstractmethod
    def parse_resource_request(self, jobspec: Mapping[str, Any]) -> Any:
        """What a jobspec asks for; OSError or ValueError if that cannot be understood."""

    @abstractmethod
    def check_feasibility(self, request: Any) -> None:
        """InfeasibleRequest if it could not be had if all were free and up."""

    @abstractmethod
    def alloc(self, jobid: int, request: Any) -> Any:
        """Take resources. InsufficientResources, InfeasibleRequest."""

    @abstractmethod
    def register_alloc(self, jobid: int, R: Any) -> None:
        """What a running job has already is taken. ValueError if it is not there."""

    @abstractmethod
    def free(self, jobid: int, R: Any, final: bool = True) -> None:
        """Give resources back, all or some of a job's."""

    @abstractmethod
    def set_up(self, ranks: Any) -> None:
        """Ranks can be used."""

    @abstractmethod
    def set_down(self, ranks: Any) -> None:
        """Ranks cannot be used."""

    @abstractmethod
    def remove_ranks(self, ranks: Any) -> None:
        """Ranks are not there any more."""

    @abstractmethod
    def set_property(self, name: str, ranks: Any) -> None:
        """Give ranks a property."""

    @abstractmethod
    def remove_property(self, name: str, ranks: Any) -> None:
        """Take a property from ranks."""

    @abstractmethod
    def update_expiration(self, jobid: int, expiration: float) -> None:
        """A job ends at another time."""

    @abstractmethod
    def job_end_times(self) -> list[tuple[int, float]]:
        """(jobid, when it ends) of all that have resources, the first to end first; who
        has no end is not in it."""

    @abstractmethod
    def copy(self) -> "ResourcePoolImplementation":
        """A copy, to try out what would be."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """All of it as R."""

    @abstractmethod
    def status(self) -> dict[str, Any]:
        """{"all": R, "down": R, "allocated": R}."""

    @abstractmethod
    def dumps(self) -> str:
        """A short text: rank[0-1]/core[0-3]."""


def _decode(R: Union[str, bytes, Mapping[str, Any]]) -> Mapping[str, Any]:
    found = json.loads(R) if isinstance(R, (str, bytes)) else R
    if not isinstance(found, Mapping):
        raise ValueError("R: must be an object")
    return found


class ResourcePool:
    """A pool of resources.

    R: of version 1, as object or text, or an implementation. log: log(level, text).
    ValueError for what is no R of a known version.
    """

    def __init__(self, R: Any, log: Optional[Log] = None) -> None:
        if isinstance(R, ResourcePool):
            R = R.impl.copy()
        if not isinstance(R, ResourcePoolImplementation):
            from flux.resource.Rv1Pool import Rv1Pool

            found = _decode(R)
            if found.get("version") != 1:
                raise ValueError(f"R version {found.get('version')} not supported")
            R = Rv1Pool(found, log=log)
        self.impl: Any = R

    @property
    def scheduling(self) -> Optional[dict[str, Any]]:
        """What R says to schedulers."""
        found: Optional[dict[str, Any]] = self.impl.scheduling
        return found

    @property
    def expiration(self) -> float:
        """When all of it ends (s since the epoch; 0: never)."""
        return float(self.impl.expiration)

    @expiration.setter
    def expiration(self, value: float) -> None:
        self.impl.expiration = float(value)

    def parse_resource_request(self, jobspec: Mapping[str, Any]) -> Any:
        """What a jobspec asks for; OSError or ValueError if that cannot be understood."""
        return self.impl.parse_resource_request(jobspec)

    def check_feasibility(self, request: Any) -> None:
        """InfeasibleRequest if it could not be had if all were free and up."""
        self.impl.check_feasibility(request)

    def alloc(self, jobid: int, request: Any) -> Any:
        """Take resources: the result is a pool of only these. InsufficientResources if
        that has to wait, InfeasibleRequest if it can never be."""
        return self.impl.alloc(jobid, request)

    def register_alloc(self, jobid: int, R: Any) -> None:
        """What a running job has already is taken. ValueError if it is not there."""
        self.impl.register_alloc(jobid, R)

    def free(self, jobid: int, R: Any, final: bool = True) -> None:
        """Give resources back, all (final) or some of a job's."""
        self.impl.free(jobid, R, final)

    def set_up(self, ranks: Any) -> None:
        """Ranks can be used."""
        self.impl.set_up(ranks)

    def set_down(self, ranks: Any) -> None:
        """Ranks cannot be used."""
        self.impl.set_down(ranks)

    def remove_ranks(self, ranks: Any) -> None:
        """Ranks are not there any more."""
        self.impl.remove_ranks(ranks)

    def set_property(self, name: str, ranks: Any) -> None:
        """Give ranks a property."""
        self.impl.set_property(name, ranks)

    def remove_property(self, name: str, ranks: Any) -> None:
        """Take a property from ranks."""
        self.impl.remove_property(name, ranks)

    def update_expiration(self, jobid: int, expiration: float) -> None:
        """A job ends at another time (s since the epoch; 0: never)."""
        self.impl.update_expiration(jobid, expiration)

    def job_end_times(self) -> list[tuple[int, float]]:
        """(jobid, when it ends) of all that have resources, the first to end first; who
        has no end is not in it."""
        found: list[tuple[int, float]] = self.impl.job_end_times()
        return found

    def copy(self) -> "ResourcePool":
        """A copy, to try out what would be."""
        new = ResourcePool.__new__(type(self))
        new.impl = self.impl.copy()
        return new

    def to_dict(self) -> dict[str, Any]:
        """All of it as R."""
        found: dict[str, Any] = self.impl.to_dict()
        return found

    def status(self) -> dict[str, Any]:
        """{"all": R, "down": R, "allocated": R}."""
        found: dict[str, Any] = self.impl.status()
        return found

    def dumps(self) -> str:
        """A short text: rank[0-1]/core[0-3]."""
        return str(self.impl.dumps())

    def __getattr__(self, name: str) -> Any:
        if name == "impl" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.impl, name)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self.dumps()}>"


def as_ids(ranks: Union[str, Iterable[int]]) -> list[int]:
    """Ranks as numbers, from an idset or numbers."""
    from flux.idset import IDset

    return list(IDset(ranks))
