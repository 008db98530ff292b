"""Sets of non-negative integers (RFC 22).

    ids = flux.idset.IDset("0-3,7")
    print(ids, len(ids), list(ids))
"""
from __future__ import annotations

from typing import Any, Iterable, Iterator, Optional, Union

from flux.core.inner import NULL, check, check_ptr, encode, ffi, lib, take
from flux.core.inner import decode as _c_text

Ids = Union["IDset", str, int, Iterable[int]]

# The greatest id that there is.
_MAX = 0xFFFFFFFD


def _checked(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"idset: {value!r} is no integer")
    if not 0 <= value <= _MAX:
        raise ValueError(f"idset: {value} is out of range")
    return value


class IDset:
    """A set of ids.

    arg: text such as "0-3,7", an iterable of integers, or another IDset.
    flags: how str() writes it: IDSET_FLAG_RANGE, IDSET_FLAG_BRACKETS.
    ValueError if the text is none; TypeError for what is no integer.
    """

    def __init__(self, arg: Ids = "", flags: int = lib.IDSET_FLAG_RANGE, handle: Any = None) -> None:
        self.default_flags = flags
        if handle is None:
            handle = self._make(arg)
        self.handle = ffi.gc(handle, lib.idset_destroy)

    @staticmethod
    def _make(arg: Ids) -> Any:
        if isinstance(arg, IDset):
            return check_ptr(lib.idset_copy(arg.handle), "idset")
        if isinstance(arg, str):
            err = ffi.new("idset_error_t *")
            text = encode(arg)
            found = lib.idset_decode_ex(text, len(text), 0, lib.IDSET_FLAG_AUTOGROW, err)
            if found == NULL:
                raise ValueError(f"IDset: {arg!r}: {_c_text(err.text) or 'invalid idset'}")
            return found
        if isinstance(arg, int):
            raise TypeError("IDset: text or an iterable of integers, not int")
        new = check_ptr(lib.idset_create(0, lib.IDSET_FLAG_AUTOGROW), "idset")
        try:
            for i in arg:
                check(lib.idset_set(new, _checked(i)), "idset")
        except BaseException:
            lib.idset_destroy(new)
            raise
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.default_flags)

    @staticmethod
    def _of(arg: Ids) -> "IDset":
        if isinstance(arg, IDset):
            return arg
        return IDset([arg]) if isinstance(arg, int) else IDset(arg)

    def set_flags(self, flags: int) -> None:
        """How str() writes it from now on."""
        known = lib.IDSET_FLAG_RANGE | lib.IDSET_FLAG_BRACKETS
        if flags & ~known:
            raise ValueError(f"IDset: flags {flags}: only IDSET_FLAG_RANGE and _BRACKETS")
        self.default_flags = flags

    def encode(self, flags: Optional[int] = None) -> str:
        """The text."""
        given = self.default_flags if flags is None else flags
        return take(check_ptr(lib.idset_encode(self.handle, given), "idset")) or ""

    def __str__(self) -> str:
        return self.encode()

    def __repr__(self) -> str:
        return f"IDset('{self}')"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __len__(self) -> int:
        return int(lib.idset_count(self.handle))

    count = __len__

    def __iter__(self) -> Iterator[int]:
        i = lib.idset_first(self.handle)
        while i != lib.IDSET_INVALID_ID:
            yield int(i)
            i = lib.idset_next(self.handle, i)

    def __contains__(self, value: object) -> bool:
        return bool(lib.idset_test(self.handle, _checked(value)))

    def __getitem__(self, value: int) -> bool:
        return value in self

    def __setitem__(self, value: int, present: Any) -> None:
        if present not in (0, 1):
            raise ValueError("IDset: only 0 or 1 can be assigned")
        if present:
            self.set(value)
        else:
            self.clear(value)

    def test(self, value: int) -> bool:
        """Is the id in it?"""
        return value in self

    def _range(self, start: int, end: Optional[int]) -> tuple[int, int]:
        return _checked(start), _checked(start if end is None else end)

    def set(self, start: int, end: Optional[int] = None) -> "IDset":
        """Put an id in, or all from start to end. The set itself."""
        check(lib.idset_range_set(self.handle, *self._range(start, end)), "idset")
        return self

    def clear(self, start: int, end: Optional[int] = None) -> "IDset":
        """Take an id out, or all from start to end. The set itself."""
        check(lib.idset_range_clear(self.handle, *self._range(start, end)), "idset")
        return self

    def expand(self) -> list[int]:
        """The ids as a list."""
        return list(self)

    def first(self) -> int:
        """The least id; IDSET_INVALID_ID if there is none."""
        return int(lib.idset_first(self.handle))

    def last(self) -> int:
        """The greatest id; IDSET_INVALID_ID if there is none."""
        return int(lib.idset_last(self.handle))

    def next(self, i: int) -> int:
        """The least id after i; IDSET_INVALID_ID if there is none."""
        return int(lib.idset_next(self.handle, _checked(i)))

    def prev(self, i: int) -> int:
        """The greatest id before i; IDSET_INVALID_ID if there is none."""
        return int(lib.idset_prev(self.handle, _checked(i)))

    def copy(self) -> "IDset":
        """A copy."""
        return IDset(self, self.default_flags)

    def equal(self, idset: Ids) -> bool:
        """Are they the same ids?"""
        return bool(lib.idset_equal(self.handle, self._of(idset).handle))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IDset):
            return NotImplemented
        return self.equal(other)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return not lib.idset_empty(self.handle)

    def add(self, arg: Ids) -> "IDset":
        """Put all of arg in. The set itself."""
        check(lib.idset_add(self.handle, self._of(arg).handle), "idset")
        return self

    def subtract(self, arg: Ids) -> "IDset":
        """Take all of arg out. The set itself."""
        check(lib.idset_subtract(self.handle, self._of(arg).handle), "idset")
        return self

    def _combine(self, function: Any, args: tuple[Ids, ...]) -> "IDset":
        out = self.copy()
        for arg in args:
            found = check_ptr(function(out.handle, self._of(arg).handle), "idset")
            out = IDset(flags=self.default_flags, handle=found)
        return out

    def union(self, *args: Ids) -> "IDset":
        """A new set: what is in any of them."""
        return self._combine(lib.idset_union, args)

    def intersect(self, *args: Ids) -> "IDset":
        """A new set: what is in all of them."""
        return self._combine(lib.idset_intersect, args)

    def difference(self, *args: Ids) -> "IDset":
        """A new set: what is in this but in none of the others."""
        return self._combine(lib.idset_difference, args)

    def __add__(self, other: Ids) -> "IDset":
        return self.union(other)

    __or__ = __add__

    def __sub__(self, other: Ids) -> "IDset":
        return self.difference(other)

    def __and__(self, other: Ids) -> "IDset":
        return self.intersect(other)

    def __xor__(self, other: Ids) -> "IDset":
        return self.union(other).difference(self.intersect(other))


def decode(string: str) -> IDset:
    """The set of a text such as "0-3,7". ValueError if it is none."""
    return IDset(string)
