"""Signatures of jobspecs (RFC 38 and 39), of the mechanism "none": who it says to be is
who sends it, which the connection confirms.

    context = SecurityContext()
    signed = context.sign_wrap(jobspec.dumps())
    payload, userid = context.sign_unwrap(signed)
"""
from __future__ import annotations

import base64
import binascii
import os
from typing import Any, Optional, Union


class SecurityContext:
    """Signs, and takes apart what is signed. Other mechanisms than "none" are an error of
    value: this installation has none."""

    def __init__(self, config_pattern: Optional[str] = None) -> None:
        if config_pattern is not None and not os.path.exists(config_pattern):
            raise FileNotFoundError(2, os.strerror(2), config_pattern)

    def sign_wrap(
        self, payload: Union[str, bytes], mech_type: Optional[str] = None, flags: int = 0
    ) -> bytes:
        """HEADER.PAYLOAD.SIGNATURE of this user."""
        return self.sign_wrap_as(os.getuid(), payload, mech_type, flags)

    def sign_wrap_as(
        self,
        userid: int,
        payload: Union[str, bytes],
        mech_type: Optional[str] = None,
        flags: int = 0,
    ) -> bytes:
        """HEADER.PAYLOAD.SIGNATURE of a user, which he has to be to submit it."""
        if mech_type not in (None, "none"):
            raise ValueError(f"signing mechanism {mech_type}: not supported, only none")
        if flags:
            raise ValueError(f"flags {flags}: must be 0")
        header = b"version\0i1\0" + b"mechanism\0snone\0" + b"userid\0i%d\0" % userid
        data = payload.encode() if isinstance(payload, str) else payload
        return b".".join((base64.b64encode(header), base64.b64encode(data), b"none"))

    def sign_unwrap(self, signed: Union[str, bytes], flags: int = 0) -> tuple[bytes, int]:
        """(payload, userid). ValueError if it is no signed text, or of another user."""
        if flags & ~1:
            raise ValueError(f"flags {flags}: must be 0, or 1 to allow other users")
        data = signed.encode() if isinstance(signed, str) else signed
        parts = data.split(b".")
        if len(parts) != 3:
            raise ValueError("signed text: must have three parts")
        try:
            header = _header(base64.b64decode(parts[0], validate=True))
            payload = base64.b64decode(parts[1], validate=True)
        except (binascii.Error, UnicodeDecodeError) as exc:
            raise ValueError(f"signed text: {exc}") from None
        if header.get("version") != 1 or header.get("mechanism") != "none":
            raise ValueError(f"signed text: mechanism {header.get('mechanism')} not supported")
        userid = header.get("userid")
        if parts[2] != b"none" or not isinstance(userid, int):
            raise ValueError("signed text: the signature is not that of mechanism none")
        if userid != os.getuid() and not flags & 1:
            raise ValueError(f"signed text: it is of user {userid}")
        return payload, userid


def _header(data: bytes) -> dict[str, Any]:
    """KEY\\0 T VALUE\\0, again and again."""
    parts = data.split(b"\0")
    if len(parts) % 2 != 1 or parts[-1]:
        raise ValueError("signed text: the header is malformed")
    found: dict[str, Any] = {}
    for key, value in zip(parts[::2], parts[1::2]):
        kind, text = value[:1], value[1:].decode()
        try:
            found[key.decode()] = {b"i": int, b"s": str, b"d": float, b"t": int}[kind](text)
        except (KeyError, ValueError):
            raise ValueError("signed text: the header is malformed") from None
    return found
