"""The constants of the public headers: FLUX_NODEID_ANY, FLUX_MSGTYPE_EVENT, ..."""
from __future__ import annotations

from _flux._core import lib as _lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = sorted(
    name
    for name in dir(_lib)
    if name.startswith(("FLUX_", "IDSET_")) and isinstance(getattr(_lib, name), int)
)
globals().update({name: getattr(_lib, name) for name in __all__})


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module 'flux.constants' has no attribute {name!r}")
