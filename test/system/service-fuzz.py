"""Send well-formed RFC 3 requests with payloads of wrong types to all services.

usage: service-fuzz.py COUNT SEED; FLUX_URI names the instance. Exits 0 when
all were sent and most were answered: the caller looks whether the instance still lives.
"""

import json
import os
import random
import subprocess
import sys

from wire import *

METHODS = """get set list load remove add rm append clear dmesg debug ping stats-get
stats-clear config-reload subscribe unsubscribe publish pub enter exec write kill
status lookup lookup-plus getroot commit fence namespace-create namespace-remove
namespace-list wait-version setroot-pause dropcache checkpoint-get checkpoint-put
store flush register-backing validate submit getinfo getattr update urgency raise
wait wait-notify memo annotations list-id list-attrs job-stats jobs-list disable
enable start stop idle queue-status queue-enable queue-start acquire drain undrain
reload topo-put monitor-waitup events-journal eventlog-watch lookup-watch watch
cancel disconnect alloc free hello ready exec-hello sched-hello sched-ready
sched-cancel guest-exec-watch purge stdin health topology hash join leave""".split()

KEYS = """id ids key keys name names topic payload flags namespace rootref rootseq seq
nodeid rank ranks idset targets reason mode overwrite path args attrs max_entries
constraint since state states userid urgency priority type severity note job jobspec
J R env cmd ops options pid signum stream data eof value hash blobref version path
follow nobacklog timeout ns treeobj ops nprocs start stop enable all force group
members update notify level facility message attr local_flags io jobs events count
entry msg errnum deny allow tags full matchtag sequence""".split()

STRINGS = ["", ".", "..", "a..b", "*", "0-99999999", "foo[0-999999999]", "[0-",
           "primary", "resource.R", "x" * 5000, "\u0000", "\u0192", "sha1-" + "0" * 40]
NUMBERS = [-1, 0, 1, 5, 2**31, 2**32, 2**63 - 1, -(2**63), 1e308, 0.5]


def value(depth=0):
    kind = random.randrange(8)
    if kind == 0:
        return random.choice([None, True, False])
    if kind in (1, 2):
        return random.choice(NUMBERS)
    if kind in (3, 4):
        return random.choice(STRINGS)
    if depth > 3:
        return []
    if kind == 5:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): value(depth + 1) for _ in range(random.randrange(5))}


def payload():
    kind = random.randrange(16)
    if kind == 0:
        return None
    if kind == 1:
        return random.choice([b"\0", b"[]\0", b'{"a":\0', os.urandom(40) + b"\0"])
    keys = random.sample(sorted(set(KEYS)), random.randrange(12))
    return json.dumps({key: value() for key in keys}).encode() + b"\0"


def request(topic, data, tag):
    flags = random.choice([0, 0, F_STREAMING, F_NORESPONSE])
    return encode(REQUEST, topic, data, flags=flags,
                  aux1=random.choice([ANY, ANY, 0, 1, 99]),
                  aux2=0 if flags & F_NORESPONSE else tag)


def drain(client):
    """How many answers are here; None if the broker closed the connection."""
    count = 0
    client.sock.setblocking(False)
    try:
        while client.recv():
            count += 1
    except BlockingIOError:
        return count
    except ConnectionError:
        return None
    finally:
        client.sock.settimeout(10)


def main():
    random.seed(int(sys.argv[2]))
    count, answers = int(sys.argv[1]), 0
    lines = subprocess.check_output(["flux", "module", "list"], text=True).splitlines()
    services = "broker attr event log module service sched content-backing".split()
    for line in lines[1:]:
        services.append(line.split()[0])
    c = Client(timeout=10)
    for i in range(count):
        topic = random.choice(services) + "." + random.choice(METHODS)
        # a request that is carried out as it should be, and ends something
        if topic in ("module.remove", "broker.kill"):
            continue
        try:
            c.sock.sendall(request(topic, payload(), i + 1))
            n = drain(c)
        except ConnectionError:
            n = None
        answers += n or 0
        if n is None or random.randrange(500) == 0:
            c.close()
            c = Client(timeout=10)
    c.ping()
    answers += len(c.kept)
    c.close()
    if answers < count / 4:
        sys.exit(f"{count} requests, but {answers} answers")


if __name__ == "__main__":
    main()
