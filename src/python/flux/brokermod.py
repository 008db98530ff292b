"""Broker modules written in Python, for `flux module load FILE.py`.

    from flux.brokermod import BrokerModule, event_handler, request_handler

    class Counter(BrokerModule):
        count = 0

        @request_handler("next")
        def next(self, msg):
            self.count += 1
            self.handle.respond(msg, {"count": self.count})

A file has either one subclass of BrokerModule, or a function mod_main(handle, *args).
"""
from __future__ import annotations

import errno
import functools
import importlib.util
import os
import syslog
import traceback
from typing import Any, Callable, Optional, Union

from flux.core.handle import Flux
from flux.core.inner import NULL, decode, ffi, lib
from flux.core.watchers import MessageWatcher
from flux.message import Message

Handler = Callable[[Any, Message], Any]
Bound = Callable[[Message], Any]


def request_handler(
    topic: str, prefix: bool = True, allow_guest: bool = False
) -> Callable[[Handler], Handler]:
    """The method answers requests: topic is below the module's name, unless prefix is
    False. Requests of guests come only if allow_guest is set.

    What it raises goes to the requester as an error, and to the log.
    """

    def decorate(method: Handler) -> Handler:
        rolemask = lib.FLUX_ROLE_USER if allow_guest else 0
        method._flux_handler = (  # type: ignore[attr-defined]
            lib.FLUX_MSGTYPE_REQUEST,
            topic,
            prefix,
            rolemask,
        )
        return method

    return decorate


def event_handler(topic: str, prefix: bool = True) -> Callable[[Handler], Handler]:
    """The method is called for events: topic is below the module's name, unless prefix is
    False. What it raises ends the module."""

    def decorate(method: Handler) -> Handler:
        method._flux_handler = (  # type: ignore[attr-defined]
            lib.FLUX_MSGTYPE_EVENT,
            topic,
            prefix,
            0,
        )
        return method

    return decorate


class BrokerLogger:
    """Writes to the broker's log: log.info(text), or log(syslog.LOG_INFO, text).

    level: what is less urgent is not written; a name or a number of syslog.
    """

    LEVEL_NAMES = {
        "emerg": syslog.LOG_EMERG,
        "alert": syslog.LOG_ALERT,
        "crit": syslog.LOG_CRIT,
        "err": syslog.LOG_ERR,
        "warning": syslog.LOG_WARNING,
        "notice": syslog.LOG_NOTICE,
        "info": syslog.LOG_INFO,
        "debug": syslog.LOG_DEBUG,
    }

    def __init__(self, h: Flux) -> None:
        self._handle = h
        self._level: int = syslog.LOG_DEBUG

    def __call__(self, level: int, msg: str) -> None:
        if level <= self._level:
            for line in str(msg).splitlines() or [""]:
                self._handle.log(level, line)

    @property
    def level(self) -> int:
        """The least urgent level that is written, as a number of syslog."""
        return self._level

    @level.setter
    def level(self, value: Union[int, str]) -> None:
        self.set_level(value)

    def set_level(self, value: Union[int, str]) -> None:
        """What setting level does. ValueError if there is no such level."""
        if isinstance(value, str):
            if value not in self.LEVEL_NAMES:
                raise ValueError(f"log level {value}: must be one of {', '.join(self.LEVEL_NAMES)}")
            value = self.LEVEL_NAMES[value]
        if value not in self.LEVEL_NAMES.values():
            raise ValueError(f"log level {value}: must be 0 to 7")
        self._level = value

    @property
    def level_name(self) -> str:
        """The level, as a name."""
        return {number: name for name, number in self.LEVEL_NAMES.items()}[self._level]

    def debug(self, msg: str) -> None:
        """Write at LOG_DEBUG."""
        self(syslog.LOG_DEBUG, msg)

    def info(self, msg: str) -> None:
        """Write at LOG_INFO."""
        self(syslog.LOG_INFO, msg)

    def notice(self, msg: str) -> None:
        """Write at LOG_NOTICE."""
        self(syslog.LOG_NOTICE, msg)

    def warning(self, msg: str) -> None:
        """Write at LOG_WARNING."""
        self(syslog.LOG_WARNING, msg)

    def error(self, msg: str) -> None:
        """Write at LOG_ERR."""
        self(syslog.LOG_ERR, msg)

    def critical(self, msg: str) -> None:
        """Write at LOG_CRIT."""
        self(syslog.LOG_CRIT, msg)

    def alert(self, msg: str) -> None:
        """Write at LOG_ALERT."""
        self(syslog.LOG_ALERT, msg)

    def emerg(self, msg: str) -> None:
        """Write at LOG_EMERG."""
        self(syslog.LOG_EMERG, msg)


