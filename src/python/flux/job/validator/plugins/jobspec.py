"""Is the jobspec one?"""
import argparse
import errno
import json
from typing import Any, Mapping, Optional

from flux.job.Jobspec import validate_jobspec
from flux.job.validator.validator import ValidatorJobInfo, ValidatorPlugin


class Validator(ValidatorPlugin):
    """Refuses what is no jobspec, or of another version than --require-version."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser)
        self.version: Optional[int] = None
        parser.add_argument(
            "--require-version", metavar="V", default="any", help="jobspecs of this version only"
        )

    def configure(self, args: argparse.Namespace, config: Mapping[str, Any]) -> None:
        text = args.require_version
        if text != "any" and not (text.isdigit() and int(text) > 0):
            raise ValueError(f"--require-version={text}: must be a number, or any")
        self.version = None if text == "any" else int(text)

    def validate(self, job: ValidatorJobInfo) -> Any:
        good, why = validate_jobspec(json.dumps(job.jobspec), self.version)
        return None if good else (errno.EINVAL, why)
