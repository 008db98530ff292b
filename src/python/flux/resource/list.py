"""What the scheduler has."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Mapping, Optional

from flux.resource.ResourceSet import ResourceSet
from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux

_STATES = ("all", "up", "down", "allocated", "free")


class SchedResourceList:
    """The scheduler's resources, each a ResourceSet: all, up, down, allocated, free.

    free is what is up and not allocated. They are items, too: resources["free"].
    """

    all: ResourceSet
    up: ResourceSet
    down: ResourceSet
    allocated: ResourceSet
    free: ResourceSet

    def __init__(self, resp: Optional[Mapping[str, Any]] = None) -> None:
        answer = resp or {}
        for state in ("all", "down", "allocated"):
            setattr(self, state, ResourceSet(answer.get(state), state=state))
        # An answer may leave hosts out where they can be known from all.
        for found in (self.down, self.allocated):
            for rank, node in found._ranks.items():
                if not node.host and rank in self.all._ranks:
                    node.host = self.all._ranks[rank].host
        self._derive()

    def _derive(self) -> None:
        self.up = self.all - self.down
        self.up.state = "up"
        self.free = self.up - self.allocated
        self.free.state = "free"

    def __getitem__(self, state: str) -> ResourceSet:
        if state not in _STATES:
            raise KeyError(state)
        found: ResourceSet = getattr(self, state)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_STATES)

    def copy_constraint(self, constraint: Any) -> "SchedResourceList":
        """A copy of only what matches a constraint (RFC 31)."""
        new = SchedResourceList()
        for state in _STATES:
            setattr(new, state, self[state].copy_constraint(constraint))
        return new


class ResourceListRPC(RPC):
    """The future of a SchedResourceList."""

    def get(self) -> SchedResourceList:
        """Wait for it."""
        return SchedResourceList(super().get())

    def get_dict(self) -> dict[str, Any]:
        """Wait for the answer as it is."""
        found: dict[str, Any] = super().get()
        return found


def resource_list(flux_handle: "Flux") -> ResourceListRPC:
    """Begin to ask the scheduler for its resources."""
    return ResourceListRPC(flux_handle, "resource.sched-status", {}, 0)
