"""Jobs: what they need, how they are submitted, watched, and what becomes of them.

    import flux, flux.job
    handle = flux.Flux()
    jobspec = flux.job.JobspecV1.from_command(["hostname"], num_tasks=2)
    jobid = flux.job.submit(handle, jobspec)
    print(flux.job.result(handle, jobid).result)
"""
import sys

# Where each name is; it is loaded when it is first used. __init__.pyi has their types: here
# it would take longer to load than the rest.
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


def __getattr__(name: str) -> object:
    if name in _HOMES and name not in _HOME:  # flux.job.list, of those who import flux.job only
        __import__("flux.job." + name)
        return sys.modules["flux.job." + name]
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

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOME and isinstance(value, type(sys)):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
