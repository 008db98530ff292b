"""Resources: sets of them (RFC 20), what the scheduler has, in what state nodes are.

    resources = flux.resource.resource_list(handle).get()
    print(resources.free.ncores, resources.up.nodelist)
"""
from flux.resource.list import ResourceListRPC, SchedResourceList, resource_list
from flux.resource.ResourceSet import ResourceSet
from flux.resource.status import ResourceStatus, ResourceStatusRPC, resource_status

#: the name of older programs
Rlist = ResourceSet

__all__ = [
    "ResourceListRPC",
    "ResourceSet",
    "ResourceStatus",
    "ResourceStatusRPC",
    "Rlist",
    "SchedResourceList",
    "resource_list",
    "resource_status",
]
