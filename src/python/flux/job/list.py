"""Lists of jobs."""
from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence, Union

from flux.core.inner import lib
from flux.future import WaitAllFuture
from flux.job.info import JobInfo
from flux.job.JobID import JobID
from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux

Attrs = Sequence[str]


class JobListRPC(RPC):
    """The future of a list of jobs."""

    def get_jobs(self) -> list[dict[str, Any]]:
        """Wait for the jobs, each a dict of its attributes."""
        jobs: list[dict[str, Any]] = self.get()["jobs"]
        return jobs

    def get_jobinfos(self) -> Iterable[JobInfo]:
        """Wait for the jobs, as JobInfo."""
        return (JobInfo(job) for job in self.get_jobs())


class JobListIdRPC(RPC):
    """The future of one job."""

    jobid: JobID

    def get_job(self) -> dict[str, Any]:
        """Wait for the job, a dict of its attributes. FileNotFoundError if there is none."""
        try:
            job: dict[str, Any] = self.get()["job"]
        except FileNotFoundError as exc:
            raise FileNotFoundError(exc.errno, f"JobID {self.jobid.orig} unknown") from None
        return job

    def get_jobinfo(self) -> JobInfo:
        """Wait for the job, as JobInfo."""
        return JobInfo(self.get_job())


class JobListIdsFuture(WaitAllFuture):
    """The future of jobs by their ids. After get_jobs(), errors has what was not found."""

    errors: list[str]

    def get_jobs(self) -> list[dict[str, Any]]:
        """Wait for the jobs that there are."""
        self.wait_for()
        jobs: list[dict[str, Any]] = []
        self.errors = []
        for child in self.children.values():
            try:
                jobs.append(child.get_job())  # type: ignore[attr-defined]
            except OSError as exc:
                self.errors.append(str(exc.strerror or exc))
        return jobs

    def get_jobinfos(self) -> Iterable[JobInfo]:
        """Wait for the jobs that there are, as JobInfo."""
        return (JobInfo(job) for job in self.get_jobs())


def _constraint(
    userid: int, states: int, results: int, name: Optional[str], queue: Any
) -> dict[str, Any]:
    terms: list[dict[str, Any]] = []
    if states and results:
        # A result is one of jobs that have ended.
        either = [{"states": [states & ~lib.FLUX_JOB_STATE_INACTIVE]}, {"results": [results]}]
        terms.append({"or": [term for term in either if list(term.values()) != [[0]]]})
    elif results:
        terms.append({"results": [results]})
    elif states:
        terms.append({"states": [states]})
    if userid != lib.FLUX_USERID_UNKNOWN:
        terms.append({"userid": [userid]})
    if name is not None:
        terms.append({"name": [name]})
    if queue is not None:
        queues = queue.split(",") if isinstance(queue, str) else list(queue)
        terms.append({"queue": queues})
    return {"and": terms}


def job_list(
    flux_handle: "Flux",
    max_entries: int = 1000,
    attrs: Attrs = ("all",),
    userid: Optional[int] = None,
    states: int = 0,
    results: int = 0,
    since: float = 0.0,
    name: Optional[str] = None,
    queue: Union[None, str, Sequence[str]] = None,
    constraint: Optional[dict[str, Any]] = None,
) -> JobListRPC:
    """Begin to list jobs.

    max_entries: at most so many, 0 for all. attrs: which attributes; "all" for all.
    userid: whose (this user's if None; FLUX_USERID_UNKNOWN for all).
    states, results: masks of FLUX_JOB_STATE_... and FLUX_JOB_RESULT_...; 0 for any.
    since: only those that were active then or later (s since 1970).
    constraint: an RFC 43 constraint, instead of userid to queue.
    """
    uid = os.getuid() if userid is None else userid & 0xFFFFFFFF
    payload = {
        "max_entries": int(max_entries),
        "attrs": list(attrs),
        "since": float(since),
        "constraint": constraint or _constraint(uid, states, results, name, queue),
    }
    return JobListRPC(flux_handle, "job-list.list", payload)


def job_list_inactive(
    flux_handle: "Flux",
    since: float = 0.0,
    max_entries: int = 1000,
    attrs: Attrs = ("all",),
    name: Optional[str] = None,
    queue: Union[None, str, Sequence[str]] = None,
) -> JobListRPC:
    """Begin to list jobs of all users that have ended, since a time (s since 1970)."""
    return job_list(
        flux_handle,
        max_entries,
        attrs,
        lib.FLUX_USERID_UNKNOWN,
        lib.FLUX_JOB_STATE_INACTIVE,
        since=since,
        name=name,
        queue=queue,
    )


def job_list_id(
    flux_handle: "Flux", jobid: Union[int, str], attrs: Attrs = ("all",)
) -> JobListIdRPC:
    """Begin to look one job up."""
    number = JobID(jobid)
    rpc = JobListIdRPC(flux_handle, "job-list.list-id", {"id": int(number), "attrs": list(attrs)})
    rpc.jobid = number
    return rpc


