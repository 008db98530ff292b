"""A broker that takes connections and is of no use.

fake-broker.py SOCKET MODE: says "ready" when it listens. MODE: close (at once), hello
(after the greeting), garbage, half (of a message), huge (a length of 4 GB), zeros."""

import os
import socket
import sys
import threading

ANSWERS = {
    "hello": b"",
    "garbage": os.urandom(4096),
    "half": b"\xff\xee\x00\x12\x00\x00\x10\x00abc",
    "huge": b"\xff\xee\x00\x12\xff\xff\xff\xffabc",
    "zeros": b"\xff\xee\x00\x12\x00\x00\x00\x10" + b"\0" * 16,
}


def serve(c, mode):
    with c:
        try:
            if mode in ANSWERS:
                c.sendall(b"\0")
                c.recv(10)
                c.sendall(ANSWERS[mode])
        except OSError:
            pass


path, mode = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen(50)
print("ready", flush=True)
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c, mode), daemon=True).start()
