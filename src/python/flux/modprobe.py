"""flux modprobe: modules and what they need, and tasks of rc files.

    from flux.modprobe import task

    @task("hello", ranks="0", after=["kvs"])
    def hello(context):
        context.print("the KVS is there")

Modules are described by the broker's list (modules.toml), by modprobe.toml and
modprobe.d/*.toml in the search path, and by the table [modules] of the configuration.
Tasks run one after the other, in an order that honours what they say.
"""

from __future__ import annotations

import argparse
import errno
import glob
import io
import json
import os
import runpy
import subprocess
import sys
import time
import tomllib
from typing import Any, Callable, Optional

import flux
from flux.idset import IDset

ANY = 0xFFFFFFFF  # FLUX_NODEID_ANY
_Run = Callable[[Any], Any]  # of a task: it gets a Context


class ModprobeError(Exception):
    """One line for the person who has called."""


def _error_text(exc: Exception) -> str:
    return os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else str(exc)


def _rank_matches(name: str, ranks: str, rank: int) -> bool:
    if ranks == "all":
        return True
    if ranks[:1] in ("<", ">"):
        if not ranks[1:].isdigit():
            raise ModprobeError(f"{name}: ranks: '{ranks}' is not a number after {ranks[0]}")
        return rank < int(ranks[1:]) if ranks[0] == "<" else rank > int(ranks[1:])
    try:
        return rank in IDset(ranks)
    except (ValueError, OSError):
        raise ModprobeError(f"{name}: ranks: '{ranks}' is not an idset") from None


class _Unit:
    """What modules and tasks have in common: a name, and how they hang together."""

    LISTS = ("provides", "requires", "needs", "before", "after")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ranks = "all"
        self.provides: list[str] = []
        self.requires: list[str] = []
        self.needs: list[str] = []
        self.before: list[str] = []
        self.after: list[str] = []
        self.needs_config: list[str] = []
        self.needs_attrs: list[str] = []
        self.needs_env: list[str] = []
        self.forced: Optional[bool] = None


class Module(_Unit):
    """An entry of the array modules."""

    KEYS: dict[str, type[Any]] = {
        "name": str, "module": str, "ranks": str, "exec": bool, "priority": int,
        "args": list, "provides": list, "requires": list, "needs": list, "before": list,
        "after": list, "needs-config": list, "needs-attrs": list, "needs-env": list,
        "args-env": str,
    }  # fmt: skip

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.module = name
        self.priority = 100
        self.args: list[str] = []
        self.args_env = ""
        self.exec = False
        self.disabled = False

    def update(self, table: dict[str, Any], where: str) -> None:
        """Take over the keys of a table; where it is from stands in the errors."""
        for key, value in table.items():
            kind = self.KEYS.get(key)
            if kind is None:
                raise ModprobeError(f"{where}: {self.name}: unknown key '{key}'")
            if key == "ranks" and isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if not isinstance(value, kind) or (
                kind is list and not all(isinstance(x, str) for x in value)
            ):
                name = "an array of strings" if kind is list else f"a {kind.__name__}"
                raise ModprobeError(f"{where}: {self.name}: '{key}' is not {name}")
            if key != "name":
                setattr(self, key.replace("-", "_"), value)

    def as_json(self) -> str:
        """The entry, as flux modprobe show prints it."""
        keys = ("name", "module", "args", "ranks", "provides", "requires", "needs",
                "before", "after", "priority", "disabled", "exec")  # fmt: skip
        return json.dumps({key: getattr(self, key) for key in keys})


