"""Sets of resources: ranks, their hosts, cores and GPUs (RFC 20)."""
from __future__ import annotations

import collections.abc
import json
from typing import Any, Callable, Iterable, Mapping, Optional, Union

from flux.hostlist import Hostlist
from flux.idset import IDset

# What R_lite calls them.
_KINDS = ("core", "gpu")


class _Rank:
    """The resources of a rank."""

    __slots__ = ("core", "gpu", "host", "properties")

    def __init__(self, host: str, core: frozenset[int], gpu: frozenset[int], props: frozenset[str]):
        self.host = host
        self.core = core
        self.gpu = gpu
        self.properties = props

    def ids(self, kind: str) -> frozenset[int]:
        """The ids of a kind."""
        found: frozenset[int] = getattr(self, kind)
        return found

    def merged(self, other: "_Rank", op: Callable[[Any, Any], Any]) -> "_Rank":
        """op(ids, ids) for each kind."""
        core, gpu = op(self.core, other.core), op(self.gpu, other.gpu)
        return _Rank(self.host, core, gpu, self.properties | other.properties)

    def __bool__(self) -> bool:
        return bool(self.core or self.gpu)


class ResourceSet:
    """A set of resources.

    arg: None (empty), R as JSON text or object, or another ResourceSet. version: of R.
    state: a name for it, e.g. "free". ValueError for what is no R of version 1.
    Between sets: | union, & intersect, - diff; each a new one.
    """

    def __init__(self, arg: Any = None, version: int = 1, state: Optional[str] = None) -> None:
        if version != 1:
            raise ValueError(f"R version {version} not supported")
        self.state = state
        self.expiration = 0.0
        self.starttime = 0.0
        self._ranks: dict[int, _Rank] = {}
        if isinstance(arg, ResourceSet):
            self._ranks = dict(arg._ranks)
            self.expiration, self.starttime = arg.expiration, arg.starttime
        elif isinstance(arg, (str, bytes)):
            self._decode(json.loads(arg))
        elif isinstance(arg, Mapping):
            self._decode(arg)
        elif arg is not None:
            raise TypeError(f"ResourceSet: R or its text, not {type(arg).__name__}")

    def _decode(self, R: Any) -> None:  # pylint: disable=invalid-name
        if not isinstance(R, Mapping) or R.get("version") != 1 or "execution" not in R:
            version = R.get("version") if isinstance(R, Mapping) else None
            raise ValueError(f"R: version {version}: must be 1, with an execution")
        execution = R["execution"]
        self.expiration = float(execution.get("expiration", 0))
        self.starttime = float(execution.get("starttime", 0))
        hosts = list(Hostlist(execution.get("nodelist", [])))
        ranks = []
        for entry in execution["R_lite"]:
            children = entry["children"]
            core, gpu = (frozenset(IDset(str(children.get(kind, "")))) for kind in _KINDS)
            for rank in IDset(str(entry["rank"])):
                ranks.append((rank, core, gpu))
        if hosts and len(hosts) != len(ranks):
            raise ValueError(f"R: {len(ranks)} ranks, but {len(hosts)} hosts")
        properties: dict[int, set[str]] = {}
        for name, ids in execution.get("properties", {}).items():
            for rank in IDset(ids):
                properties.setdefault(rank, set()).add(name)
        order = iter(hosts or [""] * len(ranks))
        for rank, core, gpu in ranks:
            props = frozenset(properties.get(rank, ()))
            self._ranks[rank] = _Rank(next(order), core, gpu, props)

    # Out again.

    def to_dict(self) -> dict[str, Any]:
        """R as object."""
        lite, hosts = [], Hostlist()
        groups: list[tuple[tuple[Any, Any], list[int]]] = []
        for rank in sorted(self._ranks):
            node = self._ranks[rank]
            hosts.append(node.host)
            key = (node.core, node.gpu)
            if groups and groups[-1][0] == key:
                groups[-1][1].append(rank)
            else:
                groups.append((key, [rank]))
        for (core, gpu), ranks in groups:
            children = {"core": str(IDset(core))} if core else {}
            if gpu:
                children["gpu"] = str(IDset(gpu))
            lite.append({"rank": str(IDset(ranks)), "children": children})
        execution: dict[str, Any] = {"R_lite": lite, "starttime": self.starttime}
        execution["expiration"] = self.expiration
        if hosts:
            execution["nodelist"] = [str(hosts)]
        properties = json.loads(self.get_properties())
        if properties:
            execution["properties"] = properties
        return {"version": 1, "execution": execution}

    def encode(self) -> str:
        """R as JSON text."""
        return json.dumps(self.to_dict())

    def dumps(self) -> str:
        """A short text: rank[0-1]/core[0-3]."""
        parts: dict[tuple[frozenset[int], frozenset[int]], list[int]] = {}
        for rank in sorted(self._ranks):
            node = self._ranks[rank]
            parts.setdefault((node.core, node.gpu), []).append(rank)
        out = []
        for (core, gpu), ranks in parts.items():
            kinds = [f"core{_ids(core)}"] if core else []
            kinds += [f"gpu{_ids(gpu)}"] if gpu else []
            out.append(f"rank{_ids(ranks)}/{','.join(kinds)}")
        return " ".join(out)

    __str__ = dumps

    def __repr__(self) -> str:
        return f"<flux.resource.ResourceSet {self.dumps()}>"

    @property
    def rlist(self) -> str:
        """The same as dumps()."""
        return self.dumps()

    # How much, and where.

    def count(self, name: str) -> int:
        """How many of "core" or "gpu" there are; of "node", how many ranks."""
        if name == "node":
            return len(self._ranks)
        if name not in _KINDS:
            raise ValueError(f"count: {name}: must be node, core or gpu")
        return sum(len(node.ids(name)) for node in self._ranks.values())

    @property
    def ncores(self) -> int:
        """How many cores."""
        return self.count("core")

    @property
    def ngpus(self) -> int:
        """How many GPUs."""
        return self.count("gpu")

    @property
    def nnodes(self) -> int:
        """How many ranks."""
        return len(self._ranks)

    @property
    def ranks(self) -> IDset:
        """The ranks."""
        return IDset(self._ranks)

    @property
    def nodelist(self) -> Hostlist:
        """The hosts, in the order of ranks."""
        return Hostlist([self._ranks[rank].host for rank in sorted(self._ranks)])

    def host_ranks(self, hosts: Union[str, Hostlist]) -> list[int]:
        """The ranks of hosts. ValueError if one is not in it."""
        by_host: dict[str, int] = {}
        for rank in sorted(self._ranks):
            by_host.setdefault(self._ranks[rank].host, rank)
        found = []
        for host in Hostlist(hosts):
            if host not in by_host:
                raise ValueError(f"host {host} not found")
            found.append(by_host[host])
        return found

    def __len__(self) -> int:
        return len(self._ranks)

    def __bool__(self) -> bool:
        return bool(self._ranks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResourceSet):
            return NotImplemented
        return bool(self.to_dict()["execution"]["R_lite"] == other.to_dict()["execution"]["R_lite"])

    __hash__ = None  # type: ignore[assignment]

    # Properties.

    @property
    def properties(self) -> str:
        """The names of all properties, with commas between."""
        return ",".join(sorted({p for node in self._ranks.values() for p in node.properties}))

    def get_properties(self) -> str:
        """{property: ranks}, as JSON text."""
        found: dict[str, list[int]] = {}
        for rank in sorted(self._ranks):
            for name in self._ranks[rank].properties:
                found.setdefault(name, []).append(rank)
        return json.dumps({name: str(IDset(found[name])) for name in sorted(found)})

    def set_property(self, name: str, ranks: Union[None, str, IDset] = None) -> None:
        """Give a property to ranks, or to all."""
        if not name or any(c in name for c in " !&'\"^`|()"):
            raise ValueError(f"property {name!r}: invalid")
        wanted = self.ranks if ranks is None else IDset(ranks)
        for rank in wanted:
            if rank not in self._ranks:
                raise ValueError(f"property {name}: there is no rank {rank}")
            node = self._ranks[rank]
            props = node.properties | {name}
            self._ranks[rank] = _Rank(node.host, node.core, node.gpu, props)

    # Others from it.

    def copy(self) -> "ResourceSet":
        """A copy."""
        new = ResourceSet(self)
        new.state = self.state
        return new

    def _keep(self, wanted: Callable[[int, _Rank], bool]) -> "ResourceSet":
        new = self.copy()
        new._ranks = {rank: node for rank, node in self._ranks.items() if wanted(rank, node)}
        return new

    def copy_ranks(self, ranks: Union[str, IDset, Iterable[int]]) -> "ResourceSet":
        """A copy of only these ranks."""
        ids = set(IDset(ranks))
        return self._keep(lambda rank, node: rank in ids)

    def remove_ranks(self, ranks: Union[str, IDset, Iterable[int]]) -> "ResourceSet":
        """Take ranks out. The set itself."""
        for rank in IDset(ranks):
            self._ranks.pop(rank, None)
        return self

    def copy_constraint(self, constraint: Union[str, Mapping[str, Any]]) -> "ResourceSet":
        """A copy of only the ranks that match a constraint (RFC 31), an object or JSON."""
        found = json.loads(constraint) if isinstance(constraint, str) else constraint
        match = _compile(found)
        return self._keep(match)

    def _combine(self, other: "ResourceSet", op: Callable[[Any, Any], Any]) -> "ResourceSet":
        new = self.copy()
        nothing = _Rank("", frozenset(), frozenset(), frozenset())
        new._ranks = {}
        for rank in self._ranks.keys() | other._ranks.keys():
            mine = self._ranks.get(rank)
            theirs = other._ranks.get(rank, nothing)
            if mine is None:
                mine = _Rank(theirs.host, frozenset(), frozenset(), frozenset())
            node = mine.merged(theirs, op)
            if node:
                new._ranks[rank] = node
        return new

    def union(self, other: "ResourceSet") -> "ResourceSet":
        """A new set: what is in either."""
        return self._combine(other, lambda a, b: a | b)

    def intersect(self, other: "ResourceSet") -> "ResourceSet":
        """A new set: what is in both."""
        return self._combine(other, lambda a, b: a & b)

    def diff(self, other: "ResourceSet") -> "ResourceSet":
        """A new set: what is in this, but not in the other."""
        return self._combine(other, lambda a, b: a - b)

    __or__ = union
    __and__ = intersect
    __sub__ = diff

    def append(self, other: "ResourceSet") -> "ResourceSet":
        """Put all of the other in. The set itself."""
        self._ranks = self.union(other)._ranks
        return self

    add = append


