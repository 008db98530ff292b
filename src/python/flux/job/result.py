"""The results of jobs."""
from __future__ import annotations

import json

from flux.core.inner import decode, ffi, lib
from flux.future import Future
from flux.job.JobID import JobID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from flux.core.handle import Flux
    from flux.job.info import JobInfo


class JobResultFuture(Future):
    """The future of a job's result."""

    def __init__(self, flux_handle: "Flux", jobid: Union[int, str]) -> None:
        self.jobid = JobID(jobid)
        super().__init__(lib.flux_job_result(flux_handle.handle, self.jobid, 0), flux_handle)

    def get_dict(self) -> dict[str, Any]:
        """Wait for the result: id, result, t_submit, ..., waitstatus, exception_..."""
        self.wait_for()
        text = ffi.new("const char **")
        self._check(lib.flux_job_result_get(self.handle, text))
        found: dict[str, Any] = json.loads(decode(text[0]) or "{}")
        return found

    def get_info(self) -> JobInfo:
        """Wait for the result, as JobInfo (what the eventlog tells of it)."""
        from flux.job.info import JobInfo

        found = self.get_dict()
        found["state"] = lib.FLUX_JOB_STATE_INACTIVE
        return JobInfo(found)

    def get(self) -> JobInfo:
        """The same as get_info()."""
        return self.get_info()


def result_async(flux_handle: "Flux", jobid: Union[int, str], flags: int = 0) -> JobResultFuture:
    """Begin to wait for the result of a job. There are no flags yet."""
    if flags != 0:
        raise ValueError(f"result: flags={flags}: there are none")
    return JobResultFuture(flux_handle, jobid)


def result(flux_handle: "Flux", jobid: Union[int, str], flags: int = 0) -> JobInfo:
    """Wait until a job has ended: its result. FileNotFoundError if there is no such job."""
    return result_async(flux_handle, jobid, flags).get_info()
