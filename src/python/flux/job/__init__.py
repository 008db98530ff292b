"""Jobs: what they need, how they are submitted, watched, and what becomes of them.

    import flux, flux.job
    handle = flux.Flux()
    jobspec = flux.job.JobspecV1.from_command(["hostname"], num_tasks=2)
    jobid = flux.job.submit(handle, jobspec)
    print(flux.job.result(handle, jobid).result)
"""
from __future__ import annotations

import importlib
from typing import Any

from flux.job.event import (
    EventLogEvent,
    JobEventWatchFuture,
    JobException,
    event_wait,
    event_watch,
    event_watch_async,
)
from flux.job.info import (
    JobInfo,
    JobInfoFormat,
    get_username,
    resulttostr,
    statetostr,
    strtostate,
)
from flux.job.JobID import JobID, id_encode, id_parse
from flux.job.Jobspec import Jobspec, JobspecV1, validate_jobspec
from flux.job.kill import (
    cancel,
    cancel_async,
    job_raise,
    job_raise_async,
    kill,
    kill_async,
    set_urgency,
)
from flux.job.kvs import job_kvs, job_kvs_guest, job_kvs_guest_key, job_kvs_key
from flux.job.list import (
    JobList,
    JobListIdRPC,
    JobListIdsFuture,
    JobListRPC,
    get_job,
    job_list,
    job_list_id,
    job_list_ids,
    job_list_inactive,
)
from flux.job.result import JobResultFuture, result, result_async
from flux.job.stats import JobStats
from flux.job.submit import SubmitFuture, submit, submit_async, submit_get_id
from flux.job.wait import JobWaitFuture, JobWaitResult, wait, wait_async, wait_get_status

# What is needed less often is loaded when it is first used.
_LAZY: dict[str, str] = {
    "FluxExecutor": "executor",
    "FluxExecutorFuture": "executor",
    "JobInfoLookupRPC": "kvslookup",
    "JobKVSLookup": "kvslookup",
    "JobKVSLookupFuture": "kvslookup",
    "JobOutput": "output",
    "JobWatcher": "watcher",
    "JournalConsumer": "journal",
    "JournalEvent": "journal",
    "job_eventlog": "kvslookup",
    "job_info_lookup": "kvslookup",
    "job_kvs_lookup": "kvslookup",
    "job_output": "output",
    "output_watch": "output",
    "output_watch_async": "output",
    "output_watch_events": "output",
    "output_watch_events_async": "output",
    "output_watch_lines": "output",
    "output_watch_lines_async": "output",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'flux.job' has no attribute {name!r}")
    found = getattr(importlib.import_module("flux.job." + _LAZY[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))