class BrokerModule:
    """A broker module: handlers are methods with request_handler() or event_handler().

    h: its handle; args: what followed the file on the command line, texts.
    """

    def __init__(self, h: Flux, *args: str) -> None:
        self._handle = h
        self._args = args
        self.log = BrokerLogger(h)
        self._name = module_name(h)
        self._watchers: list[MessageWatcher] = []
        self._events: list[str] = []
        try:
            self._register()
        except BaseException:
            self._unregister()
            raise

    @property
    def handle(self) -> Flux:
        """The handle."""
        return self._handle

    @property
    def name(self) -> str:
        """The name under which it is loaded."""
        return self._name

    @property
    def args(self) -> tuple[str, ...]:
        """The arguments."""
        return self._args

    def _register(self) -> None:
        for attr in dir(type(self)):
            spec = getattr(getattr(type(self), attr, None), "_flux_handler", None)
            if spec is None:
                continue
            kind, topic, prefix, rolemask = spec
            whole = f"{self.name}.{topic}" if prefix else topic
            method = getattr(self, attr)
            if kind == lib.FLUX_MSGTYPE_EVENT:
                self.handle.event_subscribe(whole)
                self._events.append(whole)
                callback = functools.partial(self._event, method)
            else:
                callback = functools.partial(self._request, method)
            watcher = self.handle.msg_watcher_create(callback, kind, whole, rolemask=rolemask)
            self._watchers.append(watcher.start())

    def _unregister(self) -> None:
        for watcher in self._watchers:
            watcher.destroy()
        for topic in self._events:
            self.handle.event_unsubscribe(topic)
        self._watchers, self._events = [], []

    def _request(self, method: Bound, _h: Any, _w: Any, msg: Message, _args: Any) -> None:
        try:
            method(msg)
        except Exception as exc:  # pylint: disable=broad-except
            number = exc.errno if isinstance(exc, OSError) and exc.errno else errno.EINVAL
            text = (exc.strerror if isinstance(exc, OSError) else None) or repr(exc)
            self.log.error(traceback.format_exc())
            self.handle.respond_error(msg, number, text)

    @staticmethod
    def _event(method: Bound, _h: Any, _w: Any, msg: Message, _args: Any) -> None:
        method(msg)

    def run(self) -> None:
        """Serve until the module is removed, or stopped. OSError if by stop_error()."""
        try:
            self.handle.reactor_run()
        finally:
            self._unregister()

    def stop(self) -> None:
        """Let run() return."""
        self.handle.reactor_stop()

    def stop_error(self) -> None:
        """Let run() raise, so that the module ends with an error."""
        self.handle.reactor_stop_error()

    def debug_test(self, flag: int, clear: bool = False) -> bool:
        """Is a debug flag of `flux module debug` set? clear: not any more, then."""
        return bool(lib.flux_module_debug_test(self.handle.handle, flag, clear))

    def set_running(self) -> None:
        """Say that it is ready, before run() is called."""
        if lib.flux_module_set_running(self.handle.handle) < 0:
            raise OSError(ffi.errno, os.strerror(ffi.errno))


def module_name(h: Flux) -> str:
    """The name of the module whose handle it is. ValueError if it is of none."""
    name = lib.flux_aux_get(h.handle, b"flux::name")
    if name == NULL:
        raise ValueError("the handle is not that of a broker module")
    return decode(ffi.cast("const char *", name)) or ""


def _entry(module: Any, path: str) -> Callable[..., Any]:
    """What the module begins with."""
    if hasattr(module, "mod_main"):
        found: Callable[..., Any] = module.mod_main
        return found
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BrokerModule)
        and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise ValueError(
            f"{path}: needs a function mod_main, or one subclass of BrokerModule; "
            f"it has {len(classes)}"
        )
    return lambda h, *args: classes[0](h, *args).run()


def _load(path: str, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"flux_module_{name.replace('-', '_')}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path}: not a file of Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _main(pointer: int, path: str, args: list[str]) -> int:
    """Called by the module python: 0, or the errno that the module ends with."""
    h = Flux(handle=ffi.cast("flux_t *", pointer))
    try:
        _entry(_load(path, module_name(h)), path)(h, *args)
        return 0
    except BaseException as exc:  # pylint: disable=broad-except
        return _failed(h, exc)
    finally:
        h.close()


def _failed(h: Flux, exc: BaseException) -> int:
    for line in traceback.format_exception(type(exc), exc, exc.__traceback__):
        for part in line.rstrip().splitlines():
            h.log(syslog.LOG_ERR, part)
    number: Optional[int] = exc.errno if isinstance(exc, OSError) else None
    return number or errno.EINVAL
