"""Signals and exceptions for jobs, and their urgency."""
from __future__ import annotations

from flux.core.inner import decode, ffi, lib, maybe
from flux.future import Future
from flux.job.JobID import JobID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Union

    from flux.core.handle import Flux


def kill_async(
    flux_handle: "Flux", jobid: Union[int, str], signum: Optional[int] = None
) -> Future:
    """Begin to send a signal to a running job (SIGTERM if signum is None)."""
    if signum is None:
        from signal import SIGTERM as signum
    return Future(lib.flux_job_kill(flux_handle.handle, JobID(jobid), signum), flux_handle)


def kill(flux_handle: "Flux", jobid: Union[int, str], signum: Optional[int] = None) -> None:
    """Send a signal to a running job. OSError if it does not run or is another user's."""
    kill_async(flux_handle, jobid, signum).get()


def cancel_async(
    flux_handle: "Flux", jobid: Union[int, str], reason: Optional[str] = None
) -> Future:
    """Begin to cancel a job that waits or runs."""
    future = lib.flux_job_cancel(flux_handle.handle, JobID(jobid), maybe(reason))
    return Future(future, flux_handle)


def cancel(flux_handle: "Flux", jobid: Union[int, str], reason: Optional[str] = None) -> None:
    """Cancel a job that waits or runs. OSError if it has ended or is another user's."""
    cancel_async(flux_handle, jobid, reason).get()


def job_raise_async(
    flux_handle: "Flux",
    jobid: Union[int, str],
    exc_type: str,
    severity: int,
    note: Optional[str] = None,
) -> Future:
    """Begin to raise an exception on a job; one of severity 0 ends it."""
    future = lib.flux_job_raise(
        flux_handle.handle, JobID(jobid), maybe(exc_type), severity, maybe(note)
    )
    return Future(future, flux_handle)


def job_raise(
    flux_handle: "Flux",
    jobid: Union[int, str],
    exc_type: str,
    severity: int,
    note: Optional[str] = None,
) -> None:
    """Raise an exception on a job; one of severity 0 ends it."""
    job_raise_async(flux_handle, jobid, exc_type, severity, note).get()


def set_urgency(flux_handle: "Flux", jobid: Union[int, str], urgency: int) -> None:
    """Set the urgency of a job that waits, 0 (hold) to 31 (expedite)."""
    future = lib.flux_job_set_urgency(flux_handle.handle, JobID(jobid), urgency)
    Future(future, flux_handle).get()


def timeleft(flux_handle: Optional["Flux"] = None) -> float:
    """How long the job that this process belongs to may still run, in s; inf: no limit.

    The handle is one of the instance that runs the job; its own is opened if it is None.
    OSError if the process is not of a job.
    """
    from flux.core.handle import Flux as Handle

    if flux_handle is None:
        with Handle() as handle:
            return timeleft(handle)
    err, left = ffi.new("flux_error_t *"), ffi.new("double *")
    if lib.flux_job_timeleft(flux_handle.handle, err, left) < 0:
        raise OSError(ffi.errno, decode(err.text))
    return float(left[0])
