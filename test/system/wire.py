"""RFC 3 messages over a broker's local socket, as an attacker would write them.

A message is whatever the caller says, so that credentials, routes, flags and
matchtags can be forged. Client (guest=True) needs root: it connects as
GUEST, whose uid the kernel tells the broker.
"""

import json
import os
import socket
import struct

REQUEST, RESPONSE, EVENT, CONTROL = 1, 2, 4, 8
F_TOPIC, F_PAYLOAD, F_NORESPONSE, F_ROUTE = 0x01, 0x02, 0x04, 0x08
F_UPSTREAM, F_PRIVATE, F_STREAMING = 0x10, 0x20, 0x40
OWNER, USER, LOCAL = 1, 2, 4
ANY = 0xFFFFFFFF
UNKNOWN = 0xFFFFFFFF
GUEST = 65534
EPERM, ENOENT, EPROTO, ENODATA, ENOSYS, ENOBUFS = 1, 2, 71, 61, 38, 105


def part(data):
    if len(data) < 255:
        return bytes([len(data)]) + data
    return b"\xff" + struct.pack(">I", len(data)) + data


def encode(kind, topic, payload=None, flags=0, userid=UNKNOWN, rolemask=0, aux1=0,
           aux2=0, routes=()):
    """payload: bytes, or what becomes JSON. routes: the last pushed comes first."""
    out = b""
    if kind in (REQUEST, RESPONSE) or routes:
        flags |= F_ROUTE
        out += b"".join(part(r.encode() + b"\0") for r in routes) + part(b"")
    if topic is not None:
        flags |= F_TOPIC
        out += part(topic.encode() + b"\0")
    if payload is not None:
        flags |= F_PAYLOAD
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode() + b"\0"
        out += part(payload)
    out += part(struct.pack(">BBBBIIII", 0x8E, 1, kind, flags, userid, rolemask, aux1,
                            aux2))
    return b"\xff\xee\x00\x12" + struct.pack(">I", len(out)) + out


class Message:
    def __init__(self, data):
        parts = []
        while data:
            n, data = data[0], data[1:]
            if n == 255:
                n, data = struct.unpack(">I", data[:4])[0], data[4:]
            parts.append(data[:n])
            data = data[n:]
        (_, _, self.kind, self.flags, self.userid, self.rolemask, self.aux1,
         self.aux2) = struct.unpack(">BBBBIIII", parts.pop())
        self.routes, self.topic, self.payload = [], None, None
        if self.flags & F_ROUTE:
            while (p := parts.pop(0)):
                self.routes.append(p.rstrip(b"\0").decode())
        if self.flags & F_TOPIC:
            self.topic = parts.pop(0).rstrip(b"\0").decode()
        if self.flags & F_PAYLOAD:
            self.payload = parts.pop(0)
        self.errnum = self.aux1 if self.kind == RESPONSE else 0
        self.tag = self.aux2

    def text(self):
        return (self.payload or b"").rstrip(b"\0").decode(errors="replace")

    def json(self):
        return json.loads(self.text() or "{}")

    def __str__(self):
        return f"kind {self.kind} {self.topic} errnum {self.errnum} {self.text()}"


class Client:
    def __init__(self, guest=False, uri=None, timeout=60):
        path = (uri or os.environ["FLUX_URI"]).replace("local://", "")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        try:
            if guest:
                os.seteuid(GUEST)
            self.sock.connect(path)
        finally:
            if guest:
                os.seteuid(0)
        answer = self.sock.recv(1)
        if answer != b"\0":
            raise PermissionError(f"{path}: {answer}")
        self.buf = b""
        self.tag = 0
        self.kept = []

    def close(self):
        self.sock.close()

    def send(self, *args, **kwargs):
        self.sock.sendall(encode(*args, **kwargs))

    def size(self):
        """Of the message at the head of the buffer."""
        return 8 + struct.unpack(">I", self.buf[4:8])[0]

    def recv(self):
        while len(self.buf) < 8 or len(self.buf) < self.size():
            data = self.sock.recv(1 << 16)
            if not data:
                raise ConnectionError("the broker closed the connection")
            self.buf += data
        n = self.size()
        data, self.buf = self.buf[8:n], self.buf[n:]
        return Message(data)

    def wait(self, match):
        """The next message that matches; others are kept for later."""
        for i, m in enumerate(self.kept):
            if match(m):
                return self.kept.pop(i)
        while True:
            m = self.recv()
            if match(m):
                return m
            self.kept.append(m)

    def ask(self, topic, payload=None, nodeid=ANY, flags=0, **kwargs):
        """Sends a request, returns its matchtag."""
        self.tag += 1
        self.send(REQUEST, topic, payload, flags=flags, aux1=nodeid, aux2=self.tag,
                  **kwargs)
        return self.tag

    def answer(self, tag):
        return self.wait(lambda m: m.kind == RESPONSE and m.tag == tag)

    def rpc(self, topic, payload=None, nodeid=ANY, flags=0, **kwargs):
        return self.answer(self.ask(topic, payload, nodeid, flags, **kwargs))

    def ok(self, topic, payload=None, nodeid=ANY, flags=0):
        m = self.rpc(topic, payload, nodeid, flags)
        if m.errnum:
            raise RuntimeError(f"{topic}: {m}")
        return m

    def ping(self, nodeid=ANY):
        """All that was sent before has been routed, and was answered if the
        broker itself was to."""
        return self.ok("broker.ping", {}, nodeid).json()

    def has(self, match):
        """True if such a message came before the answer of a ping."""
        self.ping()
        for i, m in enumerate(self.kept):
            if match(m):
                self.kept.pop(i)
                return True
        return False
