"""What lies in the directories of jobs, as their owners may read it: R, jobspec, ..."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence, Union

from flux.future import WaitAllFuture
from flux.job.event import EventLogEvent
from flux.job.JobID import JobID
from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux

# The service's flag: apply what events have changed since.
_CURRENT = 2

Keys = Sequence[str]


def decode_special_data(data: dict[str, Any]) -> dict[str, Any]:
    """In place: jobspec, R and J's like from JSON text to objects."""
    for key in ("jobspec", "R"):
        if isinstance(data.get(key), str):
            data[key] = json.loads(data[key])
    return data


class JobInfoLookupRPC(RPC):
    """The future of keys of a job."""

    jobid: JobID

    def get(self) -> dict[str, Any]:
        """Wait for the values, as text: {"id": int, key: text, ...}."""
        found: dict[str, Any] = super().get()
        return found

    def get_decode(self) -> dict[str, Any]:
        """Wait for the values; jobspec and R as objects."""
        return decode_special_data(self.get())


def job_info_lookup(
    flux_handle: "Flux", jobid: Union[int, str], keys: Keys = ("jobspec",), flags: int = 0
) -> JobInfoLookupRPC:
    """Begin to look keys of a job up: "jobspec", "R", "eventlog", "J", "guest.output", ...

    flags: 1: objects instead of text; 2: jobspec and R as events have changed them.
    """
    number = JobID(jobid)
    payload = {"id": int(number), "keys": list(keys), "flags": flags}
    rpc = JobInfoLookupRPC(flux_handle, "job-info.lookup", payload)
    rpc.jobid = number
    return rpc


class JobKVSLookupFuture(WaitAllFuture):
    """The future of keys of many jobs; errors has a text for each that failed."""

    def __init__(self, flux_handle: Optional["Flux"] = None) -> None:
        super().__init__(flux_handle)
        self.errors: list[str] = []

    def get(self) -> list[dict[str, Any]]:
        """Wait for what there is, values as text."""
        return self._gather("get")

    def get_decode(self) -> list[dict[str, Any]]:
        """Wait for what there is; jobspec and R as objects."""
        return self._gather("get_decode")

    def _gather(self, how: str) -> list[dict[str, Any]]:
        self.wait_for()
        self.errors = []
        found = []
        for child in self.children.values():
            try:
                found.append(getattr(child, how)())
            except OSError as exc:
                jobid = child.jobid.orig  # type: ignore[attr-defined]
                self.errors.append(f"{jobid}: {exc.strerror}")
        return found


def _wrapped(data: dict[str, Any], decode: bool) -> dict[str, Any]:
    """J is a signed jobspec: take the jobspec out of it."""
    import base64

    payload = data.pop("J").split(".")[1]
    text = base64.b64decode(payload + "=" * (-len(payload) % 4)).decode("utf-8")
    data["jobspec"] = json.loads(text) if decode else text
    return data


def _keys(keys: Keys, original: bool) -> list[str]:
    return ["J" if original and key == "jobspec" else key for key in keys]


def job_kvs_lookup(
    flux_handle: "Flux",
    jobid: Union[int, str],
    keys: Keys = ("jobspec",),
    decode: bool = True,
    original: bool = False,
    base: bool = False,
) -> Optional[dict[str, Any]]:
    """Keys of a job: {"id": int, key: value, ...}; None if there is no such job or key.

    decode: jobspec and R as objects. original: the jobspec as it was submitted.
    base: jobspec and R without what events have changed since.
    """
    flags = 0 if base else _CURRENT
    rpc = job_info_lookup(flux_handle, jobid, _keys(keys, original), flags)
    try:
        data = rpc.get_decode() if decode else rpc.get()
    except FileNotFoundError:
        return None
    return _wrapped(data, decode) if original and "J" in data else data


class JobKVSLookup:
    """Keys of many jobs. See job_kvs_lookup(). After data(), errors has what failed."""

    def __init__(
        self,
        flux_handle: "Flux",
        ids: Iterable[Union[int, str]] = (),
        keys: Keys = ("jobspec",),
        decode: bool = True,
        original: bool = False,
        base: bool = False,
    ) -> None:
        self.handle = flux_handle
        self.keys = _keys(keys, original)
        self.ids = [JobID(i) for i in ids]
        self.decode = decode
        self.original = original
        self.base = base
        self.errors: list[str] = []

    def fetch_data(self) -> JobKVSLookupFuture:
        """Begin to look up."""
        future = JobKVSLookupFuture(self.handle)
        for i, jobid in enumerate(self.ids):
            flags = 0 if self.base else _CURRENT
            future.push(job_info_lookup(self.handle, jobid, self.keys, flags), str(i))
        return future

    def data(self) -> list[dict[str, Any]]:
        """Wait for the data of the jobs that there are."""
        if not self.ids:
            return []
        future = self.fetch_data()
        found = future.get_decode() if self.decode else future.get()
        self.errors = future.errors
        if self.original:
            found = [_wrapped(d, self.decode) if "J" in d else d for d in found]
        return found


def job_eventlog(
    flux_handle: "Flux", jobid: Union[int, str], eventlog: str = "eventlog"
) -> list[EventLogEvent]:
    """The events of a job so far."""
    text = job_info_lookup(flux_handle, jobid, [eventlog]).get()[eventlog]
    return [EventLogEvent(line) for line in text.splitlines()]
