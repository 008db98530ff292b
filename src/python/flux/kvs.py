"""The key-value store.

    import flux, flux.kvs
    handle = flux.Flux()
    flux.kvs.put(handle, "a.b", {"c": 1})
    flux.kvs.commit(handle)
    print(flux.kvs.get(handle, "a.b"))
"""
from __future__ import annotations

import errno
import json
import weakref
from typing import Any, Iterator, MutableMapping, Optional, Union

from flux.core.handle import Flux
from flux.core.inner import (
    check,
    check_ptr,
    decode,
    encode,
    error,
    ffi,
    lib,
    maybe,
    not_copied,
    take,
)
from flux.future import Future

Value = Any

# put() and its like gather here until commit().
_txns: MutableMapping[Flux, "KVSTxn"] = weakref.WeakKeyDictionary()


class KVSLookup(Future):
    """The future of a value."""

    def get_raw(self) -> bytes:
        """The bytes of the value."""
        self.wait_for()
        data, size = ffi.new("const void **"), ffi.new("size_t *")
        self._check(lib.flux_kvs_lookup_get_raw(self.handle, data, size))
        return bytes(ffi.buffer(data[0], size[0])) if size[0] else b""

    def get(self) -> Value:
        """The value, from JSON; text that is none is given as it is."""
        return _value(self.get_raw())

    def get_key(self) -> str:
        """The key that was looked up."""
        return decode(lib.flux_kvs_lookup_get_key(self.handle)) or ""


class KVSWatchFuture(KVSLookup):
    """The future of each value that a key takes."""

    def get(self, autoreset: bool = True) -> Value:
        """The value, or None when the watch has ended."""
        self._gone_on = False
        try:
            value = super().get()
        except OSError as exc:
            if exc.errno == errno.ENODATA:
                return None
            raise
        if autoreset:
            self.reset()
            self._gone_on = True
        return value

    def cancel(self, stop: bool = False) -> None:
        """Watch no more. The end comes as None; with stop, no callback comes at all."""
        check(lib.flux_kvs_lookup_cancel(self.handle), "cancel")
        if stop and self._then is not None:
            self._then = (lambda future: None, (), {})


def _value(data: bytes) -> Value:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data.rstrip(b"\0").decode("utf-8", "surrogateescape")


def lookup_async(
    flux_handle: Flux, key: str, namespace: Optional[str] = None, flags: int = 0
) -> KVSLookup:
    """Begin to look a value up."""
    future = lib.flux_kvs_lookup(flux_handle.handle, maybe(namespace), flags, encode(key))
    return KVSLookup(future, flux_handle)


def get(flux_handle: Flux, key: str, namespace: Optional[str] = None) -> Any:
    """The value of a key; of a directory, a KVSDir."""
    try:
        return lookup_async(flux_handle, key, namespace).get()
    except IsADirectoryError:
        return KVSDir(flux_handle, key, namespace)
    except OSError as exc:
        raise OSError(exc.errno, f"{key}: {exc.strerror}") from None


def kvs_watch_async(
    flux_handle: Flux,
    key: str,
    namespace: Optional[str] = None,
    waitcreate: bool = False,
    uniq: bool = False,
    full: bool = False,
) -> KVSWatchFuture:
    """Follow a value. The future is fulfilled with each; its get() goes on to the next."""
    flags = lib.FLUX_KVS_WATCH
    flags |= lib.FLUX_KVS_WAITCREATE if waitcreate else 0
    flags |= lib.FLUX_KVS_WATCH_UNIQ if uniq else 0
    flags |= lib.FLUX_KVS_WATCH_FULL if full else 0
    future = lib.flux_kvs_lookup(flux_handle.handle, maybe(namespace), flags, encode(key))
    return KVSWatchFuture(future, flux_handle)


def _lookup_dir(flux_handle: Flux, key: str, namespace: Optional[str]) -> tuple[Future, Any]:
    future = lookup_async(flux_handle, key, namespace, lib.FLUX_KVS_READDIR)
    future.wait_for()
    ptr = ffi.new("const flux_kvsdir_t **")
    if lib.flux_kvs_lookup_get_dir(future.handle, ptr) < 0:
        raise error(key)
    return future, ptr[0]


def _kind(flux_handle: Flux, key: str, namespace: Optional[str], flags: int) -> bool:
    try:
        lookup_async(flux_handle, key, namespace, flags).get_raw()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as exc:
        if exc.errno in (errno.EINVAL, errno.EISDIR):
            return exc.errno == errno.EISDIR
        raise
    return True


def exists(flux_handle: Flux, key: str, namespace: Optional[str] = None) -> bool:
    """Is there a value or a directory?"""
    return _kind(flux_handle, key, namespace, lib.FLUX_KVS_TREEOBJ)


