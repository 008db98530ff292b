"""Plugins of the commands that submit jobs.

A file NAME.py with a subclass of CLIPlugin, in a folder of the search path, gives
flux-submit(1), -run, -bulksubmit, -alloc and -batch options of its own, and has a word in
what they submit:

    from flux.cli.plugin import CLIPlugin

    class Mode(CLIPlugin):
        def __init__(self, prog):
            super().__init__(prog, prefix="site")
            self.add_option("--mode", choices=["fast", "safe"], help="How to compute.")

        def modify_jobspec(self, args, jobspec):
            if args.mode:
                jobspec.setattr("user.mode", args.mode)

is `flux submit --site-mode=fast`. The path is FLUX_CLI_PLUGINPATH, and behind it the
folders of the system; FLUX_CLI_PLUGINPATH_OVERRIDE stands for all of it. Of two files of
one name the first is taken.
"""
from __future__ import annotations

import argparse
import copy
import importlib.util
import inspect
import json
import os
import socket
import sys
from abc import ABC
from typing import Any, Iterator, Mapping, NoReturn, Optional, Sequence

from _flux import _core
from flux.core.inner import decode, lib
from flux.job.Jobspec import Jobspec

# Options of the commands that may be given many times, and those that are numbers.
_LISTS = frozenset(
    "add-file broker-opts conf define dependency env env-file env-remove flags requires "
    "rlimit setattr setopt".split()
)
_NUMBERS = frozenset(
    "cores cores-per-slot cores-per-task gpus-per-node gpus-per-slot gpus-per-task nodes "
    "nslots ntasks tasks-per-core tasks-per-node".split()
)


def _dest(option: str) -> str:
    """The attribute that an option becomes: cores_per_task."""
    return option.lstrip("-").replace("-", "_")


class CLIPluginOption:
    """An option of a plugin: name ("--ex-mode"), dest, and what
    argparse.ArgumentParser.add_argument() takes beside them."""

    def __init__(self, name: str, prefix: Optional[str] = "ex", **kwargs: Any) -> None:
        if not name.startswith("--") or len(name) < 3:
            raise ValueError(f"{name}: the option of a plugin must begin with --")
        if kwargs.get("nargs") not in (None, "?"):
            raise ValueError(f"{name}: the option of a plugin has one argument at most")
        self.short = _dest(name)
        self.name = f"--{prefix}-{name[2:]}" if prefix else name
        self.dest = str(kwargs.pop("dest", None) or _dest(self.name))
        self.kwargs = kwargs

    def __repr__(self) -> str:
        return f"CLIPluginOption({self.name!r})"

    def _add(self, parser: argparse._ActionsContainer) -> argparse.Action:
        return parser.add_argument(self.name, dest=self.dest, **self.kwargs)


class CLIPlugin(ABC):
    """Base class of plugins: override what you need.

    prog: the command, "submit". prefix: what the names of options begin with, "ex" for
    --ex-NAME; None: nothing. version: of the plugin, for people.
    """

    def __init__(
        self, prog: str, prefix: Optional[str] = "ex", version: Optional[str] = None
    ) -> None:
        self.prog = prog[5:] if prog.startswith("flux ") else prog
        self.prefix = prefix
        self.version = version
        self.options: list[CLIPluginOption] = []

    def add_option(self, name: str, **kwargs: Any) -> None:
        """Give the command an option, "--NAME"; kwargs are those of
        argparse.ArgumentParser.add_argument(). Its value is args.NAME in this plugin, and
        args.PREFIX_NAME everywhere, if no dest is given."""
        self.options.append(CLIPluginOption(name, self.prefix, **kwargs))

    def help(self, option: Optional[str] = None) -> None:
        """Print what there is to say about the plugin and its option: its docstring."""
        print(inspect.cleandoc(self.__doc__ or "").strip())

    def preinit(self, args: Any) -> None:
        """Change the options of the command, before there is a jobspec."""

    def modify_jobspec(self, args: Any, jobspec: Jobspec) -> None:
        """Change the jobspec."""

    def validate(self, jobspec: Jobspec) -> None:
        """Refuse the jobspec, after all plugins have changed it, by ValueError."""


class _Args:
    """The options as a plugin sees them: its own go without their prefix, too."""

    def __init__(self, args: argparse.Namespace, plugin: CLIPlugin) -> None:
        self.__dict__["_args"] = args
        self.__dict__["_own"] = {o.short: o.dest for o in plugin.options}

    def _name(self, name: str) -> str:
        return str(self.__dict__["_own"].get(name, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_args"], self._name(name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_args"], self._name(name), value)

    def __contains__(self, name: str) -> bool:
        return self._name(name) in self.__dict__["_args"]

    def __repr__(self) -> str:
        return repr(self.__dict__["_args"])


