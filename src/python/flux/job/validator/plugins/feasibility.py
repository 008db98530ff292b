"""Could the job ever run?"""
import errno
from typing import Any

from flux.job.validator.validator import ValidatorJobInfo, ValidatorPlugin


class Validator(ValidatorPlugin):
    """Refuses a job for which there will never be resources, as the scheduler says."""

    def validate(self, job: ValidatorJobInfo) -> Any:
        try:
            self.flux.rpc("feasibility.check", {"jobspec": job.jobspec}).get()
        except OSError as exc:
            if exc.errno == errno.ENOSYS:
                return None
            return errno.EINVAL, exc.strerror
        return None
