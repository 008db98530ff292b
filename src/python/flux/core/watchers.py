"""Watchers: what a reactor calls back for."""
from __future__ import annotations

from flux.core.inner import NULL, as_arg, check_ptr, ffi, lib, not_copied, register
from flux.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from flux.core.handle import Flux

    #: callback(handle, watcher, revents, args)
    WatcherCallback = Callable[["Flux", Any, int, Any], Any]



class Watcher:
    """Calls back when something has happened, while it is started."""

    def __init__(self, handle: "Flux", callback: WatcherCallback, args: Any = None) -> None:
        if not callable(callback):
            raise TypeError(f"{type(self).__name__}: {callback!r} cannot be called")
        self.flux_handle = handle
        self.callback = callback
        self.args = args
        self._key = register(self)
        self._owner: Any = None
        self._watcher: Any = NULL

    __reduce__ = not_copied

    def _own(self, watcher: Any) -> None:
        self._watcher = check_ptr(watcher, type(self).__name__)
        owner = lib.flux_py_own(self.flux_handle.handle, watcher, NULL)
        self._owner = ffi.gc(check_ptr(owner), lib.flux_py_disown)

    @property
    def handle(self) -> Any:
        """The watcher of the library."""
        if self._owner is None:
            raise ValueError("the watcher is destroyed")
        return self._watcher

    def __enter__(self) -> "Watcher":
        self.start()
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.stop()

    def start(self) -> "Watcher":
        """Call back from now on. The handle keeps the watcher until it is stopped."""
        self.flux_handle._must_be_usable()
        lib.flux_watcher_start(self.handle)
        self.flux_handle._waiting[self._key] = self
        return self

    def stop(self) -> "Watcher":
        """Call back no more."""
        if self._owner is not None:
            lib.flux_watcher_stop(self._watcher)
        self.flux_handle._waiting.pop(self._key, None)
        return self

    def ref(self) -> "Watcher":
        """The reactor runs as long as the watcher is active (as it is at first)."""
        lib.flux_watcher_ref(self.handle)
        return self

    def unref(self) -> "Watcher":
        """The reactor does not go on only for this watcher."""
        lib.flux_watcher_unref(self.handle)
        return self

    def is_active(self) -> bool:
        """Is it started?"""
        return self._owner is not None and bool(lib.flux_watcher_is_active(self._watcher))

    def destroy(self) -> None:
        """Stop for good."""
        self.stop()
        if self._owner is not None:
            ffi.release(self._owner)
            self._owner = None

    def _call(self, revents: int) -> None:
        try:
            self.callback(self.flux_handle, self, revents, self.args)
        finally:
            if not self.is_active():
                self.flux_handle._waiting.pop(self._key, None)


class TimerWatcher(Watcher):
    """Calls back after some seconds, and then again every `repeat` seconds (0: never)."""

    def __init__(
        self,
        flux_handle: "Flux",
        after: float,
        callback: WatcherCallback,
        repeat: float = 0.0,
        args: Any = None,
    ) -> None:
        super().__init__(flux_handle, callback, args)
        if after < 0 or repeat < 0:
            raise ValueError(f"timer: after={after} repeat={repeat}: must not be negative")
        self.after = float(after)
        self.repeat = float(repeat)
        self._own(
            lib.flux_timer_watcher_create(
                flux_handle.reactor, self.after, self.repeat, lib.flux_py_watcher, as_arg(self._key)
            )
        )

    def reset(self, after: Optional[float] = None, repeat: Optional[float] = None) -> "TimerWatcher":
        """Set the time anew; what is None stays."""
        self.after = self.after if after is None else float(after)
        self.repeat = self.repeat if repeat is None else float(repeat)
        lib.flux_timer_watcher_reset(self.handle, self.after, self.repeat)
        return self


class FDWatcher(Watcher):
    """Calls back when a descriptor is ready: events are FLUX_POLLIN, FLUX_POLLOUT."""

    def __init__(
        self,
        flux_handle: "Flux",
        fd_int: int,
        events: int,
        callback: WatcherCallback,
        args: Any = None,
    ) -> None:
        super().__init__(flux_handle, callback, args)
        self.fd_int = fd_int
        self._own(
            lib.flux_fd_watcher_create(
                flux_handle.reactor, fd_int, events, lib.flux_py_watcher, as_arg(self._key)
            )
        )


