#!/bin/sh
# Requests to sched-fluxion-resource that are malformed, or too many.
. "${0%/*}/../lib.sh"

[ -n "${FLUX_TEST_ACTIVE:-}" ] || under_flux 1

flux module remove sched-simple
flux module load sched-fluxion-resource
cat >ask.py <<'END'
import subprocess
import sys

import flux
from flux.constants import FLUX_RPC_STREAMING

h = flux.Flux()
spec = subprocess.check_output(["flux", "submit", "--dry-run", "-n1", "true"]).decode()


def ask(method, payload, streaming=False):
    "The answer, or the last of a stream."
    flags = FLUX_RPC_STREAMING if streaming else 0
    f = h.rpc("sched-fluxion-resource." + method, payload, flags=flags)
    try:
        answer = f.get()
        while streaming:
            f.reset()
            answer = f.get()
    except OSError as e:
        return e.strerror
    return answer


def state(jobid):
    answer = ask("info", {"jobid": jobid})
    return answer["status"] if isinstance(answer, dict) else answer


def ids():
    "What is no id stands for no job, and nothing of the request is done."
    for jobid in (0, 7):
        ask("match", {"cmd": "allocate", "jobid": jobid, "jobspec": spec})
    for bad in ("x", {}, [7, "x"], [7, None], [7, 1.5], [None]):
        print(ask("cancel", {"jobids": bad}))
        for key in ("free", "unreserve"):
            print(ask("match_multi", {"cmd": "allocate", "jobs": [], key: bad}, True))
    print(state(0), state(7))
    print(ask("cancel", {"jobids": [0, 7]}), state(0), state(7))


def many():
    "Who listens is counted."
    futures = [
        h.rpc("sched-fluxion-resource.notify", flags=FLUX_RPC_STREAMING)
        for _ in range(1025)
    ]
    for f in futures[:1024]:
        f.get()
    try:
        print(futures[1024].get())
    except OSError as e:
        print(e.strerror)


{"ids": ids, "many": many}[sys.argv[1]]()
END
flux python ask.py ids >ids.out 2>&1
is 'what is no list of ids is refused' 18 sh -c "grep -c -e 'Protocol error' -e 'not an array' \
    -e 'malformed' ids.out"
is 'and its jobs stay' 'ALLOCATED ALLOCATED' sh -c 'tail -n2 ids.out | head -n1'
is 'a list of them is right' '{} CANCELED CANCELED' tail -n1 ids.out
is 'there are not more listeners than there may be' 'too many listen' flux python ask.py many
is 'when they are gone there may be others' 'too many listen' flux python ask.py many
finish
