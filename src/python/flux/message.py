"""Messages."""
from __future__ import annotations

from flux.core.inner import (
    check,
    check_ptr,
    decode,
    encode,
    error,
    ffi,
    from_json,
    lib,
    not_copied,
    payload_text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from flux.core.inner import Payload
    from flux.core.watchers import MessageWatcher as MessageWatcher


def msg_typestr(msg_type: int) -> str:
    """The word for a type of messages, FLUX_MSGTYPE_..."""
    return decode(lib.flux_msg_typestr(msg_type)) or ""


def __getattr__(name: str) -> Any:
    if name == "MessageWatcher":
        from flux.core.watchers import MessageWatcher as found

        return found
    raise AttributeError(f"module 'flux.message' has no attribute {name!r}")


class Message:
    """One message: a request, a response, an event."""

    def __init__(self, type_id: int = lib.FLUX_MSGTYPE_REQUEST, handle: Any = None) -> None:
        if handle is None:
            handle = check_ptr(lib.flux_msg_create(type_id), "message")
        self.handle = ffi.gc(handle, lib.flux_msg_destroy)

    @classmethod
    def _of(cls, handle: Any) -> "Message":
        """Of a handle that is collected by itself."""
        self = cls.__new__(cls)
        self.handle = handle
        return self

    __reduce__ = not_copied

    @classmethod
    def from_event_encode(cls, topic: str, payload: Payload = None) -> "Message":
        """An event, not yet sent."""
        msg = lib.flux_event_encode(encode(topic), payload_text(payload))
        return cls(handle=check_ptr(msg, topic))

    def decode(self) -> tuple[int, str, Optional[str]]:
        """Type, topic, and payload as text. OSError if it is a response with an error."""
        found = self.type
        if found == lib.FLUX_MSGTYPE_RESPONSE and self.errnum:
            raise error(self.topic, self.errnum)
        return found, self.topic, self.payload_str

    def _get(self, name: str, ctype: str = "uint32_t *") -> int:
        value = ffi.new(ctype)
        check(getattr(lib, f"flux_msg_get_{name}")(self.handle, value), name)
        return int(value[0])

    @property
    def type(self) -> int:
        """FLUX_MSGTYPE_REQUEST, ..."""
        return self._get("type", "int *")

    @property
    def type_str(self) -> str:
        """The type as a word."""
        return msg_typestr(self.type)

    @property
    def topic(self) -> str:
        """The topic."""
        text = ffi.new("const char **")
        check(lib.flux_msg_get_topic(self.handle, text), "topic")
        return decode(text[0]) or ""

    @topic.setter
    def topic(self, value: str) -> None:
        check(lib.flux_msg_set_topic(self.handle, encode(value)), value)

    @property
    def payload_str(self) -> Optional[str]:
        """The payload as text; None if there is none."""
        text = ffi.new("const char **")
        if not lib.flux_msg_has_payload(self.handle):
            return None
        check(lib.flux_msg_get_string(self.handle, text), "payload")
        return decode(text[0])

    @payload_str.setter
    def payload_str(self, value: str) -> None:
        check(lib.flux_msg_set_string(self.handle, encode(value)), "payload")

    @property
    def payload(self) -> Any:
        """The payload, from JSON."""
        text = self.payload_str
        return None if text is None else from_json(text)

    @payload.setter
    def payload(self, value: Payload) -> None:
        check(lib.flux_msg_set_string(self.handle, payload_text(value)), "payload")

    @property
    def nodeid(self) -> int:
        """The rank that a request is for."""
        return self._get("nodeid")

    @property
    def userid(self) -> int:
        """Who sent it."""
        return self._get("userid")

    @property
    def rolemask(self) -> int:
        """The sender's roles."""
        return self._get("rolemask")

    @property
    def matchtag(self) -> int:
        """The tag that ties a response to its request."""
        return self._get("matchtag")

    @property
    def errnum(self) -> int:
        """The error of a response."""
        return self._get("errnum", "int *")

    @property
    def seq(self) -> int:
        """The number of an event."""
        return self._get("seq")

    def __repr__(self) -> str:
        text = ffi.new("const char **")
        named = self.type != 8 and lib.flux_msg_get_topic(self.handle, text) == 0
        return f"<flux.message.Message {self.type_str} {decode(text[0]) if named else ''}>"


