"""Submit jobs."""
from __future__ import annotations

from flux.core.inner import encode, ffi, lib
from flux.future import Future
from flux.job.JobID import JobID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from flux.core.handle import Flux
    from flux.job.Jobspec import Jobspec


class SubmitFuture(Future):
    """The future of a job's id."""

    def get_id(self) -> JobID:
        """Wait for the id. OSError if the job was refused; its text says why."""
        return submit_get_id(self)

    def get(self) -> JobID:
        """The same as get_id()."""
        return self.get_id()


def _text(jobspec: Union["Jobspec", str, bytes]) -> bytes:
    if isinstance(jobspec, (str, bytes)):
        return encode(jobspec)
    dumps = getattr(jobspec, "dumps", None)
    if dumps is None:
        kind = type(jobspec).__name__
        raise TypeError(f"jobspec: a Jobspec or its JSON text, not {kind}")
    return encode(dumps(ensure_ascii=False))


def _flags(waitable: bool, debug: bool, pre_signed: bool, novalidate: bool) -> int:
    flags = lib.FLUX_JOB_WAITABLE if waitable else 0
    flags |= lib.FLUX_JOB_DEBUG if debug else 0
    flags |= lib.FLUX_JOB_PRE_SIGNED if pre_signed else 0
    flags |= lib.FLUX_JOB_NOVALIDATE if novalidate else 0
    return int(flags)


def submit_async(
    flux_handle: "Flux",
    jobspec: Union["Jobspec", str, bytes],
    urgency: int = lib.FLUX_JOB_URGENCY_DEFAULT,
    waitable: bool = False,
    debug: bool = False,
    pre_signed: bool = False,
    novalidate: bool = False,
) -> SubmitFuture:
    """Begin to submit a job.

    jobspec: a Jobspec, or its text in JSON (signed, if pre_signed).
    urgency: 0 (hold) to 31 (expedite).
    waitable: wait() can wait for it; only the owner of the instance may ask for that.
    debug: the job's eventlog says more.
    novalidate: the jobspec is not validated; only the owner may ask for that.
    """
    future = lib.flux_job_submit(
        flux_handle.handle,
        _text(jobspec),
        urgency,
        _flags(waitable, debug, pre_signed, novalidate),
    )
    return SubmitFuture(future, flux_handle)


def submit_get_id(future: Future) -> JobID:
    """Wait for the id of a submitted job. OSError if it was refused."""
    if not isinstance(future, Future):
        raise TypeError(f"submit_get_id: a future, not {type(future).__name__}")
    future.wait_for()
    jobid = ffi.new("flux_jobid_t *")
    future._check(lib.flux_job_submit_get_id(future.handle, jobid))
    return JobID(int(jobid[0]))


def submit(
    flux_handle: "Flux",
    jobspec: Union["Jobspec", str, bytes],
    urgency: int = lib.FLUX_JOB_URGENCY_DEFAULT,
    waitable: bool = False,
    debug: bool = False,
    pre_signed: bool = False,
    novalidate: bool = False,
) -> JobID:
    """Submit a job: its id. See submit_async(). OSError if it was refused."""
    kwargs: dict[str, Any] = {"debug": debug, "pre_signed": pre_signed, "novalidate": novalidate}
    return submit_async(flux_handle, jobspec, urgency, waitable, **kwargs).get_id()
