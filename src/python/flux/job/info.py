"""What is known of a job, and how tables show it."""
from __future__ import annotations

import json
import os
import platform
import pwd
import signal
import time
from functools import lru_cache
from typing import Any, Callable, Mapping, Optional

from flux.core.inner import decode, lib
from flux.job.JobID import JobID
from flux.util import EmptyObject, OutputFormat, UtilFormatter, fsd

_EMOJI = {"NEW": "🥚", "DEPEND": "🥱", "PRIORITY": "🥱", "SCHED": "🥱", "RUN": "🏃"}
_EMOJI.update({"CLEANUP": "🧹", "INACTIVE": "🪦", "COMPLETED": "😎", "FAILED": "😭"})
_EMOJI.update({"CANCELED": "😡", "TIMEOUT": "⌛"})


def statetostr(state: int, fmt: str = "L") -> str:
    """The name of a state: fmt is L (DEPEND), S (D), or l, s in small letters."""
    return decode(lib.flux_job_statetostr(int(state), fmt.encode())) or ""


def strtostate(text: str) -> int:
    """The state of a name. ValueError if there is none."""
    from flux.core.inner import encode, ffi

    state = ffi.new("flux_job_state_t *")
    if lib.flux_job_strtostate(encode(text), state) < 0:
        raise ValueError(f"{text}: no state of jobs")
    return int(state[0])


def resulttostr(result: int, fmt: str = "L") -> str:
    """The name of a result: fmt as for statetostr()."""
    return decode(lib.flux_job_resulttostr(int(result), fmt.encode())) or ""


@lru_cache(maxsize=1024)
def get_username(userid: int) -> str:
    """The name of a user; the number, if there is none."""
    try:
        return pwd.getpwuid(userid).pw_name
    except (KeyError, OverflowError):
        return str(userid)