class GivenOptions(argparse.Namespace):
    """Options of which those that are not given are None."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


class CLIPluginRegistry:
    """The plugins of a command, loaded. ValueError, with the name of the file: one cannot
    be loaded, or two have the same option.

    plugins: the objects; options: all their options.
    """

    def __init__(self, prog: str) -> None:
        self.prog = prog
        self.plugins: list[CLIPlugin] = []
        for path in _files():
            for plugin in _load(path, prog):
                self.add_plugin(plugin)

    @property
    def options(self) -> list[CLIPluginOption]:
        """The options of all plugins, in their order."""
        return [option for plugin in self.plugins for option in plugin.options]

    def add_plugin(self, plugin: CLIPlugin) -> None:
        """Take a plugin that is made already. ValueError: an option of it is there."""
        taken = {o.name for o in self.options} | {o.dest for o in self.options}
        for option in plugin.options:
            for name in (option.name, option.dest):
                if name in taken:
                    raise ValueError(f"{type(plugin).__name__}: {name} is an option already")
                taken.add(name)
        self.plugins.append(plugin)

    def parse(self, argv: Sequence[str], args: argparse.Namespace) -> None:
        """Put the values of the plugins' options into args. ValueError."""
        parser = _Parser(prog=f"flux {self.prog}", add_help=False, allow_abbrev=False)
        for option in self.options:
            option._add(parser)
        vars(args).update(vars(parser.parse_args(argv)))

    def defaults(self, args: argparse.Namespace) -> None:
        """Give args what it lacks of the plugins' options. Values are checked as on the
        command line. ValueError."""
        argv = []
        for option in self.options:
            value = vars(args).pop(option.dest, None)
            if value is True:
                argv.append(option.name)
            elif value is not None and value is not False:
                values = value if isinstance(value, (list, tuple)) else [value]
                argv += [f"{option.name}={each}" for each in values]
        self.parse(argv, args)

    def preinit(self, args: argparse.Namespace) -> None:
        """Let each plugin change the options. ValueError, with the plugin's name."""
        for plugin in self.plugins:
            _call(plugin, plugin.preinit, _Args(args, plugin))

    def modify_jobspec(self, args: argparse.Namespace, jobspec: Jobspec) -> None:
        """Let each plugin change the jobspec. ValueError, with the plugin's name."""
        for plugin in self.plugins:
            _call(plugin, plugin.modify_jobspec, _Args(args, plugin), jobspec)

    def validate(self, jobspec: Jobspec) -> None:
        """Ask each plugin whether it wants the jobspec. ValueError if not."""
        for plugin in self.plugins:
            _call(plugin, plugin.validate, jobspec)

    def print_help(self, option: str) -> None:
        """What the plugin that has this option ("--ex-mode") says about it."""
        for plugin in self.plugins:
            if any(o.name == option for o in plugin.options):
                plugin.help(option)
                return
        raise ValueError(f"{option}: no plugin has this option")


def _text(exc: BaseException) -> str:
    """What a raised exception says, for the one who submits."""
    if isinstance(exc, (ValueError, OSError)) and str(exc):
        return str(exc)
    return f"{type(exc).__name__}: {exc}"


def _call(plugin: CLIPlugin, function: Any, *args: Any) -> None:
    try:
        function(*args)
    except Exception as exc:  # pylint: disable=broad-except
        raise ValueError(f"{type(plugin).__name__}: {_text(exc)}") from exc


def _dirs() -> list[str]:
    override = os.environ.get("FLUX_CLI_PLUGINPATH_OVERRIDE")
    if override is not None:
        return override.split(":")
    # The library goes by the program that it is in, which is Python.
    build = decode(lib.flux_conf_builtin_get(b"prefix", lib.FLUX_CONF_INTREE))
    intree = _core.__file__.startswith(f"{build}/")
    flags = lib.FLUX_CONF_INTREE if intree else lib.FLUX_CONF_INSTALLED
    system = decode(lib.flux_conf_builtin_get(b"cli_pluginpath", flags)) or ""
    return os.environ.get("FLUX_CLI_PLUGINPATH", "").split(":") + system.split(":")


def _files() -> Iterator[str]:
    """The files of plugins, each name once."""
    seen = set()
    for folder in _dirs():
        try:
            names = sorted(os.listdir(folder)) if folder else []
        except OSError:
            continue
        for name in names:
            if name.endswith(".py") and not name.startswith(("_", ".")) and name not in seen:
                seen.add(name)
                yield os.path.join(folder, name)


