"""The process that job-ingest asks about each job where its configuration names plugins.

    python3 -m flux.job.pipeline '{"frobnicator": {...}, "validator": {...}}'

The argument has the tables of the configuration, [ingest.frobnicator] and
[ingest.validator], as far as they name plugins. It reads and writes lines as
`flux job-validator` does; an answer has "data" if the jobspec has become another.
"""
from __future__ import annotations

import errno
import json
import sys
from typing import Any, Mapping, Optional

from flux.constants import FLUX_JOB_NOVALIDATE
from flux.job.frobnicator import JobFrobnicator
from flux.job.validator import JobValidator


def refusal(exc: BaseException) -> dict[str, Any]:
    """The answer to a job for which this was raised."""
    if isinstance(exc, OSError) and exc.errno:
        return {"errnum": exc.errno, "errstr": exc.strerror or str(exc)}
    text = str(exc) if isinstance(exc, ValueError) else f"{type(exc).__name__}: {exc}"
    return {"errnum": errno.EINVAL, "errstr": text}


class Pipeline:
    """The plugins of both stages. ValueError for what cannot be loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.frobnicator: Optional[JobFrobnicator] = None
        self.validator: Optional[JobValidator] = None
        table = config.get("frobnicator")
        if table is not None:
            self.frobnicator = JobFrobnicator(_argv(table), config=table).start()
        table = config.get("validator")
        if table is not None:
            self.validator = JobValidator(_argv(table), config=table).start()

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """What is to become of a job."""
        try:
            return self._answer(job)
        except Exception as exc:  # pylint: disable=broad-except
            return refusal(exc)

    def _answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        before = job["jobspec"]
        after = before
        if self.frobnicator is not None:
            after = self.frobnicator.frob(
                json.loads(json.dumps(before)), job["userid"], job["flags"], job["urgency"]
            )
        if self.validator is not None and not job["flags"] & FLUX_JOB_NOVALIDATE:
            result = self.validator.validate({**job, "jobspec": after})
            if not result.success:
                return {"errnum": result.errnum, "errstr": result.errmsg or ""}
        return {"errnum": 0} if after == before else {"errnum": 0, "data": after}

    def stop(self) -> None:
        """End what it has started."""
        if self.validator is not None:
            self.validator.stop()


def _argv(table: Mapping[str, Any]) -> list[str]:
    argv = list(table.get("args", []))
    if "plugins" in table:
        argv.insert(0, "--plugins=" + ",".join(table["plugins"]))
    return argv


def main(config: str) -> int:
    """Answer each line of stdin."""
    try:
        pipeline = Pipeline(json.loads(config))
    except Exception as exc:  # pylint: disable=broad-except
        print(exc if isinstance(exc, ValueError) else repr(exc), file=sys.stderr)
        return 1
    for line in sys.stdin:
        print(json.dumps(pipeline.answer(json.loads(line)), ensure_ascii=False), flush=True)
    pipeline.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
