"""Remote procedure calls."""
from __future__ import annotations

import json

from flux.core.inner import decode, encode, ffi, lib, payload_text
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
        super().__init__(
            lib.flux_rpc(
                flux_handle.handle, encode(topic), payload_text(payload), nodeid & 0xFFFFFFFF, flags
            ),
            flux_handle,
        )

    def get_str(self) -> Optional[str]:
        """The response as text."""
        self.wait_for()
        text = ffi.new("const char **")
        self._check(lib.flux_rpc_get(self.handle, text))
        return decode(text[0])

    def get(self) -> Any:
        """The response, from JSON; None if it is empty."""
        text = self.get_str()
        return None if text is None else json.loads(text)
