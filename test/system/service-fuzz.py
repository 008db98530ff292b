"""Send well-formed RFC 3 requests with payloads of wrong types to all services.

usage: service-fuzz.py COUNT SEED; FLUX_URI names the instance. Exits 0 when
all were sent: the caller looks whether the instance still lives.
"""

import json
import os
import random
import socket
import struct
import subprocess
import sys

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


def part(data):
    if len(data) < 255:
        return bytes([len(data)]) + data
    return b"\xff" + struct.pack(">I", len(data)) + data


def request(topic, data, tag):
    flags = 0x09 | random.choice([0, 0, 0x40, 0x04])
    if flags & 0x04:
        tag = 0
    parts = part(b"") + part(topic.encode() + b"\0")
    if data is not None:
        flags |= 0x02
        parts += part(data)
    nodeid = random.choice([0xFFFFFFFF, 0xFFFFFFFF, 0, 1, 99])
    parts += part(struct.pack(">BBBBIIII", 0x8E, 1, 1, flags, 0xFFFFFFFF, 0, nodeid, tag))
    return b"\xff\xee\x00\x12" + struct.pack(">I", 8 + len(parts)) + parts


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["FLUX_URI"].replace("local://", ""))
    s.recv(1)
    return s


def drain(s):
    s.setblocking(False)
    try:
        while s.recv(1 << 16):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    finally:
        s.settimeout(10)
    return False


def main():
    random.seed(int(sys.argv[2]))
    lines = subprocess.check_output(["flux", "module", "list"], text=True).splitlines()
    services = "broker attr event log module service sched content-backing".split()
    for line in lines[1:]:
        services.append(line.split()[0])
    s = connect()
    for i in range(int(sys.argv[1])):
        topic = random.choice(services) + "." + random.choice(METHODS)
        # a request that is carried out as it should be, and ends something
        if topic in ("module.remove", "broker.kill"):
            continue
        try:
            s.sendall(request(topic, payload(), i + 1))
            alive = drain(s)
        except ConnectionError:
            alive = False
        if not alive or random.randrange(500) == 0:
            s.close()
            s = connect()
    s.close()


main()
