"""Lists of hosts (RFC 29).

    hosts = flux.hostlist.Hostlist("node[0-3],login")
    print(hosts.count(), hosts[1], hosts.index("login"))
"""
from __future__ import annotations

import collections.abc
from typing import Any, Iterable, Iterator, Sequence, Union, overload

from flux.core.inner import NULL, check, check_ptr, encode, ffi, lib, take
from flux.core.inner import decode as _c_text
from flux.idset import IDset

Hosts = Union["Hostlist", str, Iterable[str]]


class Hostlist:
    """An ordered list of hosts, in which each may be many times.

    arg: text such as "node[0-3]", an iterable of such texts, or another Hostlist.
    ValueError if the text is none; TypeError for anything else.
    """

    def __init__(self, arg: Hosts = "", handle: Any = None) -> None:
        if handle is None:
            handle = check_ptr(lib.hostlist_create(), "hostlist")
            self.handle = ffi.gc(handle, lib.hostlist_destroy)
            self.append(arg)
        else:
            self.handle = ffi.gc(handle, lib.hostlist_destroy)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.encode(),)

    def append(self, *args: Hosts) -> int:
        """Add hosts at the end: how many."""
        before = self.count()
        for arg in args:
            if isinstance(arg, Hostlist):
                check(lib.hostlist_append_list(self.handle, arg.handle), "hostlist")
            elif isinstance(arg, str):
                if arg and lib.hostlist_append(self.handle, encode(arg)) < 0:
                    raise ValueError(f"Invalid hostlist: {arg!r}")
            elif isinstance(arg, collections.abc.Iterable):
                for each in arg:
                    if not isinstance(each, (str, Hostlist)):
                        raise TypeError(f"Hostlist: {each!r} is no text")
                    self.append(each)
            else:
                raise TypeError(f"Hostlist: text or an iterable of it, not {type(arg).__name__}")
        return self.count() - before

    def delete(self, hosts: Union["Hostlist", str]) -> int:
        """Take all of these hosts out, once each: how many were there."""
        count = int(lib.hostlist_delete(self.handle, encode(str(hosts))))
        if count < 0:
            raise ValueError(f"Invalid hostlist: {str(hosts)!r}")
        return count

    def encode(self) -> str:
        """The text."""
        return take(check_ptr(lib.hostlist_encode(self.handle), "hostlist")) or ""

    def __str__(self) -> str:
        return self.encode()

    def __repr__(self) -> str:
        return f"Hostlist('{self}')"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def count(self) -> int:
        """How many there are."""
        return int(lib.hostlist_count(self.handle))

    __len__ = count

    def _nth(self, i: int) -> str:
        found = lib.hostlist_nth(self.handle, i)
        if found == NULL:
            raise IndexError("Hostlist index out of range")
        return _c_text(found) or ""

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: Union[slice, Iterable[int]]) -> "Hostlist": ...

    def __getitem__(self, index: Union[int, slice, Iterable[int]]) -> Union[str, "Hostlist"]:
        """A host by its place; for a slice, or places (e.g. an IDset), a new Hostlist."""
        count = len(self)
        if isinstance(index, int):
            place = index + count if index < 0 else index
            if not 0 <= place < count:
                raise IndexError("Hostlist index out of range")
            return self._nth(place)
        if isinstance(index, slice):
            index = range(*index.indices(count))
        if isinstance(index, collections.abc.Iterable):
            return Hostlist([self[i] for i in index])
        raise TypeError("Hostlist: an index must be an integer, a slice, or integers")

    def __iter__(self) -> Iterator[str]:
        return (self._nth(i) for i in range(len(self)))

    def expand(self) -> list[str]:
        """The hosts as a list."""
        return list(self)

    def _find(self, host: str) -> int:
        try:
            place: int = lib.hostlist_find(self.handle, encode(host))
        except ValueError:
            return -1
        return place

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) >= 0

    def index(
        self, hosts: Union[str, Sequence[str], "Hostlist"], ignore_nomatch: bool = False
    ) -> Union[int, IDset]:
        """The place of a host; of many, their places as IDset.

        FileNotFoundError if one is not in it, unless ignore_nomatch is set.
        """
        wanted = hosts if isinstance(hosts, Hostlist) else Hostlist(hosts)
        places, missing = IDset(), []
        for host in wanted:
            place = self._find(host)
            if place >= 0:
                places.set(place)
            else:
                missing.append(host)
        if missing and not ignore_nomatch:
            raise FileNotFoundError(2, f"host '{Hostlist(missing)}' not found")
        if isinstance(hosts, str) and len(wanted) == 1 and places:
            return places.first()
        return places

    def sort(self) -> "Hostlist":
        """Sort it. The list itself."""
        lib.hostlist_sort(self.handle)
        return self

    def uniq(self) -> "Hostlist":
        """Sort it, and leave each only once. The list itself."""
        lib.hostlist_uniq(self.handle)
        return self

    def copy(self) -> "Hostlist":
        """A copy."""
        return Hostlist(handle=check_ptr(lib.hostlist_copy(self.handle), "hostlist"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hostlist):
            return NotImplemented
        return str(self) == str(other)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return len(self) > 0


def decode(string: str) -> Hostlist:
    """The list of a text. ValueError if it is none."""
    return Hostlist(string)
