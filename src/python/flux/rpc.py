"""Remote procedure calls."""
from __future__ import annotations

from flux.core.inner import NULL, check_ptr, decode, encode_topic, ffi, from_json, lib, payload_text
from flux.future import Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from flux.core.inner import Payload
    from flux.core.handle import Flux


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
        future = lib.flux_py_rpc(
            flux_handle.handle, encode_topic(topic), payload_text(payload), nodeid & 0xFFFFFFFF, flags
        )
        self._flux = flux_handle
        self._future = ffi.gc(check_ptr(future, topic), lib.flux_py_future_drop)

    def get_str(self) -> Optional[str]:
        """The response as text."""
        self.wait_for()
        text = lib.flux_py_rpc_get(self._future)
        if text == NULL:
            self._check(-1 if ffi.errno else 0)
        return decode(text)

    def get(self) -> Any:
        """The response, from JSON; None if it is empty."""
        text = self.get_str()
        return None if text is None else from_json(text)
