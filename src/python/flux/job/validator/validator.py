"""Validate jobs with plugins.

    class Validator(ValidatorPlugin):
        def validate(self, job):
            if job.urgency > 16:
                return errno.EPERM, "not so urgent, please"

It is a library and a program (python3 -m flux.job.validator); an instance's ingest does
not start it by itself.

Such a class lies in a module of flux.job.validator.plugins, or of a folder that
JobValidator is given; the module's name is that of the plugin.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import errno
import importlib
import importlib.util
import json
import pkgutil
import sys
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

if TYPE_CHECKING:
    from flux.core.handle import Flux

_local = threading.local()


class ValidatorJobInfo:
    """A job to be: jobspec (dict), userid, urgency, flags."""

    required_keys = {"jobspec", "userid", "flags", "urgency"}

    def __init__(self, jobinfo: Mapping[str, Any]) -> None:
        missing = self.required_keys - set(jobinfo)
        if missing:
            raise ValueError(f"missing: {', '.join(sorted(missing))}")
        self.jobspec: dict[str, Any] = jobinfo["jobspec"]
        self.userid = int(jobinfo["userid"])
        self.flags = int(jobinfo["flags"])
        self.urgency = int(jobinfo["urgency"])


class ValidatorPlugin(ABC):
    """Validates jobs. parser: an ArgumentParser, to add options of the plugin to."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser

    def configure(self, args: argparse.Namespace) -> None:
        """Take the options. ValueError if they cannot be meant."""

    @abstractmethod
    def validate(self, job: ValidatorJobInfo) -> Any:
        """None or (0, None) if the job may be; else (errno, text), or raise."""

    @property
    def flux(self) -> "Flux":
        """A handle of this thread."""
        from flux.core.handle import Flux as Handle

        if getattr(_local, "handle", None) is None:
            _local.handle = Handle()
        handle: "Flux" = _local.handle
        return handle


class ValidatorResult:
    """What validators say: errnum, 0 if the job may be; errmsg."""

    def __init__(self, errnum: int = 0, errmsg: Optional[str] = None) -> None:
        self.errnum = errnum
        self.errmsg = errmsg

    @property
    def success(self) -> bool:
        """May the job be?"""
        return self.errnum == 0

    def __str__(self) -> str:
        out: dict[str, Any] = {"errnum": self.errnum}
        if self.errnum:
            out["errstr"] = self.errmsg or ""
        return json.dumps(out, ensure_ascii=False)


class JobValidator:
    """Validates jobs with many plugins at once.

    argv: arguments: --plugins=NAME,... and those of the plugins. pluginpath: more folders
    of plugins. ValueError for a plugin that there is not.
    """

    default_validators = ["jobspec"]
    plugin_namespace = "flux.job.validator.plugins"

    def __init__(
        self,
        argv: Sequence[str],
        pluginpath: Optional[Sequence[str]] = None,
        parser: Optional[argparse.ArgumentParser] = None,
    ) -> None:
        self.argv = list(argv)
        self.parser = parser or argparse.ArgumentParser(prog="flux.job.validator")
        group = self.parser.add_argument_group("options")
        group.add_argument("--plugins", metavar="LIST", default=None, help="names, with commas")
        package = importlib.import_module(self.plugin_namespace)
        path = list(pluginpath or []) + list(package.__path__)
        self.available = {info.name: info for info in reversed(list(pkgutil.iter_modules(path)))}
        self.plugins: dict[str, ValidatorPlugin] = {}
        self.executor: Optional[concurrent.futures.ThreadPoolExecutor] = None

    def _names(self) -> list[str]:
        argv = [arg for arg in self.argv if arg not in ("-h", "--help")]
        known, _rest = self.parser.parse_known_args(argv)
        if known.plugins is None:
            return list(self.default_validators)
        return [name for name in known.plugins.split(",") if name]

    def _load(self, name: str) -> ValidatorPlugin:
        info = self.available.get(name)
        spec = info and info.module_finder.find_spec(name, None)
        if not spec or spec.loader is None:
            raise ValueError(f"no such validator: {name}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, "Validator"):
            raise ValueError(f"validator {name}: there is no class Validator in it")
        plugin: ValidatorPlugin = module.Validator(parser=self.parser)
        return plugin

    def start(self) -> "JobValidator":
        """Load and configure the plugins."""
        self.plugins = {name: self._load(name) for name in self._names()}
        args = self.parser.parse_args(self.argv)
        for plugin in self.plugins.values():
            plugin.configure(args)
        self.executor = concurrent.futures.ThreadPoolExecutor(max(1, len(self.plugins)))
        return self

    def stop(self) -> None:
        """End the threads."""
        if self.executor is not None:
            self.executor.shutdown()
            self.executor = None

    def validate(self, jobinfo: Any) -> ValidatorResult:
        """Ask all plugins; the first that refuses, in their order, has the word."""
        if self.executor is None:
            raise RuntimeError("validate: it is not started")
        job = jobinfo if isinstance(jobinfo, ValidatorJobInfo) else ValidatorJobInfo(jobinfo)
        asked = [self.executor.submit(_ask, plugin, job) for plugin in self.plugins.values()]
        results = [future.result() for future in asked]
        return next((r for r in results if not r.success), ValidatorResult())


def _ask(plugin: ValidatorPlugin, job: ValidatorJobInfo) -> ValidatorResult:
    try:
        found = plugin.validate(job)
    except OSError as exc:
        return ValidatorResult(exc.errno or errno.EINVAL, exc.strerror or str(exc))
    except Exception as exc:  # pylint: disable=broad-except
        return ValidatorResult(errno.EINVAL, f"{type(exc).__name__}: {exc}")
    return ValidatorResult(*found) if found else ValidatorResult()


def main(argv: Sequence[str]) -> int:
    """Answer each line of stdin."""
    validator = JobValidator(argv)
    try:
        validator.start()
    except ValueError as exc:
        print(f"flux.job.validator: {exc}", file=sys.stderr)
        return 1
    for line in sys.stdin:
        try:
            result = validator.validate(json.loads(line))
        except (ValueError, TypeError) as exc:
            result = ValidatorResult(errno.EINVAL, str(exc))
        print(result, flush=True)
    validator.stop()
    return 0
