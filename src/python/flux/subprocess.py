"""Processes that brokers run (RFC 42), as `flux exec` does.

    done = flux.subprocess.run(handle, ["hostname"], nodeid=3)
    print(done.stdout, done.returncode)

    pid = flux.subprocess.rexec_bg(handle, ["daemon"], label="mine").get_pid()
    flux.subprocess.kill(handle, label="mine").get()
"""
from __future__ import annotations

import base64
import errno
import os
import signal
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from flux.constants import (
    FLUX_NODEID_ANY,
    FLUX_RPC_NORESPONSE,
    FLUX_RPC_STREAMING,
)
from flux.rpc import RPC

if TYPE_CHECKING:
    from flux.core.handle import Flux
    from flux.core.inner import Payload

_STDOUT, _STDERR, _WAITABLE = 1, 2, 16

#: callback(process, stream, data); no data: the stream has ended
OutputCallback = Callable[["RemoteProcess", str, bytes], Any]


class Command:
    """What is run: args, in cwd, with env (that of this process if None).

    label: a name by which it is found; opts: options of the server.
    """

    def __init__(
        self,
        args: Sequence[Union[str, "os.PathLike[str]"]],
        cwd: Union[None, str, "os.PathLike[str]"] = None,
        env: Optional[Mapping[str, str]] = None,
        label: Optional[str] = None,
        opts: Optional[Mapping[str, str]] = None,
    ) -> None:
        if isinstance(args, (str, bytes)) or not args:
            raise ValueError("command: must be a list of at least one word")
        self.args = [os.fspath(arg) for arg in args]
        self.cwd = os.fspath(cwd) if cwd is not None else None
        self.env = dict(os.environ if env is None else env)
        self.label = label
        self.opts = dict(opts or {})

    def to_dict(self) -> dict[str, Any]:
        """The command object of the protocol."""
        found: dict[str, Any] = {
            "cmdline": self.args,
            "env": self.env,
            "opts": self.opts,
            "channels": [],
        }
        if self.cwd is not None:
            found["cwd"] = self.cwd
        if self.label is not None:
            found["label"] = self.label
        return found


Args = Union[Command, Sequence[Union[str, "os.PathLike[str]"]]]


def _command(args: Args, label: Optional[str] = None) -> Command:
    command = args if isinstance(args, Command) else Command(args)
    if label is not None:
        command.label = label
    return command


class RemoteProcess(RPC):
    """A process that runs while somebody listens.

    then() is not for it: give it a callback, or wait().
    pid: None until it has started; returncode: as that of subprocess.Popen.
    """

    def __init__(
        self,
        flux_handle: "Flux",
        command: Command,
        nodeid: int,
        service: str,
        callback: Optional[OutputCallback],
    ) -> None:
        self.service = service
        self.nodeid = nodeid
        self.pid: Optional[int] = None
        self.status: Optional[int] = None
        self.done = False
        self._callback = callback
        payload = {"cmd": command.to_dict(), "flags": _STDOUT | _STDERR}
        super().__init__(
            flux_handle, f"{service}.exec", payload, nodeid, FLUX_RPC_STREAMING
        )

    @property
    def returncode(self) -> Optional[int]:
        """The exit status; -N if signal N has ended it; None while it runs."""
        return None if self.status is None else os.waitstatus_to_exitcode(self.status)

    def watch(self) -> "RemoteProcess":
        """Let the reactor call back."""
        self.then(lambda _self: self._one())
        return self

    def wait(self) -> int:
        """Until it has ended: its returncode. OSError if it did not start or was lost."""
        while not self.done:
            self._one()
        if self.returncode is None:
            raise OSError(errno.EPROTO, "the process has no status")
        return self.returncode

    def _one(self) -> None:
        """Take the next answer."""
        try:
            answer = self.get()
        except OSError as exc:
            self.done = True
            if exc.errno == errno.ENODATA:
                return
            raise
        kind = answer.get("type")
        if kind == "started":
            self.pid = answer["pid"]
        elif kind == "finished":
            self.status = answer["status"]
        elif kind == "output":
            self._output(answer["io"])
        self.reset()

    def _output(self, io: Mapping[str, Any]) -> None:
        if self._callback is None:
            return
        data = io.get("data")
        if data:
            raw = base64.b64decode(data) if io.get("encoding") == "base64" else data.encode()
            self._callback(self, io["stream"], raw)
        if io.get("eof"):
            self._callback(self, io["stream"], b"")

    def write(self, data: Union[str, bytes], eof: bool = False) -> None:
        """Give it input; eof: that was all."""
        from flux.core.inner import lib

        raw = data.encode() if isinstance(data, str) else data
        io: dict[str, Any] = {"stream": "stdin", "rank": str(self.nodeid)}
        if raw:
            io.update(data=base64.b64encode(raw).decode(), encoding="base64")
        if eof:
            io["eof"] = True
        assert self._flux is not None
        payload = {"matchtag": int(lib.flux_rpc_get_matchtag(self.handle)), "io": io}
        self._flux.rpc(f"{self.service}.write", payload, self.nodeid, FLUX_RPC_NORESPONSE)

    def close(self) -> None:
        """It gets no more input."""
        self.write(b"", eof=True)

    def kill(self, signum: int = signal.SIGTERM) -> RPC:
        """Send it a signal."""
        if self.pid is None:
            raise ValueError("kill: it has not started")
        assert self._flux is not None
        return kill(self._flux, signum, self.pid, nodeid=self.nodeid, service=self.service)


