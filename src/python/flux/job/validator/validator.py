"""Validate jobs with plugins.

    class Validator(ValidatorPlugin):
        def validate(self, job):
            if job.urgency > 16:
                return errno.EPERM, "not so urgent, please"

Such a class lies in a module of flux.job.validator.plugins, in one of a folder that
JobValidator is given, or in a file whose path is the plugin's name. An instance asks the
plugins of its configuration, ingest.validator.plugins; whether a jobspec is one it sees
itself. By hand: `flux job-validator`.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import errno
import json
import sys
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

from flux.job import pluginload

if TYPE_CHECKING:
    from flux.core.handle import Flux

_local = threading.local()


def this_handle() -> "Flux":
    """A handle of this thread."""
    from flux.core.handle import Flux as Handle

    if getattr(_local, "handle", None) is None:
        _local.handle = Handle()
    handle: "Flux" = _local.handle
    return handle


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

    def configure(self, args: argparse.Namespace, config: Mapping[str, Any]) -> None:
        """Take the options, and the table ingest.validator.NAME. ValueError if they cannot
        be meant. A plugin without a table may have only the first argument."""

    @abstractmethod
    def validate(self, job: ValidatorJobInfo) -> Any:
        """None or (0, None) if the job may be; else (errno, text), or raise."""

    @property
    def flux(self) -> "Flux":
        """A handle of this thread."""
        return this_handle()


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
    of plugins. config: the table ingest.validator. ValueError for a plugin that there is
    not.
    """

    default_validators = ["jobspec"]
    plugin_namespace = "flux.job.validator.plugins"

    def __init__(
        self,
        argv: Sequence[str],
        pluginpath: Optional[Sequence[str]] = None,
        parser: Optional[argparse.ArgumentParser] = None,
        config: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.argv = list(argv)
        self.config = config
        self.parser = parser or argparse.ArgumentParser(prog="flux job-validator")
        pluginload.add_arguments(self.parser)
        self.set = pluginload.PluginSet(
            self.plugin_namespace, "Validator", "validator", pluginpath
        )
        self.available = self.set.available
        self.plugins: dict[str, ValidatorPlugin] = {}
        self.executor: Optional[concurrent.futures.ThreadPoolExecutor] = None

    def start(self) -> "JobValidator":
        """Load and configure the plugins."""
        wanted = pluginload.names(self.parser, self.argv, self.default_validators)
        self.plugins = self.set.start(wanted, self.parser, self.argv, self.config)
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
    if "--list-plugins" in argv:
        print("\n".join(sorted(validator.available)))
        return 0
    try:
        validator.start()
    except ValueError as exc:
        print(f"flux-job-validator: {exc}", file=sys.stderr)
        return 1
    for line in sys.stdin:
        try:
            result = validator.validate(json.loads(line))
        except (ValueError, TypeError) as exc:
            result = ValidatorResult(errno.EINVAL, str(exc))
        print(result, flush=True)
    validator.stop()
    return 0
