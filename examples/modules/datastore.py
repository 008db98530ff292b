#!/usr/bin/env python3
"""Shows packets as they come through the module conduit: datastore.py COUNT

What was stored before it began counts, too. It ends when it has seen so many.
"""
import sys

import flux
import flux.kvs


def stored(handle):
    """What is there already. A job's own namespace is another one."""
    if not flux.kvs.isdir(handle, "conduit", namespace="primary"):
        return {}
    return dict(flux.kvs.get_dir(handle, "conduit", namespace="primary"))


def main(count):
    """Whoever listens before he looks misses nothing."""
    handle = flux.Flux()
    handle.event_subscribe("conduit.stored")
    packets = stored(handle)
    while len(packets) < count:
        print("waiting for a packet", flush=True)
        new = handle.event_recv("conduit.stored").payload["packets"]
        packets.update(new)
        print(*(f"{key}: {data}" for key, data in new.items()), sep="\n", flush=True)
    print(f"{len(packets)} packets")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: datastore.py COUNT")
    main(int(sys.argv[1]))
