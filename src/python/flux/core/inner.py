"""The library as Python sees it: strings, errors, and callbacks that may raise."""
from __future__ import annotations

import json
import os
import threading
from functools import lru_cache
from itertools import count
from weakref import KeyedRef

from _flux._core import ffi as ffi
from _flux._core import lib as lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, Sequence, TypeVar, Union

    Payload = Union[None, str, bytes, dict[str, Any], list[Any]]
    _Callback = TypeVar("_Callback", bound=Callable[..., Any])


NULL = ffi.NULL


def encode(text: Union[str, bytes]) -> bytes:
    """Text for the library; NUL cannot be passed on."""
    if isinstance(text, str):
        data = text.encode("utf-8", "surrogateescape")
    else:
        data = text if isinstance(text, bytes) else os.fsencode(text)
    if b"\0" in data:
        raise ValueError(f"{text!r}: a NUL is in it")
    return data


# Topics are few, and used again and again.
encode_topic = lru_cache(256)(encode)


def maybe(text: Union[None, str, bytes]) -> Any:
    """Like encode; None stays NULL."""
    return NULL if text is None else encode(text)


def decode(ptr: Any) -> Optional[str]:
    """Text of the library; NULL is None."""
    if ptr == NULL:
        return None
    return str(ffi.string(ptr).decode("utf-8", "surrogateescape"))


def take(ptr: Any) -> Optional[str]:
    """Like decode, and frees it."""
    text = decode(ptr)
    lib.free(ptr)
    return text


def error(what: str = "", errnum: Optional[int] = None) -> OSError:
    """What errno says, as the right subclass of OSError."""
    number = ffi.errno if errnum is None else errnum
    why = os.strerror(number)
    return OSError(number, f"{what}: {why}" if what else why)


def check(rc: int, what: str = "") -> int:
    """A result that is -1 raises."""
    if rc < 0:
        raise error(what)
    return rc


def check_ptr(ptr: Any, what: str = "") -> Any:
    """A result that is NULL raises."""
    if ptr == NULL:
        raise error(what)
    return ptr


def not_copied(obj: Any) -> Any:
    """The __reduce__ of what is tied to a connection: its copy would share it."""
    raise TypeError(f"a {type(obj).__name__} cannot be copied or pickled")


def _json_encoder() -> Callable[[Any, int], Sequence[str]]:
    """The pieces of a value's text. json.dumps() makes an encoder for each call,
    JSONEncoder.encode() its half in C."""
    plain = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
    make = json.encoder.c_make_encoder  # type: ignore[attr-defined]
    if make is None:
        return lambda value, _indent: [plain.encode(value)]
    quote = json.encoder.encode_basestring  # type: ignore[attr-defined]
    # Without markers: what contains itself is too deep instead. JSON has no infinite numbers.
    found: Callable[[Any, int], Sequence[str]] = make(
        None, plain.default, quote, None, ":", ",", False, False, False
    )
    return found


_json_pieces = _json_encoder()
_scan_json = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def payload_text(payload: Payload) -> Any:
    """JSON text of a payload, or NULL."""
    if payload is None:
        return NULL
    if isinstance(payload, (str, bytes)):
        return encode(payload)
    try:
        pieces = _json_pieces(payload, 0)
    except RecursionError:
        raise ValueError("payload: it contains itself, or is too deep") from None
    return "".join(pieces).encode("utf-8", "surrogateescape")


def from_json(text: str) -> Any:
    """The value of JSON text. Most of it comes from our own encoder, without spaces around
    it; then this is all that json.loads() would come to."""
    try:
        value, end = _scan_json(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass
    return json.loads(text)


# Callbacks get a number as their argument. Who may be called is held by its handle;
# here it is only found.
_keys = count(1)
_called: dict[int, KeyedRef[int, Any]] = {}
_unowned: dict[int, Any] = {}


class _Raised(threading.local):
    """What a callback of this thread has raised."""

    exc: Optional[BaseException] = None


_raised = _Raised()


def register(obj: Any) -> int:
    """A number under which callbacks find the object."""
    key = next(_keys)
    _called[key] = KeyedRef(obj, _forget, key)
    return key


def _forget(ref: KeyedRef[int, Any]) -> None:
    """What it stood for is gone."""
    _called.pop(ref.key, None)


def _find(key: int) -> Any:
    """Who is called by this number; None if he is gone."""
    ref = _called.get(key)
    return None if ref is None else ref()


def as_arg(key: int) -> Any:
    """The number as void pointer."""
    return ffi.cast("void *", key)


def holder(handle: Any) -> dict[int, Any]:
    """Who keeps objects alive that wait for a callback."""
    found: dict[int, Any] = _unowned if handle is None else handle._waiting
    return found


def keep_exception(exc: BaseException) -> None:
    """A callback has raised: whoever called into the library gets it."""
    if _raised.exc is None:
        _raised.exc = exc


def raise_kept() -> None:
    """Raise what a callback of this thread has raised, with its traceback."""
    exc = _raised.exc
    if exc is not None:
        _raised.exc = None
        raise exc


_collected = ffi.gc
_destroy = lib.flux_msg_destroy


def _extern(
    failed: Callable[[dict[str, Any]], Any], **kwargs: Any
) -> Callable[[_Callback], _Callback]:
    """It is what the library calls by this name. What it raises is kept, and failed() is
    called with its arguments.

    There is no `try` in it: a signal may raise KeyboardInterrupt before its first line.
    """

    def onerror(_type: Any, exc: BaseException, traceback: Any) -> None:
        keep_exception(exc.with_traceback(traceback))
        failed({} if traceback is None else traceback.tb_frame.f_locals)

    def define(function: _Callback) -> _Callback:
        ffi.def_extern(onerror=onerror, **kwargs)(function)
        return function

    return define


def _stop_future(args: dict[str, Any]) -> None:
    obj = _find(args["key"])
    if obj is not None:
        obj._stop_error()


@_extern(_stop_future)
def flux_py_continuation(key: int) -> None:
    """A future is ready."""
    obj = _find(key)
    if obj is not None:
        obj._continue()


def _fail_init(args: dict[str, Any]) -> None:
    text = str(_raised.exc).encode("utf-8", "replace")
    lib.flux_future_fulfill_error(args["future"], 22, text)
    obj = _find(int(ffi.cast("uintptr_t", args["arg"])))
    if obj is not None:
        obj._stop_error()


@_extern(_fail_init)
def flux_py_future_init(future: Any, arg: Any) -> None:
    """Somebody waits for a future that is made by Python."""
    obj = _find(int(ffi.cast("uintptr_t", arg)))
    if obj is not None:
        obj._init()


@_extern(lambda args: lib.flux_reactor_stop_error(args["reactor"]))
def flux_py_watcher(reactor: Any, _watcher: Any, revents: int, arg: Any) -> None:
    """A watcher has seen something."""
    obj = _find(int(ffi.cast("uintptr_t", arg)))
    if obj is not None:
        obj._call(revents)


@_extern(lambda args: None, error=-1)
def flux_py_msg(key: int, msg: Any) -> int:
    """A message has come, and is ours; -1 if that has raised."""
    message = _collected(msg, _destroy)
    obj = _find(key)
    if obj is not None:
        obj._call(message)
    return 0