class InfoList(list):  # type: ignore[type-arg]
    """A list that is shown with commas between."""

    def __str__(self) -> str:
        return ",".join(str(item) for item in self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class DependencyList(InfoList):
    """The dependencies of a job."""


class ExceptionInfo:
    """The exception of a job: occurred, severity, type, note; "" is what is not there."""

    def __init__(self, occurred: Any, severity: Any, _type: Any, note: Any) -> None:
        self.occurred = occurred
        self.severity = severity
        self.type = _type
        self.note = note


class AnnotationsInfo:
    """Annotations, by attributes: user.uri. What is not there is empty."""

    def __init__(self, annotations: Mapping[str, Any]) -> None:
        self.annotationsDict = annotations  # pylint: disable=invalid-name

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("__"):
            raise AttributeError(attr)
        value = self.annotationsDict.get(attr)
        if value is None:
            return EmptyObject()
        return AnnotationsInfo(value) if isinstance(value, Mapping) else value

    def __str__(self) -> str:
        if not self.annotationsDict:
            return ""
        return json.dumps(self.annotationsDict, ensure_ascii=False, separators=(",", ":"))

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class JobInfo:
    """What is known of a job; made from a response of job-list.

    Attributes: id, userid, username, urgency, priority, state, name, cwd, queue, bank,
    project, ntasks, ncores, nnodes, ranks, nodelist, duration, expiration, t_submit,
    t_depend, t_run, t_cleanup, t_inactive (s since 1970), runtime, t_remaining (s),
    status, result, success, waitstatus, returncode, exception, annotations, sched, user,
    dependencies, uri, contextual_info, contextual_time, inactive_reason. What is not
    known (yet) is "", or 0.0 if it is a time.
    """

    defaults: dict[str, Any] = {
        "t_depend": 0.0,
        "t_priority": 0.0,
        "t_sched": 0.0,
        "t_run": 0.0,
        "t_cleanup": 0.0,
        "t_inactive": 0.0,
        "t_submit": 0.0,
        "duration": 0.0,
        "expiration": 0.0,
        "name": "",
        "cwd": "",
        "queue": "",
        "project": "",
        "bank": "",
        "ntasks": "",
        "ncores": "",
        "nnodes": "",
        "priority": "",
        "urgency": "",
        "userid": "",
        "ranks": "",
        "nodelist": "",
        "success": "",
        "waitstatus": "",
    }
    properties = tuple(
        "id t_submit t_remaining state result username userid urgency runtime status returncode "
        "dependencies exception annotations".split()
    )

    def __init__(self, info_resp: Mapping[str, Any]) -> None:
        self._info = dict(info_resp)
        self._state = int(self._info.get("state", 0))
        self.id = JobID(self._info["id"])
        get = self._info.get
        self.exception = ExceptionInfo(
            get("exception_occurred", ""),
            get("exception_severity", ""),
            get("exception_type", ""),
            get("exception_note", ""),
        )
        annotations = get("annotations") or {}
        self.annotations = AnnotationsInfo(annotations)
        self.sched = AnnotationsInfo(annotations.get("sched") or {})
        self.user = AnnotationsInfo(annotations.get("user") or {})
        self.dependencies = DependencyList(get("dependencies") or [])
        self._instance: Any = None

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("_"):
            raise AttributeError(attr)
        if attr in self._info:
            return self._info[attr]
        if attr in JobInfo.defaults:
            return JobInfo.defaults[attr]
        raise AttributeError(f"invalid JobInfo attribute {attr!r}")

    def __repr__(self) -> str:
        return f"<flux.job.info.JobInfo {self.id} {self.status}>"

    @property
    def active(self) -> bool:
        """Has it not ended?"""
        return self._state != 0 and not self._state & lib.FLUX_JOB_STATE_INACTIVE

    @property
    def _inactive(self) -> bool:
        return bool(self._state & lib.FLUX_JOB_STATE_INACTIVE)

    @property
    def username(self) -> str:
        """The name of its owner."""
        return get_username(self.userid) if self.userid != "" else ""

    @property
    def state(self) -> str:
        """DEPEND, PRIORITY, SCHED, RUN, CLEANUP, INACTIVE."""
        return statetostr(self._state, "L")

    @property
    def state_single(self) -> str:
        """The state as a letter."""
        return statetostr(self._state, "S")

    @property
    def state_emoji(self) -> str:
        """The state as a picture."""
        return _EMOJI.get(self.state, "")

    def _result_as(self, fmt: str) -> str:
        if not self._inactive or "result" not in self._info:
            return ""
        return resulttostr(self._info["result"], fmt)

    @property
    def result(self) -> str:
        """COMPLETED, FAILED, CANCELED, TIMEOUT; "" while it is active."""
        return self._result_as("L")

    @property
    def result_id(self) -> Any:
        """The result as number: FLUX_JOB_RESULT_..."""
        return self._info.get("result", "") if self._inactive else ""

    @property
    def result_abbrev(self) -> str:
        """CD, F, CA, TO."""
        return self._result_as("S")

    @property
    def result_emoji(self) -> str:
        """The result as a picture."""
        return _EMOJI.get(self.result, "")

    @property
    def status(self) -> str:
        """The state, or the result once it has ended."""
        return self.result if self._inactive else self.state

    @property
    def status_abbrev(self) -> str:
        """The status in one or two letters."""
        return self.result_abbrev if self._inactive else self.state_single

    @property
    def status_emoji(self) -> str:
        """The status as a picture."""
        return self.result_emoji if self._inactive else self.state_emoji

    @property
    def success(self) -> Any:
        """Has it completed with status 0? "" while it is active."""
        if not self._inactive:
            return ""
        found = self._info.get("success")
        return self.result == "COMPLETED" if found is None else found

    @property
    def runtime(self) -> float:
        """How long it has run, in s."""
        start, end = self.t_run, self.t_cleanup
        if start <= 0:
            return 0.0
        return float(max(0.0, (end if end > 0 else time.time()) - start))

    def get_runtime(self) -> float:
        """The same as runtime."""
        return self.runtime

    @property
    def t_remaining(self) -> float:
        """How long it may still run, in s; 0.0 if it does not run, or has no limit."""
        if not self._state & lib.FLUX_JOB_STATE_RUN or not self.expiration:
            return 0.0
        return max(0.0, float(self.expiration) - time.time())

    def get_remaining_time(self) -> float:
        """The same as t_remaining."""
        return self.t_remaining

    @property
    def returncode(self) -> Any:
        """Its exit status, or minus the signal that ended it; "" while it is active.

        -128 if it was canceled before it ran, 1 if something else kept it from that.
        """
        if not self._inactive:
            return ""
        status = self._info.get("waitstatus")
        if status is None or status == -1:
            return -128 if self.result == "CANCELED" else 1
        return os.waitstatus_to_exitcode(status)

    @property
    def inactive_reason(self) -> str:
        """Why it has ended."""
        if not self._inactive:
            return ""
        note = self.exception.note
        if self.result == "CANCELED":
            return f"Canceled: {note}" if note else "Canceled"
        if self.result == "TIMEOUT":
            return "Timeout"
        if self._info.get("waitstatus") is None:
            kind = self.exception.type
            return f"Exception: type={kind} note={note}" if kind else ""
        code = self.returncode
        signum = -code if code < 0 else code - 128
        if 0 < signum < signal.NSIG and signal.strsignal(signum):
            return signal.strsignal(signum) or ""
        words = {126: "permission denied", 127: "command not found"}
        return words.get(code, f"Exit {code}")

    @property
    def contextual_info(self) -> str:
        """What one wants to know in its state: dependencies, an estimate, its nodes."""
        state = self.state
        if state == "DEPEND":
            return f"depends:{self.dependencies}"
        if state == "PRIORITY":
            return "priority-wait"
        if state != "SCHED":
            return str(self.nodelist)
        if self.urgency == lib.FLUX_JOB_URGENCY_HOLD:
            return "held"
        if self.priority == 0:
            return "priority-hold"
        estimate = self.sched.annotationsDict.get("t_estimate")
        if estimate is None:
            return ""
        wait = estimate - time.time()
        return f"eta:{fsd(wait)}" if wait >= 0 else "eta:now"

    @property
    def contextual_time(self) -> float:
        """How long it has run, or may run, in s."""
        return self.runtime if self.t_run > 0 else float(self.duration)

    @property
    def uri(self) -> Any:
        """The URI of the instance that it is, as JobURI; "" if it is none."""
        text = self.user.annotationsDict.get("uri")
        if not text:
            return ""
        from flux.uri import JobURI

        return JobURI(text)

    @property
    def instance(self) -> Any:
        """What the instance that it is tells of itself; asks it at the first time."""
        if self._instance is None:
            self._instance = InstanceInfo(self.uri if self.active else None)
        return self._instance

    def to_dict(self, filtered: bool = True) -> dict[str, Any]:
        """Its attributes as dict; without those that are unset, if filtered."""
        names = set(JobInfo.defaults) | set(JobInfo.properties) - {"exception", "annotations"}
        out: dict[str, Any] = {}
        for name in sorted(names):
            value = getattr(self, name)
            if filtered and (value == "" or (name == "dependencies" and not value)):
                continue
            out[name] = int(value) if name == "id" else value
        if self.annotations.annotationsDict:
            out["annotations"] = self.annotations.annotationsDict
        exc = self.exception
        out["exception"] = {"occurred": bool(exc.occurred)}
        if exc.occurred:
            out["exception"].update(severity=exc.severity, type=exc.type, note=exc.note)
        return out


class InstanceInfo:
    """Jobs and resources of an instance that is a job: stats, resources; empty if it
    cannot be reached, which initialized says."""

    def __init__(self, uri: Any = None) -> None:
        self.initialized = False
        self.stats: Any = EmptyObject()
        self.resources: Any = EmptyObject()
        if not uri:
            return
        try:
            # Its socket is nearer than ssh, on the same host.
            here = uri.netloc == platform.node()
            self._ask(uri.local if here else str(uri))
        except OSError:
            pass

    def _ask(self, uri: str) -> None:
        from flux.core.handle import Flux
        from flux.job.stats import JobStats
        from flux.resource import resource_list

        with Flux(uri) as child:
            stats = JobStats(child)
            stats.update_sync()
            self.resources = resource_list(child).get()
            self.stats = stats
        self.initialized = True

    @staticmethod
    def _ratio(part: Any, whole: Any) -> Any:
        return part / whole if whole else ""

    @property
    def utilization(self) -> Any:
        """The part of its cores that is allocated; "" if unknown."""
        if not self.initialized:
            return ""
        return self._ratio(self.resources.allocated.ncores, self.resources.up.ncores)

    @property
    def gpu_utilization(self) -> Any:
        """The part of its GPUs that is allocated; "" if unknown."""
        if not self.initialized:
            return ""
        return self._ratio(self.resources.allocated.ngpus, self.resources.up.ngpus)

    @property
    def progress(self) -> Any:
        """The part of its jobs that has ended; "" if unknown."""
        if not self.initialized:
            return ""
        return self._ratio(self.stats.inactive, self.stats.total)


def _headings() -> dict[str, str]:
    names: dict[str, str] = {}
    for name in (
        "urgency:URG priority:PRI state:STATE state_single:S state_emoji:STATE name:NAME "
        "cwd:CWD queue:QUEUE project:PROJECT bank:BANK ntasks:NTASKS ncores:NCORES "
        "duration:DURATION nnodes:NNODES expiration:EXPIRATION t_remaining:T_REMAINING "
        "ranks:RANKS nodelist:NODELIST success:SUCCESS result:RESULT result_abbrev:RS "
        "result_emoji:RESULT t_submit:T_SUBMIT t_depend:T_DEPEND t_priority:T_PRIORITY "
        "t_sched:T_SCHED t_run:T_RUN t_cleanup:T_CLEANUP t_inactive:T_INACTIVE "
        "runtime:RUNTIME status:STATUS status_abbrev:ST status_emoji:STATUS "
        "waitstatus:WSTATUS returncode:RC exception.occurred:EXCEPTION-OCCURRED "
        "exception.severity:EXCEPTION-SEVERITY exception.type:EXCEPTION-TYPE "
        "exception.note:EXCEPTION-NOTE annotations:ANNOTATIONS dependencies:DEPENDENCIES "
        "contextual_info:INFO contextual_time:TIME inactive_reason:INACTIVE-REASON "
        "sched:SCHED user:USER uri:URI uri.local:URI userid:UID username:USER id:JOBID "
        "instance.stats:STATS instance.stats.total:NJOBS instance.utilization:CORE% "
        "instance.gpu_utilization:GPU% instance.progress:PROG sched.t_estimate:T_ESTIMATE "
        "sched.reason_pending:REASON sched.resource_summary:RESOURCES"
    ).split():
        field, _, heading = name.partition(":")
        names[field] = heading
    for form in "f58 f58plain dec hex dothex words emoji kvs".split():
        names["id." + form] = "JOBID"
    sets = {"all": "", "up": "UP", "down": "DOWN", "allocated": "USED", "free": "FREE"}
    for part, heading in sets.items():
        for what in ("ncores", "ngpus", "nnodes"):
            whole = {"ncores": "CORES", "ngpus": "GPUS", "nnodes": "NODES"}[what]
            names[f"instance.resources.{part}.{what}"] = heading or whole
    return names


class JobInfoFormat(OutputFormat):
    """The table of jobs. Fields are attributes of JobInfo; see flux-jobs(1)."""

    headings = _headings()

    class JobFormatter(UtilFormatter):
        """What is not there is shown as nothing."""

        def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
            try:
                return super().get_field(field_name, args, kwargs)
            except (AttributeError, KeyError):
                return EmptyObject(), 0

    formatter = JobFormatter

    def _known(self, field: str) -> bool:
        open_ended = ("annotations.", "sched.", "user.", "instance.")
        return field in self.headings or field.startswith(open_ended)


JobInfoGetter = Callable[[], Optional[JobInfo]]
