"""Flux beside asyncio: futures can be awaited.

    async def main():
        handle = flux.Flux()
        jobid = await flux.job.submit_async(handle, jobspec)
        async for event in flux.job.event_watch_async(handle, jobid):
            print(event)

    asyncio.run(main())

The first await of a future ties its handle to the loop that runs: from then on the
handle's reactor turns whenever the loop waits. Callbacks of Flux are called by it; what
they raise ends the loop and reaches who runs it. A connection that is lost reaches who
awaits something of it.
"""
from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, Coroutine, Mapping, Optional, TypeVar

from flux.core.inner import error, ffi, lib, raise_kept
from flux.future import Future

if TYPE_CHECKING:
    from flux.core.handle import Flux

T = TypeVar("T")


class FluxSelector(selectors.BaseSelector):
    """Waits for what another selector has, and turns a reactor while it waits.

    inner must have a descriptor of its own, as EpollSelector does.
    """

    def __init__(
        self, handle: "Flux", inner: Optional[selectors.BaseSelector] = None
    ) -> None:
        self.handle = handle
        self.inner: Any = selectors.EpollSelector() if inner is None else inner
        fileno = self.inner.fileno()
        self._watcher = handle.fd_watcher_create(fileno, _nothing, lib.FLUX_POLLIN)
        self._timer = handle.timer_watcher_create(0.0, _nothing)
        self._watcher.start()
        #: why the reactor turns no more: the connection is lost
        self.lost: Optional[OSError] = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        found: selectors.SelectorKey = self.inner.register(fileobj, events, data)
        return found

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        found: selectors.SelectorKey = self.inner.unregister(fileobj)
        return found

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        found: selectors.SelectorKey = self.inner.modify(fileobj, events, data)
        return found

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        found: Mapping[Any, selectors.SelectorKey] = self.inner.get_map()
        return found

    def select(
        self, timeout: Optional[float] = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """One turn of the reactor, at most timeout seconds long; then what is ready.

        A callback of Flux may have given the loop something to do, which nothing but the
        end of this call tells it: hence one turn, whatever it was that ended the wait.
        """
        if self.lost is not None or self.handle._unusable is not None:
            return list(self.inner.select(timeout))
        if timeout is not None and timeout <= 0:
            self._turn(lib.FLUX_REACTOR_NOWAIT)
        elif timeout is None:
            self._turn(lib.FLUX_REACTOR_ONCE)
        else:
            self._timer.reset(timeout).start()
            try:
                self._turn(lib.FLUX_REACTOR_ONCE)
            finally:
                self._timer.stop()
        return list(self.inner.select(0))

    def _turn(self, flags: int) -> None:
        rc = lib.flux_py_reactor_run(self.handle.reactor, flags)
        errnum = ffi.errno
        raise_kept()
        if rc < 0:
            failed = error("reactor", errnum)
            handle = self.handle
            if (
                handle._unusable is not None
                or not lib.flux_pollevents(handle.handle) & lib.FLUX_POLLERR
            ):
                raise failed
            self.lost = failed
            self._tell(errnum)

    def _tell(self, errnum: int) -> None:
        """Who awaits something of the connection gets an error; if others wait, all do."""
        waiting = [w for w in self.handle._waiting.values() if isinstance(w, Future)]
        if any(future._then is not None and future._then[0] is not wake for future in waiting):
            raise error("reactor", errnum)
        for future in waiting:
            if future._waiter is not None and not future._waiter.done():
                future._waiter.set_exception(error("await", errnum))

    def release(self) -> Any:
        """Turn the reactor no more: the selector that it was made of."""
        if self.handle._unusable is None:
            self._watcher.destroy()
            self._timer.destroy()
        return self.inner

    def close(self) -> None:
        self.release()
        self.inner.close()


def _nothing(_handle: Any, _watcher: Any, _revents: int, _args: Any) -> None:
    """That the reactor wakes up is enough."""


def attach(
    handle: "Flux", loop: Optional[asyncio.AbstractEventLoop] = None
) -> FluxSelector:
    """Let a loop (the one that runs) turn the handle's reactor, too.

    RuntimeError if the loop has no selector that can be watched, or turns the reactor of
    another handle that is still open.
    """
    where: Any = asyncio.get_running_loop() if loop is None else loop
    selector = getattr(where, "_selector", None)
    if isinstance(selector, FluxSelector):
        if selector.handle is handle:
            return selector
        if selector.handle._unusable is None:
            raise RuntimeError("the loop is attached to another Flux handle, which is open")
        selector = selector.release()
    if not hasattr(selector, "fileno"):
        raise RuntimeError(f"a {type(where).__name__} cannot be attached to Flux")
    attached = where._selector = FluxSelector(handle, selector)
    return attached


def wake(future: Future) -> None:
    """The callback of futures that are awaited."""
    waiter, future._waiter = future._waiter, None
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


async def wait_for(future: Future) -> Any:
    """Wait for a future of Flux: what its get() gives, or raises."""
    handle = future.get_flux()
    if not future._has_result():
        if handle is None:
            raise RuntimeError("await: the future belongs to no handle")
        loop = asyncio.get_running_loop()
        lost = attach(handle, loop).lost
        if lost is not None:
            raise lost
        if future._waiter is not None and not future._waiter.done():
            raise RuntimeError("await: the future is awaited already")
        if future._then is None:
            future._awaited = True
            future.then(wake)
        elif future._then[0] is not wake:
            raise RuntimeError("await: the future has a callback already")
        while not future._has_result():
            future._waiter = loop.create_future()
            await future._waiter
    return future.get()


def run(main: Coroutine[Any, Any, T], handle: "Flux", debug: Optional[bool] = None) -> T:
    """asyncio.run() on a loop that is attached to a handle from its beginning."""

    async def attached() -> T:
        attach(handle)
        return await main

    return asyncio.run(attached(), debug=debug)
