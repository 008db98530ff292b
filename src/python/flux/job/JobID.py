"""Ids of jobs in all their encodings (RFC 19)."""
from __future__ import annotations

from flux.core.inner import decode, encode, ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

ENCODINGS = ("dec", "hex", "kvs", "dothex", "words", "f58", "f58plain", "emoji")


def id_parse(jobid_str: str) -> int:
    """The number of an id in any encoding; ValueError if it is none."""
    jobid = ffi.new("flux_jobid_t *")
    text = str(jobid_str).strip()
    try:
        failed = lib.flux_job_id_parse(encode(text), jobid) < 0
    except ValueError:
        failed = True
    if failed:
        raise ValueError(f"{jobid_str!r} is not a valid Flux jobid")
    return int(jobid[0])


def id_encode(jobid: int, encoding: str = "f58") -> str:
    """The text of an id: encoding is one of ENCODINGS. ValueError for another."""
    buf = ffi.new("char[]", 256)
    if not 0 <= int(jobid) < 1 << 64:
        raise ValueError(f"{jobid} is not a valid Flux jobid")
    if lib.flux_job_id_encode(int(jobid), encode(encoding), buf, 256) < 0:
        raise ValueError(f"{encoding}: no encoding of job ids; there are {', '.join(ENCODINGS)}")
    return decode(buf) or ""


class JobID(int):
    """The id of a job: an int that knows its other forms.

    value: an int, or text in any encoding. str() is the F58 form.
    """

    _orig: str

    def __new__(cls, value: Union[int, str]) -> "JobID":
        number = value if isinstance(value, int) else id_parse(value)
        if not 0 <= number < 1 << 64:
            raise ValueError(f"{value!r} is not a valid Flux jobid")
        self = super().__new__(cls, number)
        self._orig = str(int(value)) if isinstance(value, int) else value
        return self

    def encode(self, encoding: str = "dec") -> str:
        """The id in another encoding."""
        return id_encode(int(self), encoding)

    @property
    def orig(self) -> str:
        """The text that it was made from."""
        return self._orig

    @property
    def dec(self) -> str:
        """Decimal."""
        return self.encode("dec")

    @property
    def f58(self) -> str:
        """Base 58 after an ƒ (an f, if the locale has no ƒ)."""
        return self.encode("f58")

    @property
    def f58plain(self) -> str:
        """Base 58 after an f."""
        return self.encode("f58plain")

    @property
    def hex(self) -> str:
        """Hexadecimal after 0x."""
        return self.encode("hex")

    @property
    def dothex(self) -> str:
        """Hexadecimal, in four groups with points between."""
        return self.encode("dothex")

    @property
    def words(self) -> str:
        """Words: reform-remote-galileo--heart-package-academy."""
        return self.encode("words")

    @property
    def emoji(self) -> str:
        """Emoji, the first of which is 0."""
        return self.encode("emoji")

    @property
    def kvs(self) -> str:
        """The directory of the job in the key-value store."""
        return self.encode("kvs")

    def __str__(self) -> str:
        return self.encode("f58")

    def __format__(self, spec: str) -> str:
        # {:d} and its like count; all others are of the text.
        if spec and spec[-1] in "bcdoxXeEfFgGn%":
            return int(self).__format__(spec)
        return str(self).__format__(spec)

    def __repr__(self) -> str:
        return f"JobID({int(self)})"

    def __reduce__(self) -> Any:
        return (JobID, (int(self),))
