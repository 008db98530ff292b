"""Jobs: what they need, how they are submitted, watched, and what becomes of them.

    import flux, flux.job
    handle = flux.Flux()
    jobspec = flux.job.JobspecV1.from_command(["hostname"], num_tasks=2)
    jobid = flux.job.submit(handle, jobspec)
    print(flux.job.result(handle, jobid).result)
"""
from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flux.job.event import (
        EventLogEvent as EventLogEvent,
        JobEventWatchFuture as JobEventWatchFuture,
        JobException as JobException,
        event_wait as event_wait,
        event_watch as event_watch,
        event_watch_async as event_watch_async,
    )
    from flux.job.executor import (
        FluxExecutor as FluxExecutor,
        FluxExecutorFuture as FluxExecutorFuture,
    )
    from flux.job.info import (
        JobInfo as JobInfo,
        JobInfoFormat as JobInfoFormat,
        get_username as get_username,
        resulttostr as resulttostr,
        statetostr as statetostr,
        strtostate as strtostate,
    )
    from flux.job.JobID import JobID as JobID, id_encode as id_encode, id_parse as id_parse
    from flux.job.Jobspec import (
        Jobspec as Jobspec,
        JobspecV1 as JobspecV1,
        validate_jobspec as validate_jobspec,
    )
    from flux.job.journal import (
        JournalConsumer as JournalConsumer,
        JournalEvent as JournalEvent,
    )
    from flux.job.kill import (
        cancel as cancel,
        cancel_async as cancel_async,
        job_raise as job_raise,
        job_raise_async as job_raise_async,
        kill as kill,
        kill_async as kill_async,
        set_urgency as set_urgency,
        timeleft as timeleft,
    )
    from flux.job.kvs import (
        job_kvs as job_kvs,
        job_kvs_guest as job_kvs_guest,
        job_kvs_guest_key as job_kvs_guest_key,
        job_kvs_key as job_kvs_key,
    )
    from flux.job.kvslookup import (
        JobInfoLookupRPC as JobInfoLookupRPC,
        JobKVSLookup as JobKVSLookup,
        JobKVSLookupFuture as JobKVSLookupFuture,
        job_eventlog as job_eventlog,
        job_info_lookup as job_info_lookup,
        job_kvs_lookup as job_kvs_lookup,
    )
    from flux.job.list import (
        JobList as JobList,
        JobListIdRPC as JobListIdRPC,
        JobListIdsFuture as JobListIdsFuture,
        JobListRPC as JobListRPC,
        get_job as get_job,
        job_list as job_list,
        job_list_id as job_list_id,
        job_list_ids as job_list_ids,
        job_list_inactive as job_list_inactive,
    )
    from flux.job.output import (
        JobOutput as JobOutput,
        job_output as job_output,
        output_watch as output_watch,
        output_watch_async as output_watch_async,
        output_watch_events as output_watch_events,
        output_watch_events_async as output_watch_events_async,
        output_watch_lines as output_watch_lines,
        output_watch_lines_async as output_watch_lines_async,
    )
    from flux.job.result import (
        JobResultFuture as JobResultFuture,
        result as result,
        result_async as result_async,
    )
    from flux.job.stats import JobStats as JobStats
    from flux.job.submit import (
        SubmitFuture as SubmitFuture,
        submit as submit,
        submit_async as submit_async,
        submit_get_id as submit_get_id,
    )
    from flux.job.wait import (
        JobWaitFuture as JobWaitFuture,
        JobWaitResult as JobWaitResult,
        wait as wait,
        wait_async as wait_async,
        wait_get_status as wait_get_status,
    )
    from flux.job.watcher import JobWatcher as JobWatcher

# Where each name is; it is loaded when it is first used.
_HOMES = {
    "event": (
        "EventLogEvent JobEventWatchFuture JobException event_wait event_watch "
        "event_watch_async"
    ),
    "executor": "FluxExecutor FluxExecutorFuture",
    "info": "JobInfo JobInfoFormat get_username resulttostr statetostr strtostate",
    "JobID": "JobID id_encode id_parse",
    "Jobspec": "Jobspec JobspecV1 validate_jobspec",
    "journal": "JournalConsumer JournalEvent",
    "kill": (
        "cancel cancel_async job_raise job_raise_async kill kill_async set_urgency "
        "timeleft"
    ),
    "kvs": "job_kvs job_kvs_guest job_kvs_guest_key job_kvs_key",
    "kvslookup": (
        "JobInfoLookupRPC JobKVSLookup JobKVSLookupFuture job_eventlog job_info_lookup "
        "job_kvs_lookup"
    ),
    "list": (
        "JobList JobListIdRPC JobListIdsFuture JobListRPC get_job job_list job_list_id "
        "job_list_ids job_list_inactive"
    ),
    "output": (
        "JobOutput job_output output_watch output_watch_async output_watch_events "
        "output_watch_events_async output_watch_lines output_watch_lines_async"
    ),
    "result": "JobResultFuture result result_async",
    "stats": "JobStats",
    "submit": "SubmitFuture submit submit_async submit_get_id",
    "wait": "JobWaitFuture JobWaitResult wait wait_async wait_get_status",
    "watcher": "JobWatcher",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'flux.job' has no attribute {name!r}")
    home = "flux.job." + _HOME[name]
    __import__(home)
    found = getattr(sys.modules[home], name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))


class _Package(type(sys)):  # type: ignore[misc]
    """Some modules are called as what is in them: flux.job.submit is the function,
    whoever loads the module flux.job.submit."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, type(sys)):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