def isdir(flux_handle: Flux, key: str, namespace: Optional[str] = None) -> bool:
    """Is there a directory?"""
    try:
        _lookup_dir(flux_handle, key, namespace)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


class KVSTxn:
    """Changes that are made all at once, by commit() or at the end of a `with` block."""

    __reduce__ = not_copied

    def __init__(self, flux_handle: Flux, namespace: Optional[str] = None) -> None:
        self._flux = flux_handle
        self.namespace = namespace
        self._txn = ffi.gc(check_ptr(lib.flux_kvs_txn_create()), lib.flux_kvs_txn_destroy)

    def put(self, key: str, value: Value) -> None:
        """Set a value: bytes as they are, all else as JSON."""
        if isinstance(value, bytes):
            rc = lib.flux_kvs_txn_put_raw(self._txn, 0, encode(key), value, len(value))
        else:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
            rc = lib.flux_kvs_txn_put(
                self._txn, 0, encode(key), text.encode("utf-8", "surrogateescape")
            )
        check(rc, f"put {key}")

    def mkdir(self, key: str) -> None:
        """Make an empty directory."""
        check(lib.flux_kvs_txn_mkdir(self._txn, 0, encode(key)), f"mkdir {key}")

    def unlink(self, key: str) -> None:
        """Remove a value, or a directory with all in it."""
        check(lib.flux_kvs_txn_unlink(self._txn, 0, encode(key)), f"unlink {key}")

    def symlink(self, key: str, target: str, namespace: Optional[str] = None) -> None:
        """Make a symbolic link."""
        rc = lib.flux_kvs_txn_symlink(
            self._txn, 0, encode(key), maybe(namespace), encode(target)
        )
        check(rc, f"symlink {key}")

    def clear(self) -> None:
        """Forget the changes."""
        check(lib.flux_kvs_txn_clear(self._txn), "clear")

    def commit_async(self, flags: int = 0) -> Future:
        """Begin to make the changes."""
        future = Future(
            lib.flux_kvs_commit(self._flux.handle, maybe(self.namespace), flags, self._txn),
            self._flux,
        )
        self.clear()
        return future

    def commit(self, flags: int = 0) -> int:
        """Make the changes."""
        self.commit_async(flags).get()
        return 0

    def __enter__(self) -> "KVSTxn":
        return self

    def __exit__(self, exc_type: Any, *_exc: Any) -> None:
        if exc_type is None:
            self.commit()


def _txn(flux_handle: Flux, given: Optional[KVSTxn] = None) -> KVSTxn:
    if given is not None:
        return given
    return _txns.setdefault(flux_handle, KVSTxn(flux_handle))


def put(flux_handle: Flux, key: str, value: Value, _kvstxn: Optional[KVSTxn] = None) -> None:
    """Set a value at the next commit()."""
    _txn(flux_handle, _kvstxn).put(key, value)


def put_mkdir(flux_handle: Flux, key: str, _kvstxn: Optional[KVSTxn] = None) -> None:
    """Make a directory at the next commit()."""
    _txn(flux_handle, _kvstxn).mkdir(key)


def put_unlink(flux_handle: Flux, key: str, _kvstxn: Optional[KVSTxn] = None) -> None:
    """Remove a key at the next commit()."""
    _txn(flux_handle, _kvstxn).unlink(key)


def put_symlink(
    flux_handle: Flux, key: str, target: str, _kvstxn: Optional[KVSTxn] = None
) -> None:
    """Make a symbolic link at the next commit()."""
    _txn(flux_handle, _kvstxn).symlink(key, target)


def commit_async(
    flux_handle: Flux,
    flags: int = 0,
    namespace: Optional[str] = None,
    _kvstxn: Optional[KVSTxn] = None,
) -> Future:
    """Begin to make the changes."""
    txn = _txn(flux_handle, _kvstxn)
    if namespace is not None:
        txn.namespace = namespace
    _txns.pop(flux_handle, None)
    return txn.commit_async(flags)


def commit(
    flux_handle: Flux,
    flags: int = 0,
    namespace: Optional[str] = None,
    _kvstxn: Optional[KVSTxn] = None,
) -> int:
    """Make the changes of put() and its like."""
    commit_async(flux_handle, flags, namespace, _kvstxn).get()
    return 0


def namespace_create(flux_handle: Flux, namespace: str, owner: int, flags: int = 0) -> None:
    """Make a namespace."""
    future = lib.flux_kvs_namespace_create(
        flux_handle.handle, encode(namespace), owner & 0xFFFFFFFF, flags
    )
    Future(future, flux_handle).get()


def namespace_remove(flux_handle: Flux, namespace: str) -> None:
    """Remove a namespace."""
    Future(
        lib.flux_kvs_namespace_remove(flux_handle.handle, encode(namespace)), flux_handle
    ).get()


def namespace_list(flux_handle: Flux) -> list[str]:
    """The names of all namespaces."""
    found = flux_handle.rpc("kvs.namespace-list").get()["namespaces"]
    return [ns["namespace"] for ns in found]


