#!/usr/bin/python3
"""A network that is slow and loses frames, between network namespaces: what `tc netem` does,
where a kernel has no sch_netem.

usage: lossy-hub.py DELAY_MS LOSS_PERCENT NAMESPACE...

Makes eth0 in each namespace (TAP) and passes frames on between them, each DELAY_MS later but
for those that it drops. Says "ready"; at its end (SIGTERM) how many it passed and dropped.
"""

import ctypes
import fcntl
import heapq
import os
import random
import selectors
import signal
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
CLONE_NEWNET = 0x40000000

delay, loss, names = float(sys.argv[1]) / 1000, float(sys.argv[2]) / 100, sys.argv[3:]
random.seed(1)
libc = ctypes.CDLL(None, use_errno=True)


def tap(name):
    ns = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(ns, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns {name}")
    os.close(ns)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    return fd


ports = {}  # MAC: descriptor
fds = [tap(name) for name in names]
selector = selectors.DefaultSelector()
for fd in fds:
    selector.register(fd, selectors.EVENT_READ)
waiting = []
passed = dropped = serial = 0
ends = []
signal.signal(signal.SIGTERM, lambda *_: ends.append(1))
print("ready", flush=True)
while not ends:
    wait = max(0, waiting[0][0] - time.monotonic()) if waiting else 0.2
    for key, _ in selector.select(min(wait, 0.2)):
        try:
            frame = os.read(key.fd, 65536)
        except OSError:
            continue
        ports[frame[6:12]] = key.fd
        if random.random() < loss:
            dropped += 1
            continue
        passed += 1
        serial += 1
        heapq.heappush(waiting, (time.monotonic() + delay, serial, key.fd, frame))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, source, frame = heapq.heappop(waiting)
        to = ports.get(frame[:6])
        for fd in [to] if to else [f for f in fds if f != source]:
            try:
                os.write(fd, frame)
            except OSError:
                pass
print(passed, dropped, flush=True)
