"""What Flux costs from Python; bench/client.c does the same in C. Run in an instance:

    python.py SECTION COUNT
        rpc      microseconds for each round trip, one at a time
        events   events per second, published and received, 64 in flight
        submit   jobs per second, 256 in flight
    Without a broker, to show what is Python's part of these:
        rpc-alone     microseconds for a request to nobody and the text of a response
        events-alone  events per second, received
"""
import sys
import time

import flux
from flux.constants import FLUX_MSGTYPE_EVENT, FLUX_O_NONBLOCK, FLUX_RPC_NORESPONSE


def rpc(handle, count):
    """One after the other."""
    start = time.perf_counter()
    for i in range(count):
        handle.rpc("broker.ping", {"seq": i}, 0).get()
    return (time.perf_counter() - start) / count * 1e6


def events(handle, count):
    """Each that comes lets one go."""
    sent = done = 0

    def publish():
        nonlocal sent
        sent += 1
        handle.rpc("event.publish", {"topic": "bench.tick", "flags": 0}, 0, FLUX_RPC_NORESPONSE)

    def received(_handle, _watcher, _message, _args):
        nonlocal done
        if sent < count:
            publish()
        done += 1
        if done == count:
            handle.reactor_stop()

    handle.event_subscribe("bench.tick")
    handle.msg_watcher_create(received, FLUX_MSGTYPE_EVENT, "bench.tick").start()
    start = time.perf_counter()
    for _ in range(min(64, count)):
        publish()
    handle.reactor_run()
    return count / (time.perf_counter() - start)


def submit(handle, count):
    """Each id that comes lets one go."""
    import flux.job

    spec = flux.job.JobspecV1.from_command(["true"], environment={}).dumps()
    flux.job.submit(handle, spec)  # What is loaded late is loaded now.
    sent = done = 0

    def submit_one():
        nonlocal sent
        sent += 1
        flux.job.submit_async(handle, spec).then(submitted)

    def submitted(future):
        nonlocal done
        future.get_id()
        done += 1
        if sent < count:
            submit_one()

    start = time.perf_counter()
    for _ in range(min(256, count)):
        submit_one()
    handle.reactor_run()
    return done / (time.perf_counter() - start)


def rpc_alone(_handle, count):
    """Through a handle that only reaches itself."""
    from flux.core.inner import from_json

    loop = flux.Flux("loop://")
    seconds = 0.0
    for first in range(0, count, 100):
        start = time.perf_counter()
        for i in range(first, first + 100):
            loop.rpc("broker.ping", {"seq": i}, 0, FLUX_RPC_NORESPONSE)
            from_json('{"seq":1,"route":"6b161c42","userid":0,"rolemask":5}')
        seconds += time.perf_counter() - start
        while loop.recv(flags=FLUX_O_NONBLOCK):
            pass
    return seconds / count * 1e6


def events_alone(_handle, count):
    """Those that have come already."""
    loop = flux.Flux("loop://")
    done = 0

    def received(_handle, _watcher, _message, _args):
        nonlocal done
        done += 1
        if done == count:
            loop.reactor_stop()

    loop.msg_watcher_create(received, FLUX_MSGTYPE_EVENT, "bench.tick").start()
    event = loop.event_create("bench.tick", {"flags": 0})
    for _ in range(count):
        loop.send(event)
    start = time.perf_counter()
    loop.reactor_run()
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    section = {"rpc": rpc, "events": events, "submit": submit, "rpc-alone": rpc_alone,
               "events-alone": events_alone}[sys.argv[1]]
    print(f"{section(flux.Flux(), int(sys.argv[2])):.2f}")
