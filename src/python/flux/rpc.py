"""Remote procedure calls."""
from __future__ import annotations

from errno import ETIMEDOUT

from flux.core.inner import NULL, encode_topic, error, ffi, from_json, lib, payload_text
from flux.future import SLICE, Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from flux.core.inner import Payload
    from flux.core.handle import Flux

# They are looked up once: an RPC is these calls, and little else.
_send = lib.flux_py_rpc
_wait_text = lib.flux_py_rpc_text
_drop = lib.flux_py_future_drop
_string = ffi.string
_collected = ffi.gc


class RPC(Future):
    """A request, and the future of its response."""

    def __init__(
        self,
        flux_handle: "Flux",
        topic: str,
        payload: Payload = None,
        nodeid: int = lib.FLUX_NODEID_ANY,
        flags: int = 0,
    ) -> None:
        self.topic = topic
        self._flux = flux_handle
        future = _send(
            flux_handle._handle if flux_handle._unusable is None else flux_handle.handle,
            encode_topic(topic),
            payload_text(payload),
            nodeid if nodeid >= 0 else nodeid + 0x100000000,
            flags,
        )
        if not future:
            raise error(topic)
        self._future = _collected(future, _drop)

    def get_str(self) -> Optional[str]:
        """The response as text."""
        # As long as nobody waits for something else, this is all there is.
        flux = self._flux
        if flux is None or flux._unusable is not None:
            self._must_not_wait()
        text = _wait_text(self._future, SLICE)
        if not text:
            text = self._text_or_raise(ffi.errno)
        return _string(text).decode("utf-8", "surrogateescape") if text else None

    def _text_or_raise(self, errnum: int) -> Any:
        """There was no text, with errnum: for lack of time, of a payload, or of success."""
        if errnum and not self.is_ready():
            if errnum != ETIMEDOUT:
                raise error("wait_for", errnum)
            self.wait_for()
            text = _wait_text(self._future, 0.0)
            if text:
                return text
            errnum = ffi.errno
        if errnum:
            self._raise(errnum)
        return NULL

    def get(self) -> Any:
        """The response, from JSON; None if it is empty."""
        flux = self._flux
        if flux is None or flux._unusable is not None:
            self._must_not_wait()
        text = _wait_text(self._future, SLICE)
        if not text:
            text = self._text_or_raise(ffi.errno)
            if not text:
                return None
        return from_json(_string(text).decode("utf-8", "surrogateescape"))