def join(*args: str) -> str:
    """Keys, joined by points."""
    return ".".join(arg for arg in args if arg)


class KVSDir(MutableMapping[str, Any]):
    """A directory, as a mapping. Changes, also those of directories that are taken from
    it, are made by commit()."""

    def __init__(
        self,
        flux_handle: Flux,
        path: str = ".",
        namespace: Optional[str] = None,
        _kvstxn: Optional["KVSTxn"] = None,
    ) -> None:
        self.fhdl = flux_handle
        self.path = path
        self.namespace = namespace
        self._future, self._dir = _lookup_dir(flux_handle, path, namespace)
        self._pending = KVSTxn(flux_handle, namespace) if _kvstxn is None else _kvstxn

    def key_at(self, key: str) -> str:
        """The whole key of a name here."""
        return take(check_ptr(lib.flux_kvsdir_key_at(self._dir, encode(key)))) or ""

    def exists(self, name: str) -> bool:
        """Is the name here?"""
        return bool(lib.flux_kvsdir_exists(self._dir, encode(name)))

    def _names(self) -> list[str]:
        itr = check_ptr(lib.flux_kvsitr_create(self._dir))
        try:
            names = []
            while (name := decode(lib.flux_kvsitr_next(itr))) is not None:
                names.append(name)
        finally:
            lib.flux_kvsitr_destroy(itr)
        return sorted(names)

    def _is_dir(self, name: str) -> bool:
        return bool(lib.flux_kvsdir_isdir(self._dir, encode(name)))

    def files(self) -> Iterator[str]:
        """The names of values, sorted."""
        return (name for name in self._names() if not self._is_dir(name))

    def directories(self) -> Iterator[str]:
        """The names of directories, sorted."""
        return (name for name in self._names() if self._is_dir(name))

    def list_all(self, topdown: bool = False) -> tuple[list[str], list[str]]:
        """(names of values, names of directories) of this directory.

        One directory has no order of walking: topdown changes nothing here.
        """
        return list(self.files()), list(self.directories())

    def __getitem__(self, key: str) -> Any:
        try:
            whole = self.key_at(key)
            if isdir(self.fhdl, whole, self.namespace):
                return KVSDir(self.fhdl, whole, self.namespace, self._pending)
            return get(self.fhdl, whole, self.namespace)
        except FileNotFoundError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: Value) -> None:
        self._pending.put(self.key_at(key), value)

    def __delitem__(self, key: str) -> None:
        if not self.exists(key):
            raise KeyError(key)
        self._pending.unlink(self.key_at(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return int(lib.flux_kvsdir_get_size(self._dir))

    def mkdir(self, key: str, contents: Optional[dict[str, Any]] = None) -> None:
        """Make a directory, with these values in it."""
        self._pending.mkdir(self.key_at(key))
        for name, value in (contents or {}).items():
            self._pending.put(self.key_at(join(key, name)), value)

    def fill(self, contents: dict[str, Any]) -> None:
        """Set many values, and commit."""
        for name, value in contents.items():
            self[name] = value
        self.commit()

    def commit_async(self, flags: int = 0) -> Future:
        """Begin to make the changes. This object does not show them: make another."""
        return self._pending.commit_async(flags)

    def commit(self, flags: int = 0) -> None:
        """Make the changes; this object shows them from now on."""
        self._pending.commit(flags)
        self._future, self._dir = _lookup_dir(self.fhdl, self.path, self.namespace)

    def __enter__(self) -> "KVSDir":
        return self

    def __exit__(self, exc_type: Any, *_exc: Any) -> None:
        if exc_type is None:
            self.commit()


def get_dir(flux_handle: Flux, key: str = ".", namespace: Optional[str] = None) -> KVSDir:
    """A directory."""
    return KVSDir(flux_handle, key, namespace)


def walk(
    directory: Union[KVSDir, str],
    topdown: bool = False,
    flux_handle: Optional[Flux] = None,
    namespace: Optional[str] = None,
) -> Iterator[tuple[str, list[str], list[str]]]:
    """(path, names of directories, names of values) of a directory and all below it."""
    if isinstance(directory, str):
        if flux_handle is None:
            raise ValueError("walk: a key needs flux_handle, too")
        directory = KVSDir(flux_handle, directory, namespace)
    yield from _walk(directory, "", topdown)


def _walk(
    directory: KVSDir, path: str, topdown: bool
) -> Iterator[tuple[str, list[str], list[str]]]:
    files, dirs = directory.list_all()
    if topdown:
        yield path, dirs, files
    for name in dirs:
        below = KVSDir(directory.fhdl, directory.key_at(name), directory.namespace)
        yield from _walk(below, join(path, name), topdown)
    if not topdown:
        yield path, dirs, files
