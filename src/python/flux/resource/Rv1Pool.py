"""Pools for R of version 1: ranks with cores and GPUs (RFC 20), asked for by jobspecs of
version 1 (RFC 25).

Subclasses may override _select_resources, to choose otherwise among the ranks that could
be used, and _check_feasibility.
"""
from __future__ import annotations

import syslog
import time
from typing import Any, Iterable, Mapping, Optional

from flux.resource.ResourcePool import (
    InfeasibleRequest,
    InsufficientResources,
    Log,
    ResourcePool,
    ResourcePoolImplementation,
    as_ids,
)
from flux.resource.ResourceSet import ResourceSet, _compile, _Rank


class ResourceRequest:
    """What a job asks for.

    nnodes: nodes, 0 if it does not say; nslots: slots in all; cores_per_slot,
    gpus_per_slot; duration: s, 0 for no limit; constraint: RFC 31, or None; exclusive:
    whole nodes; jobspec: as it was submitted.
    """

    def __init__(
        self,
        nnodes: int = 0,
        nslots: int = 1,
        cores_per_slot: int = 1,
        gpus_per_slot: int = 0,
        duration: float = 0.0,
        constraint: Optional[Mapping[str, Any]] = None,
        exclusive: bool = False,
        jobspec: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.nnodes = nnodes
        self.nslots = nslots
        self.cores_per_slot = cores_per_slot
        self.gpus_per_slot = gpus_per_slot
        self.duration = duration
        self.constraint = constraint
        self.exclusive = exclusive
        self.jobspec: Mapping[str, Any] = jobspec or {}

    @property
    def slots_per_node(self) -> int:
        """Slots on each node; 0 if it does not say how many nodes."""
        return self.nslots // self.nnodes if self.nnodes else 0

    @classmethod
    def from_jobspec(cls, jobspec: Mapping[str, Any]) -> "ResourceRequest":
        """ValueError for what is no jobspec of version 1."""
        request = cls(jobspec=jobspec)
        resources = jobspec.get("resources")
        if not isinstance(resources, list) or len(resources) != 1:
            raise ValueError("resources: must be a list of one vertex")
        slot, nodes = resources[0], 1
        if slot.get("type") == "node":
            request.nnodes = nodes = _count(slot, "resources[0]")
            request.exclusive = bool(slot.get("exclusive", False))
            slot = _one(slot.get("with"), "resources[0].with")
        if slot.get("type") != "slot":
            raise ValueError(f"resources: {slot.get('type')!r} where a slot must be")
        request.nslots = nodes * _count(slot, "slot")
        request.cores_per_slot = 0
        for leaf in slot.get("with", []):
            if leaf.get("type") == "core":
                request.cores_per_slot = _count(leaf, "core")
            elif leaf.get("type") == "gpu":
                request.gpus_per_slot = _count(leaf, "gpu", least=0)
            else:
                raise ValueError(f"resources: {leaf.get('type')!r} cannot be in a slot")
        if request.cores_per_slot == 0:
            raise ValueError("resources: a slot must hold a core")
        system = jobspec.get("attributes", {}).get("system", {})
        request.duration = float(system.get("duration", 0) or 0)
        request.constraint = system.get("constraints") or None
        if request.constraint is not None:
            _compile(request.constraint)
        return request


def _count(vertex: Mapping[str, Any], where: str, least: int = 1) -> int:
    count = vertex.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < least:
        raise ValueError(f"{where}.count: must be an integer, at least {least}")
    return count


def _one(found: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Mapping):
        raise ValueError(f"{where}: must be a list of one slot")
    return found[0]


class RankInfo:
    """A rank of a pool: what it has, and what of that is free."""

    __slots__ = ("core", "free_cores", "free_gpus", "gpu", "host", "properties", "up")

    def __init__(
        self,
        host: str,
        core: frozenset[int],
        gpu: frozenset[int],
        properties: frozenset[str],
        up: bool = False,
    ) -> None:
        self.host = host
        self.core = core
        self.gpu = gpu
        self.properties = properties
        self.up = up
        self.free_cores: set[int] = set(core)
        self.free_gpus: set[int] = set(gpu)

    @property
    def idle(self) -> bool:
        """Is all of it free?"""
        return len(self.free_cores) == len(self.core) and len(self.free_gpus) == len(self.gpu)

    def copy(self) -> "RankInfo":
        """A copy."""
        new = RankInfo(self.host, self.core, self.gpu, self.properties, self.up)
        new.free_cores, new.free_gpus = set(self.free_cores), set(self.free_gpus)
        return new


#: rank, what it is, the ids of its free cores, and of its free GPUs
Candidate = tuple[int, RankInfo, list[int], list[int]]


class Rv1Pool(ResourcePoolImplementation):
    """A pool for R of version 1.

    R: an object, its text, or a ResourceSet. At first no rank is up. log(level, text) is
    for subclasses, too.
    """

    def __init__(self, R: Any, log: Optional[Log] = None) -> None:
        found = R if isinstance(R, ResourceSet) else ResourceSet(R)
        self._log = log
        self.expiration = found.expiration
        self.starttime = found.starttime
        scheduling = R.get("scheduling") if isinstance(R, Mapping) else None
        self.scheduling = dict(scheduling) if isinstance(scheduling, Mapping) else None
        self._ranks: dict[int, RankInfo] = {
            rank: RankInfo(node.host, node.core, node.gpu, node.properties)
            for rank, node in found._ranks.items()
        }
        #: jobid: when it ends, rank: (cores, gpus)
        self._jobs: dict[int, tuple[float, dict[int, tuple[set[int], set[int]]]]] = {}

    def log(self, level: int, text: str) -> None:
        """Write a line, if somebody wants to have it."""
        if self._log is not None:
            self._log(level, text)

    # Requests.

    def parse_resource_request(self, jobspec: Mapping[str, Any]) -> ResourceRequest:
        """ValueError for what is no jobspec of version 1."""
        return ResourceRequest.from_jobspec(jobspec)

    def check_feasibility(self, request: ResourceRequest) -> None:
        """InfeasibleRequest if it could not be had if all were free and up."""
        self._check_feasibility(request)

    def _check_feasibility(self, request: ResourceRequest) -> None:
        """Override it (and call this first) for more reasons to say never."""
        match = _compile(request.constraint or {})
        whole = [
            (rank, info, list(info.core), list(info.gpu))
            for rank, info in self._ranks.items()
            if match(rank, info)  # type: ignore[arg-type]
        ]
        if not whole and request.constraint:
            raise InfeasibleRequest("no node satisfies the constraint")
        try:
            Rv1Pool._select_resources(self, whole, request)
        except InsufficientResources:
            raise InfeasibleRequest("unsatisfiable request") from None

    def _candidates(self, request: ResourceRequest) -> list[Candidate]:
        match = _compile(request.constraint or {})
        found = [
            (rank, info, sorted(info.free_cores), sorted(info.free_gpus))
            for rank, info in self._ranks.items()
            if info.up
            and info.free_cores
            and (info.idle or not request.exclusive)
            and match(rank, info)  # type: ignore[arg-type]
        ]
        found.sort(key=lambda c: (-len(c[2]), c[0]))
        return found

    def _select_resources(
        self, candidates: list[Candidate], request: ResourceRequest
    ) -> tuple[list[Candidate], int]:
        """Choose among candidates, of which the one with most free cores comes first: what
        each gives, and how many slots that makes. InsufficientResources."""
        selected: list[Candidate] = []
        nslots = 0
        for rank, info, cores, gpus in candidates:
            room = len(cores) // request.cores_per_slot
            if request.gpus_per_slot:
                room = min(room, len(gpus) // request.gpus_per_slot)
            take = request.slots_per_node or min(room, request.nslots - nslots)
            if room < take or take == 0:
                continue
            nslots += take
            if not request.exclusive:
                cores = cores[: take * request.cores_per_slot]
                gpus = gpus[: take * request.gpus_per_slot]
            selected.append((rank, info, cores, gpus))
            if nslots == request.nslots:
                return selected, nslots
        raise InsufficientResources()

    # Jobs.

    def alloc(self, jobid: int, request: ResourceRequest) -> Any:
        """Take resources: the result is a pool of only these, whose to_dict() is R."""
        if jobid in self._jobs:
            raise ValueError(f"job {jobid} has resources already")
        try:
            selected, _nslots = self._select_resources(self._candidates(request), request)
        except InsufficientResources:
            self.check_feasibility(request)
            raise
        now = time.time()
        end = now + request.duration if request.duration > 0 else 0.0
        if self.expiration > 0 and (end == 0 or end > self.expiration):
            end = self.expiration
        result = self._part(selected)
        result.starttime, result.expiration = now, end
        self._take(jobid, end, {rank: (set(c), set(g)) for rank, _info, c, g in selected})
        return result

    def _part(self, selected: Iterable[Candidate]) -> "Rv1Pool":
        new = self._empty()
        for rank, info, cores, gpus in selected:
            new._ranks[rank] = RankInfo(
                info.host, frozenset(cores), frozenset(gpus), info.properties, True
            )
        return new

    def _empty(self) -> "Rv1Pool":
        """One of this class with nothing in it."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._ranks, new._jobs = {}, {}
        return new

    def _take(
        self, jobid: int, end: float, parts: dict[int, tuple[set[int], set[int]]]
    ) -> None:
        for rank, (cores, gpus) in parts.items():
            info = self._ranks.get(rank)
            if info is None:
                raise ValueError(f"there is no rank {rank}")
            if not (cores <= info.free_cores and gpus <= info.free_gpus):
                raise ValueError(f"rank {rank}: what job {jobid} has is not free")
        for rank, (cores, gpus) in parts.items():
            self._ranks[rank].free_cores -= cores
            self._ranks[rank].free_gpus -= gpus
        self._jobs[jobid] = (end, parts)

    def register_alloc(self, jobid: int, R: Any) -> None:
        """What a running job has already is taken. ValueError if it is not there."""
        found = _as_set(R)
        parts = {rank: (set(n.core), set(n.gpu)) for rank, n in found._ranks.items()}
        self._take(jobid, found.expiration, parts)

    def free(self, jobid: int, R: Any, final: bool = True) -> None:
        """Give resources back, all (final) or some of a job's. ValueError for a job that
        has none."""
        if jobid not in self._jobs:
            raise ValueError(f"job {jobid} has no resources")
        _end, parts = self._jobs[jobid]
        ranks = list(parts) if final else list(_as_set(R)._ranks)
        for rank in ranks:
            cores, gpus = parts.pop(rank, (set(), set()))
            if rank in self._ranks:
                self._ranks[rank].free_cores |= cores
                self._ranks[rank].free_gpus |= gpus
        if final:
            del self._jobs[jobid]

    def update_expiration(self, jobid: int, expiration: float) -> None:
        """A job ends at another time (s since the epoch; 0: never)."""
        if jobid in self._jobs:
            self._jobs[jobid] = (float(expiration), self._jobs[jobid][1])

    def job_end_times(self) -> list[tuple[int, float]]:
        """(jobid, when it ends) of all that have resources, the first to end first; who
        has no end is not in it."""
        ends = [(jobid, end) for jobid, (end, _parts) in self._jobs.items() if end > 0]
        return sorted(ends, key=lambda pair: (pair[1], pair[0]))

    # Ranks.

    def set_up(self, ranks: Any) -> None:
        """Ranks can be used."""
        self._set(ranks, True)

    def set_down(self, ranks: Any) -> None:
        """Ranks cannot be used."""
        self._set(ranks, False)

    def _set(self, ranks: Any, up: bool) -> None:
        for rank in as_ids(ranks):
            if rank in self._ranks:
                self._ranks[rank].up = up

    def remove_ranks(self, ranks: Any) -> None:
        """Ranks are not there any more."""
        for rank in as_ids(ranks):
            self._ranks.pop(rank, None)
        self.log(syslog.LOG_DEBUG, f"{len(self._ranks)} ranks are left")

    def set_property(self, name: str, ranks: Any) -> None:
        """Give ranks a property."""
        for rank in as_ids(ranks):
            if rank in self._ranks:
                self._ranks[rank].properties |= {name}

    def remove_property(self, name: str, ranks: Any) -> None:
        """Take a property from ranks."""
        for rank in as_ids(ranks):
            if rank in self._ranks:
                self._ranks[rank].properties -= {name}

    # Out again.

    def copy(self) -> "Rv1Pool":
        """A copy, to try out what would be."""
        new = self._empty()
        new._ranks = {rank: info.copy() for rank, info in self._ranks.items()}
        new._jobs = {
            jobid: (end, {rank: (set(c), set(g)) for rank, (c, g) in parts.items()})
            for jobid, (end, parts) in self._jobs.items()
        }
        return new

    def _set_of(self, what: Mapping[int, tuple[Iterable[int], Iterable[int]]]) -> ResourceSet:
        new = ResourceSet()
        new.expiration, new.starttime = self.expiration, self.starttime
        for rank, (cores, gpus) in what.items():
            info = self._ranks[rank]
            node = _Rank(info.host, frozenset(cores), frozenset(gpus), info.properties)
            if node:
                new._ranks[rank] = node
        return new

    def resource_set(self) -> ResourceSet:
        """All of it, as ResourceSet."""
        return self._set_of({r: (i.core, i.gpu) for r, i in self._ranks.items()})

    def to_dict(self) -> dict[str, Any]:
        """All of it as R."""
        R = self.resource_set().to_dict()
        if self.scheduling is not None:
            R["scheduling"] = self.scheduling
        return R

    def status(self) -> dict[str, Any]:
        """{"all": R, "down": R, "allocated": R}."""
        down = {r: (i.core, i.gpu) for r, i in self._ranks.items() if not i.up}
        used = {
            r: (i.core - i.free_cores, i.gpu - i.free_gpus) for r, i in self._ranks.items()
        }
        return {
            "all": self.to_dict(),
            "down": self._set_of(down).to_dict(),
            "allocated": self._set_of(used).to_dict(),
        }

    def dumps(self) -> str:
        """A short text: rank[0-1]/core[0-3]."""
        return self.resource_set().dumps()


def _as_set(R: Any) -> ResourceSet:
    if isinstance(R, ResourcePool):
        R = R.impl
    if isinstance(R, Rv1Pool):
        return R.resource_set()
    return R if isinstance(R, ResourceSet) else ResourceSet(R)
