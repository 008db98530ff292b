"""Only instances of Flux may be submitted, and what is small."""
import argparse
import errno
from typing import Any

from flux.job.Jobspec import Jobspec
from flux.job.validator.validator import ValidatorJobInfo, ValidatorPlugin


class Validator(ValidatorPlugin):
    """Refuses a job that is no instance, unless it is smaller than the limits."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser)
        for name in ("nnodes", "ncores"):
            parser.add_argument(
                f"--require-instance-min{name}",
                type=int,
                metavar="N",
                default=0,
                help=f"jobs of fewer {name[1:]} may be anything",
            )
        self.nodes = self.cores = 0

    def configure(self, args: argparse.Namespace) -> None:
        self.nodes = args.require_instance_minnnodes
        self.cores = args.require_instance_minncores

    def validate(self, job: ValidatorJobInfo) -> Any:
        spec = Jobspec(**job.jobspec)
        counts = spec.resource_counts()
        limits = [("node", self.nodes), ("core", self.cores)]
        limits = [(kind, limit) for kind, limit in limits if limit > 0]
        if limits and all(counts.get(kind, 0) < limit for kind, limit in limits):
            return None
        command = spec.tasks[0]["command"]
        if len(command) > 1 and command[0].rpartition("/")[2] == "flux":
            if command[1] in ("broker", "start"):
                return None
        return errno.EINVAL, "only instances of Flux may be submitted: use flux batch or alloc"
