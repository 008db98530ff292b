"""The journal: the events of all jobs in one stream (for the instance's owner).

    consumer = flux.job.JournalConsumer(handle).start()
    while (event := consumer.poll()) is not None:
        print(event.jobid, event)
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Optional, Union

from flux.abc.journal import JournalConsumerBase, JournalEventBase
from flux.job.JobID import JobID

if TYPE_CHECKING:
    from flux.core.handle import Flux


class JournalEvent(JournalEventBase):
    """An event of a job: jobid; jobspec with submit, R with alloc; else None."""

    def __init__(
        self,
        jobid: Union[int, str],
        entry: dict[str, Any],
        jobspec: Optional[dict[str, Any]] = None,
        R: Optional[dict[str, Any]] = None,  # pylint: disable=invalid-name
    ) -> None:
        super().__init__(entry)
        self.jobid = JobID(jobid)
        self.jobspec = jobspec
        self.R = R  # pylint: disable=invalid-name

    def __str__(self) -> str:
        return f"{self.jobid} {super().__str__()}"


#: between what has been and what is new
SENTINEL_EVENT = JournalConsumerBase.SENTINEL_EVENT


class JournalConsumer(JournalConsumerBase):
    """Receives the events of all jobs; see JournalConsumerBase.

    What has been is of the jobs that the job manager still knows: those that are active.

    allow, deny: names of events; only, or not, these come.
    """

    SENTINEL_EVENT = SENTINEL_EVENT

    def __init__(
        self,
        flux_handle: "Flux",
        full: bool = True,
        since: float = 0.0,
        include_sentinel: bool = False,
        allow: Optional[Iterable[str]] = None,
        deny: Optional[Iterable[str]] = None,
    ) -> None:
        topic = "job-manager.events-journal"
        super().__init__(flux_handle, topic, None, full, since, include_sentinel)
        lists = {"allow": allow, "deny": deny}
        self._lists = {k: {n: 1 for n in names} for k, names in lists.items() if names is not None}

    @property
    def request_payload(self) -> dict[str, Any]:
        return {"full": self.full, "backlog": self.full, **self._lists}

    def process_response(self, resp: dict[str, Any]) -> dict[str, Any]:
        return {}

    def create_event(self, entry: dict[str, Any], **kwargs: Any) -> JournalEvent:
        return JournalEvent(entry["id"], entry["entry"], entry.get("jobspec"), entry.get("R"))