class Task(_Unit):
    """A function of an rc file."""

    def __init__(self, name: str, func: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(name)
        self.func = func
        for key, value in options.items():
            if not hasattr(self, key) or key in ("name", "func", "forced"):
                raise TypeError(f"task '{name}': unknown option '{key}'")
            if value is not None:
                setattr(self, key, value if isinstance(value, str) else list(value))
        if "*" in self.before and self.after or "*" in self.after and self.before:
            raise ValueError(f"task '{name}': '*' stands alone, before or after")


def task(name: str, **options: Any) -> Callable[[_Run], _Run]:
    """Make a function a task of the rc file that it is in. Options are ranks, requires,
    needs, provides, before, after, needs_attrs, needs_config and needs_env."""

    def decorate(func: _Run) -> _Run:
        func.flux_modprobe_task = Task(name, func, **options)  # type: ignore[attr-defined]
        return func

    return decorate


class Context:
    """What tasks and setup() are given."""

    def __init__(self, probe: "Modprobe", verbose: bool = False) -> None:
        self._probe = probe
        self.verbose = verbose
        self._data: dict[str, Any] = {}
        self._env: dict[str, Optional[str]] = {}
        self.to_load: list[str] = []
        self.to_remove: Optional[list[str]] = []

    @property
    def handle(self) -> flux.Flux:
        """A handle of the broker."""
        return self._probe.handle

    @property
    def rank(self) -> int:
        """The rank of the broker."""
        return self._probe.rank

    def print(self, *args: Any) -> None:
        """Print to stderr, if it is wanted verbose."""
        if self.verbose:
            print(*args, file=sys.stderr)

    def set(self, key: str, value: Any) -> None:
        """Keep a value for other tasks."""
        self._data[key] = value

    def get(self, key: str, default: Any = None) -> Any:
        """The value that a task has kept."""
        return self._data.get(key, default)

    def attr_get(self, attr: str, default: Any = None) -> Any:
        """An attribute of the broker."""
        return self._probe.attr_get(attr, default)

    def conf_get(self, key: str, default: Any = None) -> Any:
        """A key of the configuration, with dots between tables."""
        return self._probe.conf_get(key, default)

    def rpc(self, topic: str, *args: Any, **kwargs: Any) -> Any:
        """As flux.Flux.rpc()."""
        return self.handle.rpc(topic, *args, **kwargs)

    def setopt(self, module: str, options: str, overwrite: bool = False) -> None:
        """Add arguments, words with blanks between, to those of a module."""
        entry = self._probe.find(module)
        entry.args = ([] if overwrite else entry.args) + options.split()

    def getopts(
        self, name: str, default: Any = None, also: Optional[list[str]] = None
    ) -> Any:
        """The arguments of a module, and of those in also."""
        found: list[str] = []
        for key in [name] + list(also or []):
            if (entry := self._probe.lookup(key)) and isinstance(entry, Module):
                found += entry.args
        return found or default

    def bash(self, command: str) -> None:
        """Run a command with bash; it must succeed."""
        subprocess.run(["bash", "-c", command], check=True)

    def load_modules(self, modules: list[str]) -> None:
        """Load modules, and what they require, when all tasks are known."""
        self.to_load += modules

    def remove_modules(self, modules: Optional[list[str]] = None) -> None:
        """Remove modules, all of them without a list, when all tasks are known."""
        if modules is None or self.to_remove is None:
            self.to_remove = None
        else:
            self.to_remove += modules

    def enable(self, name: str) -> None:
        """Enable a module or a task, whatever it needs."""
        self._probe.find(name).forced = True

    def getenv(self, var: str, default: Any = None) -> Any:
        """A variable of this environment, or of the broker's."""
        if var in os.environ:
            return os.environ[var]
        if var not in self._env:
            self._env[var] = self._probe.broker_getenv(var)
        value = self._env[var]
        return default if value is None else value

    def setenv(self, name_or_env: Any, value: Optional[str] = None) -> None:
        """Set a variable, or those of a dict, in the broker's environment and in this; None
        removes it."""
        env = name_or_env if isinstance(name_or_env, dict) else {name_or_env: value}
        for key, val in env.items():
            if val is not None and not isinstance(val, str):
                raise ValueError(f"{key}: the value is not a string")
        self.handle.rpc("broker.setenv", {"env": env}).get()
        for key, val in env.items():
            self._env.pop(key, None)
            if val is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = val


class Modprobe:
    """All modules and tasks that are known, and the instance."""

    def __init__(self, path: str, confdir: str, verbose: bool = False) -> None:
        self.path = path
        self.confdir = confdir
        self.handle = flux.Flux()
        self.rank = int(self.handle.attr_get("rank"))
        self.verbose = verbose
        self.units: dict[str, _Unit] = {}
        self.alternatives: dict[str, str] = {}
        self.setups: list[_Run] = []
        self.context = Context(self, verbose)
        self._conf: Optional[dict[str, Any]] = None

    # --- the instance ---

    def attr_get(self, attr: str, default: Any = None) -> Any:
        """An attribute of the broker, or default."""
        try:
            value = self.handle.attr_get(attr)
        except OSError:
            return default
        return default if value is None else value

    def conf_get(self, key: str, default: Any = None) -> Any:
        """A key of the configuration, with dots between tables, or default."""
        if self._conf is None:
            self._conf = self.handle.rpc("config.get").get() or {}
        value: Any = self._conf
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value

    def broker_getenv(self, var: str) -> Optional[str]:
        """A variable of the broker's environment."""
        try:
            answer = self.handle.rpc("broker.getenv", {"names": [var]}).get()
        except OSError:
            return None
        return (answer.get("env") or {}).get(var)

    def loaded(self) -> list[str]:
        """The names of the modules that are loaded."""
        mods = self.handle.rpc("module.list").get()["mods"]
        return [m["name"] for m in mods if m["path"] != "builtin"]

    # --- what is known ---

    def say(self, text: str) -> None:
        """Print if it is wanted verbose."""
        if self.verbose:
            print(text)

    def search_path(self) -> list[str]:
        """The folders where files are looked for."""
        path = os.environ.get("FLUX_MODPROBE_PATH", self.path)
        append = os.environ.get("FLUX_MODPROBE_PATH_APPEND", "")
        return [d for d in f"{path}:{append}".split(":") if d]

    def files(self, name: str, folder: str, suffix: str) -> list[str]:
        """The files of a name, and those of a folder with a suffix, in all of the path."""
        found = []
        for directory in self.search_path():
            self.say(f"checking {directory}/{name}")
            if os.path.exists(f"{directory}/{name}"):
                found.append(f"{directory}/{name}")
        for directory in self.search_path():
            self.say(f"checking {directory}/{folder}/*{suffix}")
            found += sorted(glob.glob(f"{glob.escape(directory)}/{folder}/*{suffix}"))
        return found

    @staticmethod
    def read_toml(path: str) -> dict[str, Any]:
        """The tables of a file. ModprobeError."""
        try:
            with open(path, "rb") as file:
                return tomllib.load(file)
        except OSError as exc:
            raise ModprobeError(f"{path}: {_error_text(exc)}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise ModprobeError(f"{path}: {exc}") from None

    def read_broker_list(self) -> None:
        """The modules of an instance: they need those after which they start."""
        path = self.attr_get("broker.modules_file")
        for table in self.read_toml(path).get("modules", []) if path else []:
            name = table["name"]
            if attribute := table.get("attribute"):
                chosen = self.attr_get(attribute)
                entry = Module(name)
                entry.disabled = chosen in (None, "", "none")
                if not entry.disabled:
                    entry.module = chosen
            else:
                entry = Module(name)
            entry.ranks = table.get("ranks", "all")
            entry.after = list(table.get("after", []))
            entry.requires = list(entry.after)
            self.units[name] = entry

    def update_module(self, name: str, table: Any, where: str) -> None:
        """Change the entry of a module. ModprobeError."""
        unit = self.units.get(name)
        if not isinstance(unit, Module):
            raise ModprobeError(f"{where}: there is no module '{name}'")
        if not isinstance(table, dict):
            raise ModprobeError(f"{where}: '{name}' is not a table")
        unit.update(table, where)

    def read_config(self) -> None:
        """Read all that there is about modules."""
        self.read_broker_list()
        for path in self.files("modprobe.toml", "modprobe.d", ".toml"):
            self.say(f"loading {path}")
            tables = self.read_toml(path)
            for table in tables.pop("modules", []):
                if not isinstance(table, dict) or not isinstance(table.get("name"), str):
                    raise ModprobeError(f"{path}: a module has no name")
                unit = Module(table["name"])
                unit.update(table, path)
                self.units.pop(unit.name, None)  # the last one counts, in its place
                self.units[unit.name] = unit
            self.alternatives.update(tables.pop("alternatives", {}))
            for name, table in tables.items():
                self.update_module(name, table, path)
        conf = dict(self.conf_get("modules", {}))
        self.alternatives.update(conf.pop("alternatives", {}))
        for name, table in conf.items():
            self.update_module(name, table, "config [modules]")
        for name, module in self.alternatives.items():
            if module not in self.units:
                raise ModprobeError(f"alternatives: {name}: there is no module '{module}'")
        for known in self.units.values():
            if isinstance(known, Module) and known.args_env:
                if words := self.context.getenv(known.args_env, "").split():
                    known.args = words

    def read_rc(self, path: str) -> None:
        """Read the tasks of a file in Python."""
        if not os.path.exists(path):
            raise ModprobeError(f"{os.strerror(errno.ENOENT)}: '{path}'")
        self.say(f"loading {path}")
        try:
            names = runpy.run_path(path)
        except Exception as exc:
            raise ModprobeError(f"{path}: {type(exc).__name__}: {exc}") from None
        for value in names.values():
            if (unit := getattr(value, "flux_modprobe_task", None)) is not None:
                self.units[unit.name] = unit
        if callable(names.get("setup")):
            self.setups.append(names["setup"])

    def setup(self) -> None:
        """Call what the files want to be called before anything is done."""
        for function in self.setups:
            function(self.context)

    # --- names ---

    def providers(self, service: str) -> list[_Unit]:
        """Who provides a service, the best one last."""
        found = [u for u in self.units.values() if service in u.provides]
        return sorted(found, key=lambda u: getattr(u, "priority", 100))

    def lookup(self, name: str) -> Optional[_Unit]:
        """By its name, or by that of a service: the alternative that is chosen."""
        if name in self.alternatives:
            return self.units.get(self.alternatives[name])
        if name in self.units:
            return self.units[name]
        able = [u for u in self.providers(name) if not self.is_disabled(u)]
        for unit in able:  # what is there already is not replaced
            if unit.name in self._loaded_names():
                return unit
        able = able or self.providers(name)
        return able[-1] if able else None

    _loaded: Optional[set[str]] = None

    def _loaded_names(self) -> set[str]:
        if self._loaded is None:
            self._loaded = set(self.loaded())
        return self._loaded

    def find(self, name: str) -> Any:
        """As lookup(). ModprobeError: there is none."""
        if (unit := self.lookup(name)) is None:
            raise ModprobeError(f"no such task or module {name}")
        return unit

    def _condition(self, key: str, is_set: Callable[[str], bool]) -> bool:
        return not is_set(key[1:]) if key.startswith("!") else is_set(key)

    def is_disabled(self, unit: _Unit, seen: tuple[str, ...] = ()) -> bool:
        """It is not for this rank, or something that it needs is not there."""
        if unit.forced is not None:
            return not unit.forced
        if getattr(unit, "disabled", False) or not _rank_matches(
            unit.name, unit.ranks, self.rank
        ):
            return True
        conditions = (
            (unit.needs_config, lambda k: self.conf_get(k) is not None),
            (unit.needs_attrs, lambda k: self.attr_get(k) is not None),
            (unit.needs_env, lambda k: self.context.getenv(k) is not None),
        )
        for keys, is_set in conditions:
            if not all(self._condition(key, is_set) for key in keys):
                return True
        for name in unit.needs:
            other = self.lookup(name)
            if other is None or (
                other.name not in seen and self.is_disabled(other, (*seen, unit.name))
            ):
                return True
        return False

    # --- plans ---

    def closure(self, names: list[str]) -> list[_Unit]:
        """These and all that they require, as far as it is enabled here."""
        found: dict[str, _Unit] = {}
        todo = [self.find(name) for name in names]
        while todo:
            unit = todo.pop(0)
            if unit.name in found or self.is_disabled(unit):
                continue
            found[unit.name] = unit
            for name in unit.requires:
                if (other := self.lookup(name)) is not None:
                    todo.append(other)
        return [u for u in self.units.values() if u.name in found]

    def predecessors(self, units: list[_Unit], reverse: bool = False) -> dict[str, list[str]]:
        """Who has to be done before whom. reverse: modules are removed."""
        names = {u.name for u in units}
        before: dict[str, list[str]] = {u.name: [] for u in units}

        def add(first: str, then: str) -> None:
            if first in names and then in names and first != then:
                if first not in before[then]:
                    before[then].append(first)

        def resolved(name: str) -> str:
            unit = self.lookup(name)
            return unit.name if unit else name

        for unit in units:
            flip = reverse and isinstance(unit, Module)
            for name in unit.after:
                for other in names if name == "*" else [resolved(name)]:
                    if name == "*" and "*" in self.units[other].after:
                        continue
                    add(*((unit.name, other) if flip else (other, unit.name)))
            for name in unit.before:
                for other in names if name == "*" else [resolved(name)]:
                    if name == "*" and "*" in self.units[other].before:
                        continue
                    add(*((other, unit.name) if flip else (unit.name, other)))
        return before

    @staticmethod
    def order(before: dict[str, list[str]]) -> list[str]:
        """Names, each behind those before it. ModprobeError: there is a circle."""
        done: list[str] = []
        left = dict(before)
        while left:
            ready = [n for n, b in left.items() if not any(x in left for x in b)]
            if not ready:
                raise ModprobeError(f"these wait for each other: {', '.join(sorted(left))}")
            done.append(ready[0])
            del left[ready[0]]
        return done

    # --- doing ---

    def load(self, unit: Module, dry_run: bool) -> None:
        """Load a module, or print that."""
        if dry_run:
            print(" ".join(["load", unit.name] + unit.args))
            return
        payload = {"path": unit.module, "args": unit.args, "exec": unit.exec}
        if unit.module != unit.name:
            payload["name"] = os.path.basename(unit.name)
        try:
            self.handle.rpc("module.load", payload, nodeid=ANY).get()
        except OSError as exc:
            raise ModprobeError(f"load {unit.name}: {exc.strerror or exc}") from None

    def remove(self, name: str, dry_run: bool) -> None:
        """Remove a module, or print that."""
        if dry_run:
            print(f"remove {name}")
            return
        try:
            self.handle.rpc("module.remove", {"name": name}, nodeid=ANY).get()
        except OSError as exc:
            if exc.errno != errno.ENOENT:  # it may have ended with another one
                raise ModprobeError(f"remove {name}: {exc.strerror or exc}") from None

    def run_task(self, unit: Task, dry_run: bool) -> None:
        """Run a task, or print that."""
        if dry_run:
            print(f"run {unit.name}")
            return
        try:
            unit.func(self.context)
        except Exception as exc:
            raise ModprobeError(f"{unit.name}: {_error_text(exc)}") from None

    def run(self, units: list[_Unit], args: Any, reverse: bool = False) -> dict[str, float]:
        """One after the other; the first failure ends it. How long each took."""
        before = self.predecessors(units, reverse)
        if getattr(args, "show_deps", False):
            print(json.dumps(before))
            return {}
        times: dict[str, float] = {}
        for name in self.order(before):
            unit = self.units[name]
            start = time.monotonic()
            if isinstance(unit, Task):
                self.run_task(unit, args.dry_run)
            elif reverse:
                self.remove(name, args.dry_run)
            elif isinstance(unit, Module):
                self.load(unit, args.dry_run)
            times[name] = time.monotonic() - start
        return times

    def removable(self, names: list[str]) -> list[str]:
        """These, and what nobody needs any more then."""
        loaded = self.loaded()
        if "all" in names:
            return loaded
        users: dict[str, set[str]] = {name: set() for name in loaded}
        for name in loaded:
            unit = self.units.get(name)
            for needed in unit.requires if unit else []:
                other = self.lookup(needed)
                if other and other.name in users:
                    users[other.name].add(name)
        gone: list[str] = []
        for name in names:
            unit = self.lookup(name)
            real = unit.name if unit and unit.name in users else name
            if real not in users:
                raise ModprobeError(f"module {name} is not loaded")
            gone.append(real)
        for name in gone:
            if left := sorted(users[name] - set(gone)):
                raise ModprobeError(f"{name} still in use by {', '.join(left)}")
        was_used = True
        while was_used:
            was_used = False
            for name, by in users.items():
                if name not in gone and by and by <= set(gone):
                    gone.append(name)
                    was_used = True
        return gone

    def remove_all(self, names: list[str], args: Any) -> None:
        """Remove modules in the order that they want."""
        for name in names:
            self.units.setdefault(name, Module(name))
        self.run([u for u in self.units.values() if u.name in names], args, True)


# --- commands ---


def _info(text: str) -> None:
    print(f"flux-modprobe: INFO: {text}", file=sys.stderr)


def _choose(probe: Modprobe, args: argparse.Namespace) -> None:
    for pair in getattr(args, "set_alternative", None) or []:
        name, sep, module = pair.partition("=")
        if not sep:
            raise ModprobeError(f"--set-alternative: '{pair}' is not NAME=MODULE")
        probe.find(module)
        probe.alternatives[name] = module
    for name in getattr(args, "disable", None) or []:
        probe.find(name).forced = False


def cmd_load(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe load"""
    loaded = probe.loaded()
    units = [u for u in probe.closure(args.modules) if u.name not in loaded]
    off = [u.name for u in map(probe.find, args.modules) if probe.is_disabled(u)]
    if off:
        _info(f"disabled here: {', '.join(off)}")
    elif not units:
        _info("All modules and dependencies are already loaded")
    probe.run(units, args)


def cmd_remove(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe remove"""
    probe.remove_all(probe.removable(args.modules), args)


def cmd_show(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe show"""
    unit = probe.find(args.name)
    if not isinstance(unit, Module):
        raise ModprobeError(f"no such task or module {args.name}")
    unit.disabled = probe.is_disabled(unit)
    print(unit.as_json())


def cmd_list_dependencies(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe list-dependencies"""
    seen: set[str] = set()

    def label(name: str, unit: _Unit) -> str:
        return name if name == unit.name else f"{name} ({unit.name})"

    def show(unit: _Unit, prefix: str, above: tuple[str, ...]) -> None:
        found = [(n, probe.lookup(n)) for n in unit.requires]
        children = [
            (n, u) for n, u in found
            if u is not None and u.name not in above and (args.full or u.name not in seen)
        ]  # fmt: skip
        if not args.full:
            seen.update(u.name for _, u in children)
        for i, (name, child) in enumerate(children):
            last = i == len(children) - 1
            print(f"{prefix}{'└── ' if last else '├── '}{label(name, child)}")
            show(child, prefix + ("    " if last else "│   "), (*above, child.name))

    top = probe.find(args.name)
    seen.add(top.name)
    print(label(args.name, top))
    show(top, "", (top.name,))


def _wanted(probe: Modprobe, names: list[str], loaded: list[str]) -> list[_Unit]:
    tasks = [u for u in probe.units.values() if isinstance(u, Task)]
    names = names + [n for t in tasks if not probe.is_disabled(t) for n in t.requires]
    units = {u.name for u in probe.closure(names)} | {t.name for t in tasks}
    return [
        u for u in probe.units.values()
        if u.name in units and u.name not in loaded and not probe.is_disabled(u)
    ]  # fmt: skip


def cmd_run(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe run"""
    probe.read_rc(args.file)
    probe.setup()
    probe.run(_wanted(probe, probe.context.to_load, probe.loaded()), args)


def _restore(file: str, link: str) -> None:
    subprocess.run(["flux", "restore", "--quiet", "--checkpoint", file], check=True)
    if os.path.islink(link):  # it is of the past, whatever was restored
        os.unlink(link)
        subprocess.run(["sync", os.path.dirname(link)], check=True)


def _restore_task(probe: Modprobe) -> None:
    """What the broker does by itself where no site has files: content.restore."""
    if probe.rank == 0 and (file := probe.attr_get("content.restore")):
        link = f"{probe.attr_get('content.dump-dir')}/RESTORE"
        probe.units["restore"] = Task(
            "restore",
            lambda context: _restore(file, link),
            before=["kvs"],
            after=["content", "content-sqlite"],
        )


def _scripts(probe: Modprobe, rc: str) -> list[str]:
    folders = [probe.confdir] + os.environ.get("FLUX_RC_EXTRA", "").split(":")
    return [
        f for d in folders if d
        for f in sorted(glob.glob(f"{glob.escape(d)}/{rc}.d/*")) if os.access(f, os.X_OK)
    ]  # fmt: skip


def _run_scripts(probe: Modprobe, rc: str) -> _Run:
    def run(context: Context) -> None:
        for script in _scripts(probe, rc):
            context.print(f"running {script}")
            subprocess.run([script], check=True)

    return run


def cmd_rc1(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe rc1"""
    names = list(probe.units) if not args.file else []
    # What stands in the broker's list; other modules only if somebody requires them.
    path = probe.attr_get("broker.modules_file")
    listed = [t["name"] for t in probe.read_toml(path).get("modules", [])] if path else []
    for file in [args.file] if args.file else probe.files("rc1.py", "rc1.d", ".py"):
        probe.read_rc(file)
    if not args.file:
        _restore_task(probe)
        if _scripts(probe, "rc1"):
            probe.units["run-all-rc1"] = Task(
                "run-all-rc1", _run_scripts(probe, "rc1"), after=["*"]
            )
    probe.setup()
    targets = [n for n in listed if n in names]
    dropped: set[str] = set()
    for service, chosen in probe.alternatives.items():
        dropped |= {u.name for u in probe.providers(service) if u.name != chosen}
    for service in {s for n in targets for s in probe.units[n].provides}:
        able = [
            u.name for u in probe.providers(service)
            if u.name not in dropped and not probe.is_disabled(u)
        ]  # fmt: skip
        if able and not any(name in targets for name in able):
            targets.append(able[-1])
    targets = [n for n in targets if n not in dropped]
    only_told = args.dry_run or args.show_deps
    loaded = [] if only_told else probe.loaded()
    times = probe.run(_wanted(probe, targets + probe.context.to_load, loaded), args)
    if args.timing and not only_told:
        flux.kvs.put(probe.handle, f"modprobe.{probe.rank}.rc1", times)
        flux.kvs.commit(probe.handle)


def cmd_rc3(probe: Modprobe, args: argparse.Namespace) -> None:
    """flux modprobe rc3"""
    for file in [args.file] if args.file else probe.files("rc3.py", "rc3.d", ".py"):
        probe.read_rc(file)
    if not args.file and _scripts(probe, "rc3"):
        run = _run_scripts(probe, "rc3")
        probe.units["run-all-rc3"] = Task("run-all-rc3", run, before=["*"])
    probe.context.remove_modules()
    probe.setup()
    names = probe.context.to_remove
    names = probe.loaded() if names is None else probe.removable(names)
    for name in names:
        probe.units.setdefault(name, Module(name))
    tasks = [
        u.name for u in probe.units.values()
        if isinstance(u, Task) and not probe.is_disabled(u)
    ]  # fmt: skip
    probe.run([u for u in probe.units.values() if u.name in names + tasks], args, True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flux-modprobe")
    commands = parser.add_subparsers(dest="subcommand", metavar="subcommand", required=True)

    def command(
        name: str, func: Callable[[Modprobe, argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(func=func, verbose=False)
        return sub

    def add(sub: argparse.ArgumentParser, *names: str) -> None:
        known = {
            "dry_run": (("--dry-run",), "print what would be done, and do nothing"),
            "verbose": (("-v", "--verbose"), "say what is read and done"),
            "show_deps": (("--show-deps",), "print what comes before what, as JSON"),
        }
        for name in names:
            flags, text = known[name]
            sub.add_argument(*flags, action="store_true", help=text)

    def choose(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("-S", "--set-alternative", action="append", metavar="NAME=MODULE",
                         help="use MODULE for the service NAME")  # fmt: skip
        sub.add_argument("-D", "--disable", action="append", metavar="NAME",
                         help="as if NAME were disabled")  # fmt: skip

    for name, func, text in (
        ("load", cmd_load, "Load modules, and what they require"),
        ("remove", cmd_remove, "Remove modules, and what is of no more use then"),
    ):
        sub = command(name, func, text)
        add(sub, "dry_run")
        sub.add_argument("modules", nargs="+", metavar="MODULE")
    sub = command("run", cmd_run, "Run the tasks of an rc file")
    add(sub, "dry_run", "verbose", "show_deps")
    sub.add_argument("file", metavar="FILE")
    sub = command("rc1", cmd_rc1, "Load all modules and run the tasks of the start")
    add(sub, "dry_run", "verbose", "show_deps")
    sub.add_argument("--timing", action="store_true",
                     help="put how long each took into the KVS, modprobe.RANK.rc1")  # fmt: skip
    sub.add_argument("file", metavar="FILE", nargs="?")
    sub = command("rc3", cmd_rc3, "Remove all modules and run the tasks of the end")
    add(sub, "dry_run", "verbose", "show_deps")
    sub.add_argument("file", metavar="FILE", nargs="?")
    sub = command("list-dependencies", cmd_list_dependencies, "Show what a module requires")
    choose(sub)
    sub.add_argument("-f", "--full", action="store_true", help="show it each time")
    sub.add_argument("name", metavar="NAME")
    sub = command("show", cmd_show, "Print what is known about a module, as JSON")
    choose(sub)
    sub.add_argument("name", metavar="NAME")
    return parser


def main(path: str, confdir: str, *argv: str) -> int:
    """What `flux modprobe` runs: where things are, and what is to be done."""
    args = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        probe = Modprobe(path, confdir, args.verbose)
        probe.read_config()
        _choose(probe, args)
        args.func(probe, args)
    except (ModprobeError, OSError, subprocess.CalledProcessError) as exc:
        print(f"flux-modprobe: ERROR: {exc}", file=sys.stderr)
        return 1
    return 0

