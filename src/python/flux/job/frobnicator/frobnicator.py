"""Change jobs with plugins.

    class Frobnicator(FrobnicatorPlugin):
        def frob(self, jobspec, userid, urgency, flags):
            jobspec.setattr("project", "x")

Such a class lies in a module of flux.job.frobnicator.plugins, in one of a folder that
JobFrobnicator is given, or in a file whose path is the plugin's name. An instance asks
the plugins of its configuration, ingest.frobnicator.plugins; "defaults" and "constraints"
are job-ingest's own, and come before all others.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

from flux.job import pluginload
from flux.job.Jobspec import Jobspec
from flux.job.validator.validator import this_handle

if TYPE_CHECKING:
    from flux.core.handle import Flux

#: what job-ingest does itself
BUILTIN = ("constraints", "defaults")


class FrobnicatorPlugin(ABC):
    """Changes jobs. parser: an ArgumentParser, to add options of the plugin to."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser

    def configure(self, args: argparse.Namespace, config: Mapping[str, Any]) -> None:
        """Take the options, and the table ingest.frobnicator.NAME. ValueError."""

    @abstractmethod
    def frob(self, jobspec: Jobspec, userid: int, urgency: int, flags: int) -> None:
        """Change the jobspec. What it raises refuses the job."""

    @property
    def flux(self) -> "Flux":
        """A handle of this thread."""
        return this_handle()


class JobFrobnicator:
    """Changes jobs with many plugins, one after the other.

    argv: arguments: --plugins=NAME,... and those of the plugins. pluginpath: more folders
    of plugins. config: the table ingest.frobnicator. ValueError for a plugin that there
    is not.
    """

    default_frobnicators = list(BUILTIN)
    plugin_namespace = "flux.job.frobnicator.plugins"

    def __init__(
        self,
        argv: Sequence[str],
        pluginpath: Optional[Sequence[str]] = None,
        parser: Optional[argparse.ArgumentParser] = None,
        config: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.argv = list(argv)
        self.config = config
        self.parser = parser or argparse.ArgumentParser(prog="flux job-frobnicator")
        pluginload.add_arguments(self.parser)
        self.set = pluginload.PluginSet(
            self.plugin_namespace, "Frobnicator", "frobnicator", pluginpath
        )
        self.plugins: dict[str, FrobnicatorPlugin] = {}

    def start(self) -> "JobFrobnicator":
        """Load and configure the plugins."""
        wanted = pluginload.names(self.parser, self.argv, self.default_frobnicators)
        wanted = [name for name in wanted if name not in BUILTIN]
        self.plugins = self.set.start(wanted, self.parser, self.argv, self.config)
        return self

    def frob(
        self,
        jobspec: Mapping[str, Any],
        user: Optional[int] = None,
        flags: Optional[int] = None,
        urgency: int = 16,
    ) -> dict[str, Any]:
        """What the jobspec becomes, of a user (who calls, if None). OSError, ValueError or whatever a plugin raises."""
        spec = Jobspec(**jobspec)
        for plugin in self.plugins.values():
            plugin.frob(spec, os.getuid() if user is None else user, urgency, flags or 0)
        return spec.jobspec


def main(argv: Sequence[str]) -> int:
    """Answer each line of stdin."""
    from flux.job.pipeline import refusal

    frobnicator = JobFrobnicator(argv)
    if "--list-plugins" in argv:
        print("\n".join(sorted([*frobnicator.set.available, *BUILTIN])))
        return 0
    try:
        frobnicator.start()
    except ValueError as exc:
        print(f"flux-job-frobnicator: {exc}", file=sys.stderr)
        return 1
    for line in sys.stdin:
        try:
            job = json.loads(line)
            data = frobnicator.frob(job["jobspec"], job["userid"], job["flags"], job["urgency"])
            print(json.dumps({"errnum": 0, "data": data}, ensure_ascii=False), flush=True)
        except Exception as exc:  # pylint: disable=broad-except
            print(json.dumps(refusal(exc), ensure_ascii=False), flush=True)
    return 0