class SignalWatcher(Watcher):
    """Calls back for a signal, in the reactor of the main thread."""

    def __init__(
        self, flux_handle: "Flux", signal_int: int, callback: WatcherCallback, args: Any = None
    ) -> None:
        super().__init__(flux_handle, callback, args)
        self.signal_int = signal_int
        self._own(
            lib.flux_signal_watcher_create(
                flux_handle.reactor, signal_int, lib.flux_py_watcher, as_arg(self._key)
            )
        )


class PrepareWatcher(Watcher):
    """Calls back in each turn of the reactor, before it waits."""

    def __init__(self, flux_handle: "Flux", callback: WatcherCallback, args: Any = None) -> None:
        super().__init__(flux_handle, callback, args)
        create = lib.flux_prepare_watcher_create
        self._own(create(flux_handle.reactor, lib.flux_py_watcher, as_arg(self._key)))


class CheckWatcher(Watcher):
    """Calls back in each turn of the reactor, after it has waited."""

    def __init__(self, flux_handle: "Flux", callback: WatcherCallback, args: Any = None) -> None:
        super().__init__(flux_handle, callback, args)
        create = lib.flux_check_watcher_create
        self._own(create(flux_handle.reactor, lib.flux_py_watcher, as_arg(self._key)))


class IdleWatcher(Watcher):
    """Lets the reactor turn without waiting, and calls back in each turn that has nothing
    else to do. No callback: that it does not wait is all."""

    def __init__(
        self,
        flux_handle: "Flux",
        callback: Optional[WatcherCallback] = None,
        args: Any = None,
    ) -> None:
        super().__init__(flux_handle, callback or _nothing, args)
        create = lib.flux_idle_watcher_create
        self._own(create(flux_handle.reactor, lib.flux_py_watcher, as_arg(self._key)))


def _nothing(_handle: "Flux", _watcher: Any, _revents: int, _args: Any) -> None:
    pass


class MessageWatcher(Watcher):
    """Calls back for messages: callback(handle, watcher, message, args)."""

    def __init__(
        self,
        flux_handle: "Flux",
        type_mask: int,
        callback: Callable[["Flux", Any, Message, Any], Any],
        topic_glob: str = "*",
        match_tag: int = 0,
        rolemask: Optional[int] = None,
        args: Any = None,
    ) -> None:
        super().__init__(flux_handle, callback, args)  # type: ignore[arg-type]
        # Of the library as long as the handler.
        self._topic = ffi.new("char[]", topic_glob.encode())
        handler = lib.flux_py_msg_handler_create(
            flux_handle.handle, type_mask, match_tag, self._topic, self._key
        )
        self._handler = check_ptr(handler, f"message watcher {topic_glob}")
        if rolemask:
            lib.flux_msg_handler_allow_rolemask(handler, rolemask)
        owner = lib.flux_py_own(flux_handle.handle, NULL, handler)
        self._owner = ffi.gc(check_ptr(owner), lib.flux_py_disown)
        self._started = False

    @property
    def handle(self) -> Any:
        """The message handler of the library."""
        if self._owner is None:
            raise ValueError("the watcher is destroyed")
        return self._handler

    def start(self) -> "MessageWatcher":
        """Call back from now on."""
        self.flux_handle._must_be_usable()
        lib.flux_msg_handler_start(self.handle)
        self.flux_handle._waiting[self._key] = self
        self._started = True
        return self

    def stop(self) -> "MessageWatcher":
        """Call back no more."""
        if self._owner is not None:
            lib.flux_msg_handler_stop(self._handler)
        self.flux_handle._waiting.pop(self._key, None)
        self._started = False
        return self

    def is_active(self) -> bool:
        """Is it started?"""
        return self._owner is not None and self._started

    def ref(self) -> "MessageWatcher":
        """Message watchers have no references of their own."""
        raise ValueError("a message watcher cannot be referenced by itself")

    unref = ref

    def _call(self, msg: Any) -> None:
        self.callback(self.flux_handle, self, Message._of(msg), self.args)  # type: ignore[arg-type]
