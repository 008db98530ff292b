"""Wait for jobs that were submitted as waitable."""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Union

from flux.core.inner import decode, ffi, lib
from flux.future import Future
from flux.job.JobID import JobID

if TYPE_CHECKING:
    from flux.core.handle import Flux


class JobWaitResult(NamedTuple):
    """How a job has ended: (its id, has it succeeded?, what went wrong)."""

    jobid: JobID
    success: bool
    errstr: str


class JobWaitFuture(Future):
    """The future of a job's end."""

    def get_status(self) -> JobWaitResult:
        """Wait for the end."""
        return wait_get_status(self)

    def get(self) -> JobWaitResult:
        """The same as get_status()."""
        return self.get_status()


def wait_async(
    flux_handle: "Flux", jobid: Union[int, str] = lib.FLUX_JOBID_ANY
) -> JobWaitFuture:
    """Begin to wait for a waitable job; without jobid for any.

    Each job can be waited for once. ECHILD if there is nothing (more) to wait for.
    """
    return JobWaitFuture(lib.flux_job_wait(flux_handle.handle, JobID(jobid)), flux_handle)


def wait_get_status(future: Future) -> JobWaitResult:
    """How the job of wait_async() has ended."""
    if not isinstance(future, Future):
        raise TypeError(f"wait_get_status: a future, not {type(future).__name__}")
    future.wait_for()
    success, errstr = ffi.new("bool *"), ffi.new("const char **")
    jobid = ffi.new("flux_jobid_t *")
    future._check(lib.flux_job_wait_get_status(future.handle, success, errstr))
    future._check(lib.flux_job_wait_get_id(future.handle, jobid))
    return JobWaitResult(JobID(int(jobid[0])), bool(success[0]), decode(errstr[0]) or "")


def wait(flux_handle: "Flux", jobid: Union[int, str] = lib.FLUX_JOBID_ANY) -> JobWaitResult:
    """Wait until a waitable job has ended. See wait_async()."""
    return wait_async(flux_handle, jobid).get_status()
