"""In what state nodes are."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional

from flux.hostlist import Hostlist
from flux.idset import IDset
from flux.resource.list import ResourceListRPC, resource_list
from flux.resource.ResourceSet import ResourceSet
from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux


class DrainInfo:
    """Why ranks are drained: ranks (IDset), reason, timestamp (s since 1970)."""

    def __init__(self, ranks: str, info: Mapping[str, Any]) -> None:
        self.ranks = IDset(ranks)
        self.reason = str(info.get("reason", ""))
        self.timestamp = float(info.get("timestamp", 0.0))


class ResourceStatus:
    """The states of nodes, as sets of ranks: all, online, offline, exclude, torpid,
    drained (of those, idle), draining (of those, with jobs), avail (none of the bad)."""

    def __init__(
        self, status: Mapping[str, Any], allocated: Optional[ResourceSet] = None
    ) -> None:
        self.rset = ResourceSet(status["R"])
        self.nodelist: Hostlist = self.rset.nodelist
        self.all = self.rset.ranks
        for state in ("online", "offline", "exclude", "torpid"):
            setattr(self, state, IDset(status.get(state, "")))
        self.drain_infos = [DrainInfo(ranks, i) for ranks, i in status.get("drain", {}).items()]
        drain = IDset()
        for info in self.drain_infos:
            drain.add(info.ranks)
        self.drain = drain
        busy = IDset() if allocated is None else allocated.ranks
        self.draining = drain.intersect(busy)
        self.drained = drain.difference(busy)
        self.avail = self.all.difference(drain, self.exclude, self.offline)

    online: IDset
    offline: IDset
    exclude: IDset
    torpid: IDset

    def get_drain_info(self, rank: int) -> Optional[DrainInfo]:
        """Why a rank is drained; None if it is not."""
        for info in self.drain_infos:
            if rank in info.ranks:
                return info
        return None

    def hosts(self, ranks: IDset) -> Hostlist:
        """The hosts of ranks."""
        return self.rset.copy_ranks(ranks).nodelist


class ResourceStatusRPC:
    """Both requests that a ResourceStatus takes."""

    def __init__(self, handle: "Flux") -> None:
        self.status = RPC(handle, "resource.status", None, 0)
        self.list: ResourceListRPC = resource_list(handle)

    def get(self) -> ResourceStatus:
        """Wait for it."""
        return ResourceStatus(self.status.get(), self.list.get().allocated)


def resource_status(flux_handle: "Flux") -> ResourceStatusRPC:
    """Begin to ask in what state nodes are."""
    return ResourceStatusRPC(flux_handle)
