"""What flux.job has, for who checks types: at run time __init__.py finds it."""
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
