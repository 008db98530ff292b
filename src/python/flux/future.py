"""Futures: what will be known later.

`future.get()` waits; `future.then(callback)` is called from the reactor.
"""
from __future__ import annotations

import errno
import time

from flux.core.inner import (
    NULL,
    as_arg,
    check,
    check_ptr,
    decode,
    encode,
    error,
    ffi,
    holder,
    lib,
    not_copied,
    raise_kept,
    register,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generator, Optional

    from flux.core.handle import Flux

# Python sees signals only between calls of the library.
SLICE = 0.2


def _wants_two(callback: Callable[..., Any]) -> bool:
    """Some programs are written for callback(future, arg), where arg may be None."""
    code = getattr(callback, "__code__", None)
    if code is None:
        return False
    bound = getattr(callback, "__self__", None) is not None
    given = len(getattr(callback, "__defaults__", None) or ())
    return bool(code.co_argcount - bound - given == 2)


class Future:
    """A future of the library."""

    _key = 0
    _then: Optional[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = None
    # get() has gone on to the next result already: who resets, then, means that.
    _gone_on = False
    # Of asyncio, of who awaits it.
    _waiter: Any = None
    _awaited = False

    __reduce__ = not_copied

    def __init__(self, future: Any, flux_handle: Optional["Flux"] = None) -> None:
        self._flux = flux_handle
        self._future = ffi.gc(check_ptr(future, type(self).__name__), lib.flux_py_future_drop)
        if flux_handle is not None:
            check(lib.flux_py_future_hold(self._future, flux_handle.handle))

    @property
    def handle(self) -> Any:
        """The future of the library."""
        return self._future

    @property
    def pimpl(self) -> Any:
        """The same as handle."""
        return self._future

    def get_flux(self) -> Optional["Flux"]:
        """The handle that it belongs to."""
        return self._flux

    def get_reactor(self) -> Any:
        """The reactor that calls its callback."""
        return check_ptr(lib.flux_future_get_reactor(self._future), "reactor")

    def error_string(self) -> Optional[str]:
        """What went wrong, if it did."""
        return decode(lib.flux_future_error_string(self._future))

    def then(
        self,
        callback: Callable[..., Any],
        *args: Any,
        timeout: float = -1.0,
        **kwargs: Any,
    ) -> "Future":
        """Call callback(future, *args, **kwargs) from the reactor when it is ready."""
        if self._then is not None:
            raise ValueError("then: the future has a callback already")
        if not callable(callback):
            raise TypeError(f"then: {callback!r} cannot be called")
        if self._flux is not None:
            self._flux._must_be_usable()
        if not args and not kwargs and _wants_two(callback):
            args = (None,)
        self._then = (callback, args, kwargs)
        self._key = self._key or register(self)
        holder(self._flux)[self._key] = self
        if lib.flux_py_future_then(self._future, timeout, self._key) < 0:
            self._then = None
            holder(self._flux).pop(self._key, None)
            raise error("then")
        raise_kept()
        return self

    def _continue(self) -> None:
        """Called by the reactor. Who resets the future is called again."""
        holder(self._flux).pop(self._key, None)
        if self._then is not None:
            callback, args, kwargs = self._then
            callback(self, *args, **kwargs)

    def _stop_error(self) -> None:
        reactor = lib.flux_future_get_reactor(self._future)
        if reactor != NULL:
            lib.flux_reactor_stop_error(reactor)

    def _init(self) -> None:
        """Called when somebody waits."""

    def _has_result(self) -> bool:
        """Would get() not wait?"""
        return self.is_ready()

    def __await__(self) -> Generator[Any, None, Any]:
        """What get() gives, in a coroutine of asyncio; see flux.asyncio."""
        from flux.asyncio import wait_for

        return wait_for(self).__await__()

    def is_ready(self) -> bool:
        """Is there a result, or an error?"""
        return bool(lib.flux_future_is_ready(self._future))

    def reset(self) -> None:
        """Forget the result: wait for the next one of a stream."""
        if self._gone_on:
            self._gone_on = False
            return
        if self._then is not None:
            holder(self._flux)[self._key] = self
        lib.flux_future_reset(self._future)

    def stop(self) -> None:
        """Call the callback no more, as that of a stream."""
        if self._then is not None:
            self._then = (lambda future: None, (), {})
        holder(self._flux).pop(self._key, None)

    def set_flux(self, flux_handle: "Flux") -> None:
        """Let it belong to a handle."""
        lib.flux_future_set_flux(self._future, flux_handle.handle)
        self._flux = flux_handle

    def incref(self) -> None:
        """One more who needs it (for C; Python counts by itself)."""
        lib.flux_future_incref(self._future)

    def decref(self) -> None:
        """Undo incref."""
        lib.flux_future_decref(self._future)

    def wait_for(self, timeout: float = -1.0) -> "Future":
        """Wait until it is ready; OSError with ETIMEDOUT after timeout seconds."""
        if lib.flux_future_is_ready(self._future):
            return self
        self._must_not_wait()
        errnum = self._wait_in_slices(timeout)
        raise_kept()
        if errnum:
            raise error("wait_for", errnum)
        return self

    def _must_not_wait(self) -> None:
        """ValueError if it would wait through a handle that cannot be used: a child of fork
        would take away what comes for its parent."""
        if self._flux is not None and not lib.flux_future_is_ready(self._future):
            self._flux._must_be_usable()

    def _wait_in_slices(self, timeout: float) -> int:
        """0, or what went wrong."""
        end = None if timeout < 0 else time.monotonic() + timeout
        while True:
            left = SLICE if end is None else max(0.0, min(SLICE, end - time.monotonic()))
            if lib.flux_future_wait_for(self._future, left) == 0:
                return 0
            errnum: int = ffi.errno
            if errnum != errno.ETIMEDOUT or left < SLICE:
                return errnum
            if lib.flux_future_is_ready(self._future):
                return errnum

    def _check(self, rc: int) -> int:
        """A result of a get function; the error is the future's."""
        if rc < 0:
            self._raise(ffi.errno)
        return rc

    def _raise(self, errnum: int) -> None:
        text = self.error_string()
        raise OSError(errnum, text) if text else error("", errnum)

    def get(self) -> Any:
        """Wait for the result."""
        self.wait_for()
        self._check(lib.flux_future_get(self._future, NULL))
        return None

    def fulfill_error(self, errnum: int, errstr: Optional[str] = None) -> None:
        """Give it an error for a result."""
        lib.flux_future_fulfill_error(
            self._future, errnum, NULL if errstr is None else encode(errstr)
        )


class FutureExt(Future):
    """A future that is fulfilled by Python.

    init_cb(future) is called when somebody begins to wait for it.
    """

    def __init__(
        self,
        init_cb: Optional[Callable[["FutureExt"], Any]] = None,
        args: Any = None,
        flux_handle: Optional["Flux"] = None,
    ) -> None:
        if init_cb is not None and not callable(init_cb):
            raise TypeError(f"FutureExt: {init_cb!r} cannot be called")
        self._init_cb = init_cb
        self.args = args
        self._results: list[Any] = []
        key = register(self)
        super().__init__(
            lib.flux_future_create(
                NULL if init_cb is None else lib.flux_py_future_init, as_arg(key)
            ),
            flux_handle,
        )
        self._key = key
        if flux_handle is not None:
            lib.flux_future_set_flux(self._future, flux_handle.handle)

    def _init(self) -> None:
        if self._init_cb is not None:
            self._init_cb(self)

    def fulfill(self, result: Any = None) -> None:
        """Give it a result, any object."""
        self._results.append(result)
        lib.flux_future_fulfill(self._future, NULL, NULL)

    def reset(self) -> None:
        """Go on to the next result."""
        if self._results and self.is_ready():
            self._results.pop(0)
        super().reset()

    def get(self) -> Any:
        """Wait for the object that it is fulfilled with."""
        super().get()
        return self._results[0] if self._results else None


class WaitAllFuture(Future):
    """Ready when all its children are."""

    def __init__(self, flux_handle: Optional["Flux"] = None) -> None:
        super().__init__(lib.flux_future_wait_all_create(), flux_handle)
        self.children: dict[str, Future] = {}
        if flux_handle is not None:
            lib.flux_future_set_flux(self._future, flux_handle.handle)

    def push(self, child: Future, name: Optional[str] = None) -> None:
        """Add a child; without a name it gets a number."""
        key = str(len(self.children)) if name is None else name
        lib.flux_future_incref(child.handle)
        if lib.flux_future_push(self._future, encode(key), child.handle) < 0:
            failed = error(f"push {key}")
            lib.flux_future_decref(child.handle)
            raise failed
        if self._flux is None and child.get_flux() is not None:
            self._flux = child.get_flux()
        self.children[key] = child