def job_list_ids(
    flux_handle: "Flux", ids: Iterable[Union[int, str]], attrs: Attrs = ("all",)
) -> JobListIdsFuture:
    """Begin to look jobs up."""
    future = JobListIdsFuture(flux_handle)
    for i, jobid in enumerate(ids):
        future.push(job_list_id(flux_handle, jobid, attrs), str(i))
    return future


def get_job(flux_handle: "Flux", jobid: Union[int, str]) -> Optional[dict[str, Any]]:
    """What is known of a job, as dict; None if there is no such job."""
    try:
        return job_list_id(flux_handle, jobid).get_jobinfo().to_dict(filtered=False)
    except FileNotFoundError:
        return None


class JobList:
    """Jobs, as one asks for them.

    attrs: which attributes. filters: names of states and results: "pending", "running",
    "active", "inactive", "completed", "failed", ... ids: only these jobs; nothing else is
    looked at then. user: a name or number; all users if None. max_entries: at most so
    many. since: s since 1970. name, queue: only those.
    After jobs(), errors has a text for each of the ids that were not found.
    """

    STATES = {
        "depend": lib.FLUX_JOB_STATE_DEPEND,
        "priority": lib.FLUX_JOB_STATE_PRIORITY,
        "sched": lib.FLUX_JOB_STATE_SCHED,
        "run": lib.FLUX_JOB_STATE_RUN,
        "cleanup": lib.FLUX_JOB_STATE_CLEANUP,
        "inactive": lib.FLUX_JOB_STATE_INACTIVE,
        "pending": lib.FLUX_JOB_STATE_PENDING,
        "running": lib.FLUX_JOB_STATE_RUNNING,
        "active": lib.FLUX_JOB_STATE_ACTIVE,
    }
    RESULTS = {
        "completed": lib.FLUX_JOB_RESULT_COMPLETED,
        "failed": lib.FLUX_JOB_RESULT_FAILED,
        "canceled": lib.FLUX_JOB_RESULT_CANCELED,
        "timeout": lib.FLUX_JOB_RESULT_TIMEOUT,
    }

    def __init__(
        self,
        flux_handle: "Flux",
        attrs: Attrs = ("all",),
        filters: Sequence[str] = (),
        ids: Iterable[Union[int, str]] = (),
        user: Union[None, int, str] = None,
        max_entries: int = 1000,
        since: float = 0.0,
        name: Optional[str] = None,
        queue: Union[None, str, Sequence[str]] = None,
        constraint: Optional[dict[str, Any]] = None,
    ) -> None:
        self.handle = flux_handle
        self.attrs = list(attrs)
        self.states = 0
        self.results = 0
        self.ids = [JobID(i) for i in ids]
        self.max_entries = max_entries
        self.since = since
        self.name = name
        self.queue = queue
        self.constraint = constraint
        self.errors: list[str] = []
        self.userid = lib.FLUX_USERID_UNKNOWN
        if user is not None:
            self.set_user(user)
        for each in filters:
            self.add_filter(each)

    def set_user(self, user: Union[int, str]) -> None:
        """Only jobs of this user; "all" for those of all. ValueError if there is none."""
        if user == "all":
            self.userid = lib.FLUX_USERID_UNKNOWN
            return
        try:
            self.userid = pwd.getpwnam(str(user)).pw_uid
        except KeyError:
            try:
                self.userid = int(str(user))
            except ValueError:
                raise ValueError(f"There is no user {user}") from None
            if not -1 <= self.userid <= lib.FLUX_USERID_UNKNOWN:
                raise ValueError(f"There is no user {user}") from None

    def add_filter(self, fname: str) -> None:
        """Also jobs in this state, or with this result. ValueError if there is none."""
        key = fname.lower()
        if key == "all":
            self.states |= self.STATES["pending"] | self.STATES["running"]
            self.states |= self.STATES["inactive"]
        elif key in self.STATES:
            self.states |= self.STATES[key]
        elif key in self.RESULTS:
            self.results |= self.RESULTS[key]
        else:
            raise ValueError(f"Invalid filter specified: {fname}")

    def fetch_jobs(self) -> Union[JobListRPC, JobListIdsFuture]:
        """Begin to ask."""
        if self.ids:
            return job_list_ids(self.handle, self.ids, self.attrs)
        return job_list(
            self.handle,
            self.max_entries,
            self.attrs,
            self.userid,
            self.states,
            self.results,
            self.since,
            self.name,
            self.queue,
            self.constraint,
        )

    def jobs(self) -> list[JobInfo]:
        """Wait for the jobs."""
        future = self.fetch_jobs()
        found = list(future.get_jobinfos())
        self.errors = getattr(future, "errors", [])
        return found