def _ids(ids: Iterable[int]) -> str:
    found = IDset(ids)
    return f"[{found}]" if len(found) > 1 else str(found)


_Match = Callable[[int, _Rank], bool]


def _compile(constraint: Any) -> _Match:
    """The function that a constraint is."""
    if not isinstance(constraint, collections.abc.Mapping):
        raise ValueError("constraint: must be a mapping")
    if not constraint:
        return lambda rank, node: True
    if len(constraint) != 1:
        raise ValueError("constraint: must have one operator")
    ((op, values),) = constraint.items()
    if isinstance(values, (str, bytes)) or not isinstance(values, collections.abc.Iterable):
        raise ValueError(f"constraint: {op}: must be a list")
    if op in ("and", "or", "not"):
        terms = [_compile(value) for value in values]
        if op == "or":
            return lambda rank, node: any(t(rank, node) for t in terms)
        if op == "and":
            return lambda rank, node: all(t(rank, node) for t in terms)
        return lambda rank, node: not all(t(rank, node) for t in terms)
    if op == "properties":
        wanted = list(values)
        return lambda rank, node: all(
            (p[1:] not in node.properties) if p.startswith("^") else (p in node.properties)
            for p in wanted
        )
    if op == "hostlist":
        hosts = {host for value in values for host in Hostlist(value)}
        return lambda rank, node: node.host in hosts
    if op == "ranks":
        ranks = {rank for value in values for rank in IDset(value)}
        return lambda rank, node: rank in ranks
    raise ValueError(f"constraint: unknown operator: {op}")
