"""Resources: sets of them (RFC 20), what the scheduler has, in what state nodes are.

    resources = flux.resource.resource_list(handle).get()
    print(resources.free.ncores, resources.up.nodelist)
"""
from flux.resource.list import ResourceListRPC, SchedResourceList, resource_list
from flux.resource.ResourcePool import (
    InfeasibleRequest,
    InsufficientResources,
    ResourcePool,
    ResourcePoolImplementation,
)
from flux.resource.ResourceSet import ResourceSet
from flux.resource.Rv1Pool import ResourceRequest, Rv1Pool
from flux.resource.status import ResourceStatus, ResourceStatusRPC, resource_status

#: the name of older programs
Rlist = ResourceSet

__all__ = [
    "InfeasibleRequest",
    "InsufficientResources",
    "ResourceListRPC",
    "ResourcePool",
    "ResourcePoolImplementation",
    "ResourceRequest",
    "ResourceSet",
    "ResourceStatus",
    "ResourceStatusRPC",
    "Rlist",
    "Rv1Pool",
    "SchedResourceList",
    "resource_list",
    "resource_status",
]