def _load(path: str, prog: str) -> list[CLIPlugin]:
    stem = os.path.basename(path)[:-3].replace("-", "_")
    spec = importlib.util.spec_from_file_location(f"flux_cli_plugin_{stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return [
            kind(prog)
            for kind in vars(module).values()
            if inspect.isclass(kind)
            and issubclass(kind, CLIPlugin)
            and kind.__module__ == module.__name__
        ]
    except Exception as exc:  # pylint: disable=broad-except
        raise ValueError(f"{path}: {_text(exc)}") from exc


class _Host:
    """What the commands, which are not in Python, ask: one line of JSON, one answer."""

    def __init__(self, prog: str) -> None:
        self.registry = CLIPluginRegistry(prog)
        self.args = argparse.Namespace()
        self.known: Mapping[str, int] = {}

    def hello(self, known: Mapping[str, int]) -> dict[str, Any]:
        """known: {option of the command: 0, 1, 2 as has_arg} -> options of plugins."""
        self.known = known
        taken = {_dest(name): name for name in known}
        found = []
        for plugin in self.registry.plugins:
            for option in plugin.options:
                if option.dest in taken:
                    raise ValueError(
                        f"{type(plugin).__name__}: {option.name}: --{taken[option.dest]} "
                        "is an option already"
                    )
                found.append(_describe(option))
        return {"options": found}

    def preinit(self, given: Mapping[str, Any], command: Sequence[str]) -> dict[str, Any]:
        """given: {option: [value or None for each time]} -> those that are others now."""
        self.args = argparse.Namespace(command=list(command))
        for name in self.known:
            setattr(self.args, _dest(name), self._value(name, given.get(name)))
        argv = []
        for option in self.registry.options:
            for value in given.get(option.name[2:], []):
                argv.append(option.name if value is None else f"{option.name}={value}")
        self.registry.parse(argv, self.args)
        before = copy.deepcopy(vars(self.args))
        self.registry.preinit(self.args)
        changed = {}
        for name in self.known:
            value = getattr(self.args, _dest(name))
            if value != before[_dest(name)]:
                changed[name] = self._given(name, value)
        return {"changed": changed}

    def jobspec(self, found: Any) -> dict[str, Any]:
        """The jobspec, as the plugins have made it."""
        spec = Jobspec(**found)
        self.registry.modify_jobspec(self.args, spec)
        self.registry.validate(spec)
        return {"jobspec": spec.jobspec}

    def _value(self, name: str, values: Optional[list[Optional[str]]]) -> Any:
        """As argparse would have it."""
        if not values:
            return False if self.known[name] == 0 else None
        if self.known[name] == 0:
            return True if name != "verbose" else len(values)
        if name in _LISTS:
            return values
        last = values[-1]
        if name in _NUMBERS and last is not None and last.isdecimal():
            return int(last)
        return last

    def _given(self, name: str, value: Any) -> list[Optional[str]]:
        """The other way round."""
        if value is None or value is False:
            return []
        if self.known[name] == 0:
            return [None] * int(value)
        values = value if isinstance(value, (list, tuple)) else [value]
        return [None if each is None else str(each) for each in values]


def _describe(option: CLIPluginOption) -> dict[str, Any]:
    """What the command has to know of an option."""
    action = option._add(_Parser(add_help=False))
    # {True: 0} would be no number of arguments.
    has_arg = {None: 1, "?": 2, 0: 0}[action.nargs]
    metavar = action.metavar
    if metavar is None and action.choices is not None:
        metavar = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    text = action.help or ""
    if text and text is not argparse.SUPPRESS:
        words = {**vars(action), "prog": "flux"}
        text = " ".join((text % words).split())
    return {
        "name": option.name[2:],
        "has_arg": has_arg,
        "arginfo": str(metavar or option.short.upper()),
        "usage": "" if text is argparse.SUPPRESS else text,
    }


def main(prog: str, fd: int) -> int:
    """Answer the command, through a socket, until it has no more questions."""
    host: Optional[_Host] = None
    with socket.socket(fileno=fd) as sock, sock.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            question = json.loads(line)
            try:
                if host is None:
                    host = _Host(prog)
                answer = getattr(host, question.pop("call"))(**question)
            except Exception as exc:  # pylint: disable=broad-except
                answer = {"error": _text(exc)}
            stream.write(json.dumps(answer, ensure_ascii=False) + "\n")
            stream.flush()
    return 0


if __name__ == "__main__":
    # Plugins are of the class that they find by its name.
    from flux.cli.plugin import main as _main

    sys.exit(_main(sys.argv[1], int(sys.argv[2])))
