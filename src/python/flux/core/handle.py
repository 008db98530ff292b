"""The handle: a connection to an instance."""
from __future__ import annotations

import os
import sys
import syslog
import threading
import weakref
from errno import EAGAIN, ECANCELED, ETIMEDOUT

from flux.core.inner import (
    NULL,
    check,
    check_ptr,
    decode,
    encode,
    error,
    ffi,
    lib,
    maybe,
    not_copied,
    payload_text,
    raise_kept,
)
from flux.core.watchers import (
    CheckWatcher,
    FDWatcher,
    IdleWatcher,
    MessageWatcher,
    PrepareWatcher,
    SignalWatcher,
    TimerWatcher,
)
from flux.future import SLICE, Future
from flux.message import Message
from flux.rpc import RPC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, Union

    from flux.core.inner import Payload
    from flux.core.watchers import WatcherCallback

_open: "weakref.WeakSet[Flux]" = weakref.WeakSet()


def _forked() -> None:
    """A child of fork shares the parent's sockets: its handles must not be used."""
    for flux_handle in list(_open):
        flux_handle._unusable = "it was opened before fork(); open one in the child"


os.register_at_fork(after_in_child=_forked)


class Flux:
    """A connection to an instance; of one thread at a time.

    url: where, the enclosing instance if None; flags: FLUX_O_...
    """

    def __init__(
        self, url: Union[None, str, bytes] = None, flags: int = 0, handle: Any = None
    ) -> None:
        self._unusable: Optional[str] = None
        self._waiting: dict[int, Any] = {}
        self._conf: Optional[dict[str, Any]] = None
        if handle is None:
            err = ffi.new("flux_error_t *")
            handle = lib.flux_open_ex(maybe(url), flags, err)
            if handle == NULL:
                errnum = ffi.errno
                text = decode(err.text) or os.strerror(errnum)
                raise OSError(errnum, f"flux_open: {text}")
            handle = ffi.gc(handle, lib.flux_close)
        self._handle: Any = handle
        _open.add(self)

    __reduce__ = not_copied

    @property
    def handle(self) -> Any:
        """The handle of the library."""
        self._must_be_usable()
        return self._handle

    def _must_be_usable(self) -> None:
        """ValueError if it is closed, or another process's."""
        if self._unusable is not None:
            raise ValueError(f"the Flux handle cannot be used: {self._unusable}")

    def close(self) -> None:
        """Close the connection; what still waits is dropped."""
        if self._unusable is not None:
            return
        for waiting in list(self._waiting.values()):
            destroy = getattr(waiting, "destroy", None)
            if destroy is not None:
                destroy()
        self._waiting.clear()
        self._unusable = "it is closed"
        self._handle = None

    def __enter__(self) -> "Flux":
        self._must_be_usable()
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.close()

    async def __aenter__(self) -> "Flux":
        return self.__enter__()

    async def __aexit__(self, *_exc: Any) -> None:
        self.close()

    # Attributes and configuration.

    def attr_get(self, name: str) -> str:
        """An attribute of the broker."""
        value = check_ptr(lib.flux_attr_get(self.handle, encode(name)), f"attribute {name}")
        return decode(value) or ""

    def attr_set(self, name: str, value: Any) -> None:
        """Set an attribute of the broker."""
        err = ffi.new("flux_error_t *")
        if lib.flux_attr_set_ex(self.handle, encode(name), encode(str(value)), False, err) < 0:
            errnum = ffi.errno
            raise OSError(errnum, decode(err.text) or os.strerror(errnum))

    def attr_remove(self, attr: str) -> None:
        """Remove an attribute of the broker; what has a default has that again."""
        if not isinstance(attr, str):
            raise ValueError(f"attr_remove: {attr!r} is no name")
        self.rpc("attr.rm", {"name": attr}).get()

    def conf_get(
        self, key: Optional[str] = None, default: Any = None, update: bool = False
    ) -> Any:
        """The broker's configuration, or what lies there under key (a.b.c).

        It is asked for once, and again with update.
        """
        if update or self._conf is None:
            self._conf = self.rpc("config.get").get() or {}
        conf = self._conf
        for part in key.split(".") if key else []:
            if not isinstance(conf, dict) or part not in conf:
                return default
            conf = conf[part]
        return conf

    def get_rank(self) -> int:
        """The rank of the broker."""
        rank = ffi.new("uint32_t *")
        check(lib.flux_get_rank(self.handle, rank), "rank")
        return int(rank[0])

    def get_size(self) -> int:
        """How many brokers there are."""
        size = ffi.new("uint32_t *")
        check(lib.flux_get_size(self.handle, size), "size")
        return int(size[0])

    def flags_get(self) -> int:
        """FLUX_O_..."""
        return int(lib.flux_flags_get(self.handle))

    def log(self, level: int, fstring: str) -> int:
        """Write a line to the broker's log; level is one of syslog.LOG_..."""
        return check(lib.flux_py_log(self.handle, level, encode(fstring)), "log")

    def fatal_error(self, message: str) -> None:
        """Write a line to stderr, and end the process with status 1."""
        print(message, file=sys.stderr)
        raise SystemExit(1)

    # Messages.

    def rpc(
        self,
        topic: str,
        payload: Payload = None,
        nodeid: int = lib.FLUX_NODEID_ANY,
        flags: int = 0,
    ) -> RPC:
        """Send a request; the response is in the RPC's get()."""
        return RPC(self, topic, payload, nodeid, flags)

    def send(self, message: Message, flags: int = 0) -> int:
        """Send a message."""
        return check(lib.flux_send(self.handle, message.handle, flags), "send")

    def recv(
        self,
        type_mask: int = lib.FLUX_MSGTYPE_ANY,
        match_tag: int = lib.FLUX_MATCHTAG_NONE,
        topic_glob: Optional[str] = None,
        flags: int = 0,
    ) -> Optional[Message]:
        """The next message that matches; None if there is none and flags say not to wait."""
        match = ffi.new("struct flux_match *")
        topic = NULL if topic_glob is None else ffi.new("char[]", encode(topic_glob))
        match.typemask, match.matchtag, match.topic_glob = type_mask, match_tag, topic
        if (flags | self.flags_get()) & lib.FLUX_O_NONBLOCK:
            msg = lib.flux_recv(self.handle, match[0], flags)
            if msg == NULL and ffi.errno == EAGAIN:
                return None
        else:
            # Python sees signals only between calls of the library.
            msg = NULL
            while msg == NULL:
                msg = lib.flux_recv_within(self.handle, match[0], SLICE)
                if msg == NULL and ffi.errno != ETIMEDOUT:
                    break
        return Message(handle=check_ptr(msg, "recv"))

    def respond(self, message: Message, payload: Payload = None) -> int:
        """Answer a request."""
        rc = lib.flux_respond(self.handle, message.handle, payload_text(payload))
        return check(rc, "respond")

    def respond_error(self, message: Message, errnum: int, errstr: Optional[str] = None) -> int:
        """Refuse a request."""
        rc = lib.flux_respond_error(self.handle, message.handle, errnum, maybe(errstr))
        return check(rc, "respond")

    def event_create(self, topic: str, payload: Payload = None) -> Message:
        """An event, not yet sent."""
        return Message.from_event_encode(topic, payload)

    def event_send(self, topic: str, payload: Payload = None) -> int:
        """Publish an event; it has its number when this returns, which is returned."""
        future = Future(
            lib.flux_event_publish(self.handle, encode(topic), 0, payload_text(payload)), self
        )
        future.get()
        seq = ffi.new("int *")
        check(lib.flux_event_publish_get_seq(future.handle, seq), "event")
        return int(seq[0])

    def event_recv(self, topic: Optional[str] = None) -> Message:
        """Wait for an event that has been subscribed to."""
        msg = self.recv(lib.FLUX_MSGTYPE_EVENT, topic_glob=topic)
        assert msg is not None
        return msg

    def event_subscribe(self, topic: str) -> int:
        """Receive events whose topic begins so."""
        return check(lib.flux_event_subscribe(self.handle, encode(topic)), f"subscribe {topic}")

    def event_unsubscribe(self, topic: str) -> int:
        """Undo event_subscribe."""
        rc = lib.flux_event_unsubscribe(self.handle, encode(topic))
        return check(rc, f"unsubscribe {topic}")

    def service_register(self, name: str) -> Future:
        """Become the service `name`: requests name.METHOD come to this handle."""
        return Future(lib.flux_service_register(self.handle, encode(name)), self)

    def service_unregister(self, name: str) -> Future:
        """Undo service_register."""
        return Future(lib.flux_service_unregister(self.handle, encode(name)), self)

    # The reactor.

    @property
    def reactor(self) -> Any:
        """The reactor of the library."""
        return check_ptr(lib.flux_get_reactor(self.handle), "reactor")

    def get_reactor(self) -> Any:
        """The same as reactor."""
        return self.reactor

    def reactor_run(self, reactor: Any = None, flags: int = 0) -> int:
        """Call back until nothing is waited for any more, or until it is stopped.

        What a callback raises is raised here. The result is the number of watchers
        that are still active.
        """
        loop = self.reactor if reactor is None else reactor
        in_main = threading.current_thread() is threading.main_thread()
        rc, errnum = (self._run_with_signals if in_main else _run)(loop, flags)
        raise_kept()
        if rc < 0:
            raise error("reactor_run", errnum)
        return rc

    def _run_with_signals(self, loop: Any, flags: int) -> tuple[int, int]:
        """Handlers of signals in Python run while the reactor waits."""
        import signal

        rfd, wfd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        watcher = FDWatcher(self, rfd, lib.FLUX_POLLIN, _drain)
        old = signal.set_wakeup_fd(wfd, warn_on_full_buffer=False)
        try:
            watcher.start().unref()
            return _run(loop, flags)
        finally:
            watcher.destroy()
            signal.set_wakeup_fd(old)
            os.close(rfd)
            os.close(wfd)

    def reactor_stop(self, reactor: Any = None) -> None:
        """Let reactor_run return."""
        lib.flux_reactor_stop(self.reactor if reactor is None else reactor)

    def reactor_stop_error(self, reactor: Any = None) -> None:
        """Let reactor_run raise an OSError with ECANCELED."""
        ffi.errno = ECANCELED
        lib.flux_reactor_stop_error(self.reactor if reactor is None else reactor)

    def add_watcher(self, watcher: Any) -> None:
        """Keep a watcher alive, as start() does by itself."""
        self._waiting[watcher._key] = watcher

    def del_watcher(self, watcher: Any) -> None:
        """Undo add_watcher."""
        self._waiting.pop(watcher._key, None)

    def timer_watcher_create(
        self, after: float, callback: WatcherCallback, repeat: float = 0.0, args: Any = None
    ) -> TimerWatcher:
        """Call callback(handle, watcher, revents, args) after some seconds."""
        return TimerWatcher(self, after, callback, repeat=repeat, args=args)

    def fd_watcher_create(
        self,
        fd_int: int,
        callback: WatcherCallback,
        events: int = lib.FLUX_POLLIN | lib.FLUX_POLLOUT | lib.FLUX_POLLERR,
        args: Any = None,
    ) -> FDWatcher:
        """Call back when a descriptor is ready."""
        return FDWatcher(self, fd_int, events, callback, args=args)

    def signal_watcher_create(
        self, signum: int, callback: WatcherCallback, args: Any = None
    ) -> SignalWatcher:
        """Call back for a signal."""
        return SignalWatcher(self, signum, callback, args=args)

    def prepare_watcher_create(
        self, callback: WatcherCallback, args: Any = None
    ) -> PrepareWatcher:
        """Call back before the reactor waits."""
        return PrepareWatcher(self, callback, args)

    def check_watcher_create(
        self, callback: WatcherCallback, args: Any = None
    ) -> CheckWatcher:
        """Call back after the reactor has waited."""
        return CheckWatcher(self, callback, args)

    def idle_watcher_create(
        self, callback: Optional[WatcherCallback] = None, args: Any = None
    ) -> IdleWatcher:
        """Call back when there is nothing else to do; the reactor does not wait."""
        return IdleWatcher(self, callback, args)

    def msg_watcher_create(
        self,
        callback: Callable[["Flux", Any, Message, Any], Any],
        type_mask: int = lib.FLUX_MSGTYPE_ANY,
        topic_glob: str = "*",
        args: Any = None,
        match_tag: int = lib.FLUX_MATCHTAG_NONE,
        rolemask: Optional[int] = None,
    ) -> MessageWatcher:
        """Call callback(handle, watcher, message, args) for messages.

        Requests of other users than the owner only come if rolemask allows it.
        """
        return MessageWatcher(self, type_mask, callback, topic_glob, match_tag, rolemask, args)

    #: levels of log()
    LOG_ERR = syslog.LOG_ERR
    LOG_INFO = syslog.LOG_INFO


def _run(loop: Any, flags: int) -> tuple[int, int]:
    """What the library's reactor returns, and errno."""
    return lib.flux_py_reactor_run(loop, flags), ffi.errno


def _drain(_handle: Flux, watcher: Any, _revents: int, _args: Any) -> None:
    """A signal has come: its handler has run when this returns."""
    try:
        os.read(watcher.fd_int, 4096)
    except BlockingIOError:
        pass
