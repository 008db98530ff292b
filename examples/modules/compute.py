#!/usr/bin/env python3
"""Sends so many packets, with the time, through the module conduit: compute.py COUNT"""
import os
import sys
import time

import flux
from flux.job import JobID


def main(count):
    """Each is sent when the one before it is stored."""
    job = JobID(os.environ.get("FLUX_JOB_ID", "0")).f58plain
    handle = flux.Flux()
    for i in range(count):
        packet = {"key": f"{job}-{i}", "data": {"time": time.time()}}
        handle.rpc("conduit.put", packet).get()
    print(f"{job}: {count} packets are stored")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: compute.py COUNT")
    main(int(sys.argv[1]))
