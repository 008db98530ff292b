"""Only instances of Flux may be submitted, and what is small."""
import argparse
import errno
from typing import Any, Mapping, Optional

from flux.job.Jobspec import Jobspec
from flux.job.validator.validator import ValidatorJobInfo, ValidatorPlugin


class Validator(ValidatorPlugin):
    """Refuses a job that is no instance, unless it is smaller than the limits."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser)
        for name in ("nodes", "cores"):
            parser.add_argument(
                f"--require-instance-min{name}",
                type=int,
                metavar="N",
                default=None,
                help=f"jobs of fewer {name} may be anything",
            )
        self.nodes = self.cores = 0

    def configure(self, args: argparse.Namespace, config: Mapping[str, Any]) -> None:
        for key in config:
            if key not in ("minnodes", "mincores"):
                raise ValueError(f"require-instance: {key}: there is no such key")
        self.nodes = _limit(args.require_instance_minnodes, config, "minnodes")
        self.cores = _limit(args.require_instance_mincores, config, "mincores")

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


def _limit(given: Optional[int], config: Mapping[str, Any], key: str) -> int:
    limit = config.get(key, 0) if given is None else given
    if not isinstance(limit, int) or limit < 0:
        raise ValueError(f"require-instance: {key}: must be a number, not {limit!r}")
    return limit