def rexec(
    flux_handle: "Flux",
    args: Args,
    nodeid: int = FLUX_NODEID_ANY,
    service: str = "rexec",
    callback: Optional[OutputCallback] = None,
) -> RemoteProcess:
    """Begin to run a command on a rank; it ends with the handle. Then watch() or wait()."""
    return RemoteProcess(flux_handle, _command(args), nodeid, service, callback)


class CompletedProcess:
    """What a process has left: args, returncode, stdout, stderr (bytes)."""

    def __init__(self, args: List[str], returncode: int, stdout: bytes, stderr: bytes) -> None:
        self.args = args
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


def run(
    flux_handle: "Flux",
    args: Args,
    nodeid: int = FLUX_NODEID_ANY,
    service: str = "rexec",
    input: Union[str, bytes] = b"",  # pylint: disable=redefined-builtin
) -> CompletedProcess:
    """Run a command on a rank until it ends."""
    output: dict[str, List[bytes]] = {"stdout": [], "stderr": []}
    command = _command(args)
    process = rexec(
        flux_handle, command, nodeid, service,
        lambda _process, stream, data: output.setdefault(stream, []).append(data),
    )
    process.write(input, eof=True)
    code = process.wait()
    return CompletedProcess(
        command.args, code, b"".join(output["stdout"]), b"".join(output["stderr"])
    )


def command_create(
    command: Sequence[Union[str, "os.PathLike[str]"]],
    label: Optional[str] = None,
    cwd: Union[None, str, "os.PathLike[str]"] = None,
    env: Optional[Mapping[str, str]] = None,
    opts: Optional[Mapping[str, str]] = None,
) -> dict[str, Any]:
    """The command object of RFC 42, in the directory of this process if cwd is None."""
    where = os.getcwd() if cwd is None else cwd
    return Command(command, cwd=where, env=env, label=label, opts=opts).to_dict()


class SubprocessBackgroundRexecRPC(RPC):
    """The start of a process that nobody listens to."""

    def __init__(
        self,
        flux_handle: "Flux",
        topic: str,
        payload: Payload = None,
        nodeid: int = FLUX_NODEID_ANY,
        flags: int = 0,
    ) -> None:
        super().__init__(flux_handle, topic, payload, nodeid, flags)
        self._rank = flux_handle.get_rank() if nodeid in (-1, FLUX_NODEID_ANY) else nodeid

    def get_pid(self) -> int:
        """Its process id."""
        return int(self.get()["pid"])

    def get_rank(self) -> int:
        """The rank of the broker that runs it."""
        self.get()
        return self._rank


def rexec_bg(
    flux_handle: "Flux",
    args: Args,
    label: Optional[str] = None,
    nodeid: int = FLUX_NODEID_ANY,
    waitable: bool = False,
    service: str = "rexec",
) -> SubprocessBackgroundRexecRPC:
    """Run a command that outlives this program; its output goes to the log.

    waitable: its status is kept until wait() asks for it.
    """
    payload = {
        "cmd": _command(args, label).to_dict(),
        "flags": _WAITABLE if waitable else 0,
    }
    return SubprocessBackgroundRexecRPC(flux_handle, f"{service}.exec", payload, nodeid)


def _which(pid: Optional[int], label: Optional[str]) -> dict[str, Any]:
    if (pid is None) == (label is None):
        raise ValueError("either pid or label must be given")
    return {"pid": -1, "label": label} if pid is None else {"pid": pid}


def kill(
    flux_handle: "Flux",
    signum: int = signal.SIGTERM,
    pid: Optional[int] = None,
    label: Optional[str] = None,
    service: str = "rexec",
    nodeid: int = FLUX_NODEID_ANY,
    sign: None = None,
) -> RPC:
    """Send a signal to a process that a broker runs.

    sign: requests are not signed here; ValueError for anything but None.
    """
    if sign is not None:
        raise ValueError("kill: sign: requests cannot be signed")
    payload = {**_which(pid, label), "signum": int(signum)}
    return flux_handle.rpc(f"{service}.kill", payload, nodeid)


class SubprocessWaitRPC(RPC):
    """The end of a waitable process."""

    def get_status(self) -> int:
        """As of wait(2)."""
        return int(self.get()["status"])

    @property
    def returncode(self) -> int:
        """The exit status; -N if signal N has ended it."""
        return os.waitstatus_to_exitcode(self.get_status())


def wait(
    flux_handle: "Flux",
    pid: Optional[int] = None,
    label: Optional[str] = None,
    service: str = "rexec",
    nodeid: int = FLUX_NODEID_ANY,
) -> SubprocessWaitRPC:
    """Wait for a process that was started to be waited for."""
    return SubprocessWaitRPC(flux_handle, f"{service}.wait", _which(pid, label), nodeid)


class Subprocess(NamedTuple):
    """A process that a broker runs; label: "" if it has none, cmd: its first word."""

    pid: int
    rank: int
    state: str
    label: str
    cmd: str


class SubprocessListRPC(RPC):
    """What a broker runs."""

    def get_processes(self) -> List[Subprocess]:
        """A Subprocess for each."""
        answer = self.get()
        rank = int(answer["rank"])
        return [
            Subprocess(p["pid"], rank, p["state"], p.get("label", ""), p["cmd"]["cmdline"][0])
            for p in answer["procs"]
        ]


def list(  # pylint: disable=redefined-builtin
    flux_handle: "Flux", service: str = "rexec", nodeid: int = FLUX_NODEID_ANY
) -> SubprocessListRPC:
    """Ask what a broker runs."""
    return SubprocessListRPC(flux_handle, f"{service}.list", {}, nodeid)
