"""A broker of the tree as an attacker would be one: ZeroMQ by ctypes, RFC 3 frames."""

import ctypes
import json
import os

from wire import *

zmq = ctypes.CDLL("libzmq.so.5", use_errno=True)
zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = ctypes.c_void_p
DEALER, IDENTITY, RCVMORE, LINGER, RCVTIMEO, DONTWAIT, SNDMORE = 5, 5, 13, 17, 27, 1, 2
CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY = 48, 49, 50
OFFLINE, HEARTBEAT, STATUS, DISCONNECT, STATE = 5, 0, 1, 2, 3
context = ctypes.c_void_p(zmq.zmq_ctx_new())


def frames(kind, topic=None, payload=None, flags=0, userid=None, rolemask=OWNER, aux1=0,
           aux2=0, routes=None):
    """The last pushed route comes first; None: no stack."""
    out = []
    if routes is not None:
        flags |= F_ROUTE
        out += [r.encode() for r in routes] + [b""]
    if topic is not None:
        flags |= F_TOPIC
        out.append(topic.encode() + b"\0")
    if payload is not None:
        flags |= F_PAYLOAD
        out.append(payload if isinstance(payload, bytes)
                   else json.dumps(payload).encode() + b"\0")
    out.append(struct.pack(">BBBBIIII", 0x8E, 1, kind, flags,
                           os.getuid() if userid is None else userid, rolemask,
                           aux1 & 0xFFFFFFFF, aux2 & 0xFFFFFFFF))
    return out


def new_keys():
    pair = ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)
    zmq.zmq_curve_keypair(*pair)
    return tuple(key.value for key in pair)


def keys_of(cert):
    """The public and the secret key in the file of a certificate."""
    with open(cert, encoding="ascii") as f:
        words = dict(line.strip().split(" = ") for line in f if "-key = " in line)
    return tuple(words[name].strip('"').encode() for name in ("public-key", "secret-key"))


class Peer:
    """keys: for tcp, (public, secret, public of the broker)."""

    def __init__(self, endpoint, uuid, keys=None):
        self.uuid = uuid if isinstance(uuid, bytes) else uuid.encode()
        self.s = ctypes.c_void_p(zmq.zmq_socket(context, DEALER))
        self.option(LINGER, 1000)
        self.option(RCVTIMEO, 20000)
        zmq.zmq_setsockopt(self.s, IDENTITY, self.uuid, len(self.uuid))
        for name, key in zip((CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY), keys or ()):
            zmq.zmq_setsockopt(self.s, name, key, len(key))
        if zmq.zmq_connect(self.s, endpoint.encode()) < 0:
            raise OSError(ctypes.get_errno(), endpoint)

    def option(self, name, value):
        zmq.zmq_setsockopt(self.s, name, ctypes.byref(ctypes.c_int(value)), 4)

    def send(self, parts):
        for i, p in enumerate(parts):
            more = SNDMORE if i < len(parts) - 1 else 0
            zmq.zmq_send(self.s, p, len(p), more | DONTWAIT)

    def recv(self):
        """A message as its frames; None if none comes in time."""
        out, more = [], ctypes.c_int(1)
        buf = ctypes.create_string_buffer(1 << 20)
        while more.value:
            n = zmq.zmq_recv(self.s, buf, len(buf), 0)
            if n < 0:
                return None
            out.append(buf.raw[:n])
            zmq.zmq_getsockopt(self.s, RCVMORE, ctypes.byref(more),
                               ctypes.byref(ctypes.c_size_t(4)))
        return out

    def control(self, kind, status):
        self.send(frames(CONTROL, aux1=kind, aux2=status))

    def hello(self, rank, version, **more):
        o = {"rank": rank, "uuid": self.uuid.decode(errors="replace"), "hostname": "evil",
             "version": version, "status": 1}
        self.send(frames(REQUEST, "overlay.hello", o | more, aux1=ANY, aux2=0, routes=[]))

    def close(self):
        zmq.zmq_close(self.s)
