"""The directories of jobs in the key-value store."""
from __future__ import annotations

from typing import TYPE_CHECKING, Union

from flux.core.inner import NULL, check, decode, encode, ffi, lib
from flux.job.JobID import JobID
from flux.kvs import KVSDir

if TYPE_CHECKING:
    from flux.core.handle import Flux


def _key(make: object, jobid: Union[int, str], key: str = "") -> str:
    buf = ffi.new("char[]", 1024)
    tail = encode(key) if key else NULL
    check(make(buf, 1024, JobID(jobid), tail), f"job {jobid}")  # type: ignore[operator]
    return decode(buf) or ""


def job_kvs_key(jobid: Union[int, str], key: str = "") -> str:
    """The key of something of a job, e.g. R."""
    return _key(lib.flux_job_kvs_key, jobid, key)


def job_kvs_guest_key(jobid: Union[int, str], key: str = "") -> str:
    """The key of something that the job itself has put."""
    return _key(lib.flux_job_kvs_guest_key, jobid, key)


def job_kvs(flux_handle: "Flux", jobid: Union[int, str]) -> KVSDir:
    """The directory of a job. FileNotFoundError if there is no such job."""
    return KVSDir(flux_handle, job_kvs_key(jobid))


def job_kvs_guest(flux_handle: "Flux", jobid: Union[int, str]) -> KVSDir:
    """The directory that the job itself writes to."""
    return KVSDir(flux_handle, job_kvs_guest_key(jobid))
