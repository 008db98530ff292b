"""Jobspecs: what a job needs and does (RFC 14, 25)."""
from __future__ import annotations

import collections.abc as abc
import json
import math
import os
import stat

from flux.core.inner import NULL, decode, encode, ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import IO, Any, Iterator, Mapping, Optional, Sequence, Union

    Duration = Union[int, float, str, datetime.timedelta]
    Command = Union[Sequence[str], abc.Iterable[str]]

# Resource limits that a job takes over from whoever submits it.
_RLIMITS = "cpu fsize data stack core nofile as rss nproc".split()


def _seconds(duration: Duration) -> float:
    if isinstance(duration, bool):
        raise TypeError("duration: seconds, text or timedelta, not bool")
    if isinstance(duration, str):
        from flux.util import parse_fsd

        seconds = parse_fsd(duration)
    elif isinstance(duration, (int, float)):
        seconds = duration
    elif hasattr(duration, "total_seconds"):
        seconds = duration.total_seconds()
    else:
        raise TypeError(f"duration: seconds, text or timedelta, not {type(duration).__name__}")
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"duration: {duration!r} must be finite and not negative")
    return seconds


def _command(command: Command, empty: bool = False) -> list[str]:
    if isinstance(command, (str, bytes)) or not isinstance(command, abc.Iterable):
        raise TypeError("command: must be a list of words")
    words = [os.fspath(word) if isinstance(word, os.PathLike) else word for word in command]
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"command: {word!r} must be text")
    if not words and not empty:
        raise ValueError("command: must not be empty")
    return words


def _count(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name}: must be at least {least}, not {value}")
    return value


def _slot(count: int, cores: int, gpus: int) -> dict[str, Any]:
    within = [{"type": "core", "count": cores}]
    if gpus:
        within.append({"type": "gpu", "count": gpus})
    return {"type": "slot", "count": count, "with": within, "label": "task"}


def _conf_text(conf: Union[str, Mapping[str, Any]]) -> str:
    if isinstance(conf, str):
        return conf
    if isinstance(conf, abc.Mapping):
        return json.dumps(conf, ensure_ascii=False)
    raise TypeError(f"conf: a mapping or text, not {type(conf).__name__}")


class Jobspec:
    """A jobspec of any version.

    resources: a list of vertices {"type", "count", "with", ...}; tasks: a list of
    {"command", "slot", "count"}; attributes: a mapping, {"system": {...}, "user": ...};
    version: that of the specification. Each is taken as it is, not copied.
    """

    top_level_keys = frozenset(("resources", "tasks", "attributes", "version"))

    def __init__(
        self,
        resources: Sequence[Mapping[str, Any]],
        tasks: Sequence[Mapping[str, Any]],
        attributes: Optional[Mapping[str, Any]] = None,
        version: int = 1,
    ) -> None:
        self.jobspec: dict[str, Any] = {
            "resources": _checked_list("resources", resources),
            "tasks": _checked_list("tasks", tasks),
            "attributes": {} if attributes is None else attributes,
            "version": _count("version", version),
        }
        if not isinstance(self.attributes, abc.Mapping):
            raise TypeError("attributes: must be a mapping")
        for vertex in self.resource_walk():
            _check_vertex(vertex[1])
        for task in tasks:
            _check_task(task)

    @classmethod
    def _from_object(cls, found: Any) -> "Jobspec":
        if not isinstance(found, abc.Mapping):
            raise TypeError("jobspec: must be a mapping")
        for key in ("resources", "tasks", "version"):
            if key not in found:
                raise ValueError(f"jobspec: there is no {key}")
        unknown = set(found) - {"resources", "tasks", "version", "attributes"}
        if unknown:
            raise ValueError(f"jobspec: unknown key {sorted(unknown)[0]}")
        return cls(**found)

    @classmethod
    def from_yaml_stream(cls, yaml_stream: Union[IO[str], IO[bytes], str, bytes]) -> "Jobspec":
        """A jobspec from YAML (of which JSON is a part): a stream, or text.

        ValueError if it is none. Needs the module yaml, if it is not JSON.
        """
        text = yaml_stream if isinstance(yaml_stream, (str, bytes)) else yaml_stream.read()
        try:
            return cls._from_object(json.loads(text))
        except json.JSONDecodeError:
            pass
        import yaml

        try:
            return cls._from_object(yaml.safe_load(text))
        except yaml.YAMLError as exc:
            raise ValueError(f"jobspec: {exc}") from None

    @classmethod
    def from_yaml_file(cls, filename: Union[str, "os.PathLike[str]"]) -> "Jobspec":
        """A jobspec from a file in YAML or JSON."""
        with open(filename, "rb") as stream:
            return cls.from_yaml_stream(stream)

    # The parts.

    @property
    def resources(self) -> Any:
        """The resources section."""
        return self.jobspec["resources"]

    @property
    def tasks(self) -> Any:
        """The tasks section."""
        return self.jobspec["tasks"]

    @property
    def attributes(self) -> Any:
        """The attributes section."""
        return self.jobspec["attributes"]

    @property
    def version(self) -> int:
        """The version of the specification."""
        return int(self.jobspec["version"])

    def dumps(self, **kwargs: Any) -> str:
        """The jobspec as JSON; kwargs are those of json.dumps()."""
        return json.dumps(self.jobspec, **kwargs)

    def __str__(self) -> str:
        return self.dumps(ensure_ascii=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Jobspec):
            return NotImplemented
        return bool(self.jobspec == other.jobspec)

    __hash__ = None  # type: ignore[assignment]

    # Attributes by dotted keys.

    @staticmethod
    def _path(key: str) -> list[str]:
        if key.startswith("attributes."):
            key = key[len("attributes.") :]
        elif key.partition(".")[0] not in ("system", "user"):
            key = "system." + key
        parts = key.split(".")
        if not all(parts):
            raise ValueError(f"{key!r}: a part of the key is empty")
        return parts

    def setattr(self, key: str, val: Any) -> None:
        """Set an attribute: key is e.g. system.duration, or attributes.system.duration.

        What begins with neither attributes, system nor user lies below system. Objects
        on the way are made.
        """
        *path, last = self._path(key)
        where = self.jobspec["attributes"]
        for part in path:
            where = where.setdefault(part, {})
            if not isinstance(where, abc.MutableMapping):
                raise ValueError(f"{key}: {part} is not a mapping")
        where[last] = val

    def getattr(self, key: str) -> Any:
        """An attribute. KeyError if it is not there."""
        where = self.jobspec["attributes"]
        for part in self._path(key):
            if not isinstance(where, abc.Mapping) or part not in where:
                raise KeyError(key)
            where = where[part]
        return where

    def _getattr(self, key: str) -> Any:
        try:
            return self.getattr(key)
        except KeyError:
            return None

    def setattr_shell_option(self, key: str, val: Any) -> None:
        """Set an option of the job shell, e.g. "verbose" or "output.stdout.type"."""
        self.setattr("system.shell.options." + key, val)

    def getattr_shell_option(self, key: str) -> Any:
        """An option of the job shell. KeyError if it is not set."""
        return self.getattr("system.shell.options." + key)

    def add_file(
        self,
        path: str,
        data: Union[str, Mapping[str, Any], Sequence[Any]],
        perms: Optional[int] = None,
        encoding: Optional[str] = None,
    ) -> None:
        """Let the job find a file at {{tmpdir}}/path.

        data: an object (becomes JSON), the contents (if a newline is in it, or an
        encoding, utf-8 or base64, is given), or else the name of a local file.
        perms: 0o600 if None; those of the file, if it is one.
        """
        if not isinstance(data, str):
            content: Any = data
        elif encoding is not None or "\n" in data:
            content, encoding = data, encoding or "utf-8"
        else:
            content, encoding, mode = _read_file(data)
            perms = mode if perms is None else perms
        entry: dict[str, Any] = {"mode": stat.S_IFREG | (0o600 if perms is None else perms)}
        entry["data"] = content
        if encoding is not None:
            if encoding not in ("utf-8", "base64"):
                raise ValueError(f"add_file: encoding {encoding}: must be utf-8 or base64")
            entry["encoding"] = encoding
        if not path or path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"add_file: {path!r}: must be below the job's directory")
        files = self.jobspec["attributes"].setdefault("system", {}).setdefault("files", {})
        files[path] = entry

    # The usual attributes.

    @property
    def duration(self) -> float:
        """The limit of time in s; 0 is none. Set as number, Flux duration or timedelta."""
        return self._getattr("system.duration") or 0.0

    @duration.setter
    def duration(self, duration: Duration) -> None:
        self.setattr("system.duration", _seconds(duration))

    @property
    def queue(self) -> Optional[str]:
        """The queue."""
        return self._text("queue")

    @queue.setter
    def queue(self, queue: str) -> None:
        self._set_text("queue", queue)

    @property
    def cwd(self) -> Optional[str]:
        """The working directory."""
        return self._text("cwd")

    @cwd.setter
    def cwd(self, cwd: Union[str, "os.PathLike[str]"]) -> None:
        self._set_text("cwd", cwd)

    @property
    def environment(self) -> Optional[dict[str, str]]:
        """The environment."""
        found: Optional[dict[str, str]] = self._getattr("system.environment")
        return found

    @environment.setter
    def environment(self, environ: Mapping[str, str]) -> None:
        if not isinstance(environ, abc.Mapping):
            raise TypeError("environment: must be a mapping")
        self.setattr("system.environment", dict(environ))

    @property
    def stdin(self) -> Optional[str]:
        """The file that the tasks read from."""
        return self._stream("input", "stdin")

    @stdin.setter
    def stdin(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self._set_stream("input", "stdin", path)

    @property
    def stdout(self) -> Optional[str]:
        """The file that the tasks write to; may be a template such as out.{{id}}."""
        return self._stream("output", "stdout")

    @stdout.setter
    def stdout(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self._set_stream("output", "stdout", path)

    @property
    def stderr(self) -> Optional[str]:
        """The file that the tasks write errors to."""
        return self._stream("output", "stderr")

    @stderr.setter
    def stderr(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self._set_stream("output", "stderr", path)

    input = stdin
    output = stdout
    error = stderr

    def _text(self, key: str) -> Optional[str]:
        found = self._getattr("system." + key)
        return None if found is None else str(found)

    def _set_text(self, key: str, value: Union[str, "os.PathLike[str]"]) -> None:
        text = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(text, str):
            raise TypeError(f"{key}: must be text, not {type(value).__name__}")
        self.setattr("system." + key, text)

    def _stream(self, way: str, stream: str) -> Optional[str]:
        found = self._getattr(f"system.shell.options.{way}.{stream}.path")
        return None if found is None else str(found)

    def _set_stream(
        self, way: str, stream: str, path: Union[str, "os.PathLike[str]"]
    ) -> None:
        text = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(text, str):
            raise TypeError(f"{stream}: must be a path, not {type(path).__name__}")
        for key, value in (("type", "file"), ("path", text)):
            self.setattr_shell_option(f"{way}.{stream}.{key}", value)

    def _label(self, stream: str) -> bool:
        return bool(self._getattr(f"system.shell.options.output.{stream}.label"))

    @property
    def label_io(self) -> bool:
        """Is each line of output marked with the rank of its task?"""
        return self._label("stdout") or self._label("stderr")

    @label_io.setter
    def label_io(self, value: bool) -> None:
        for stream in ("stdout", "stderr"):
            self.setattr_shell_option(f"output.{stream}.label", bool(value))

    @property
    def unbuffered(self) -> bool:
        """Is output passed on as it is written, not by the line?"""
        options = (f"system.shell.options.output.{s}.buffer.type" for s in ("stdout", "stderr"))
        return all(self._getattr(option) == "none" for option in options)

    @unbuffered.setter
    def unbuffered(self, value: bool) -> None:
        for stream in ("stdout", "stderr"):
            key = f"output.{stream}.buffer.type"
            self.setattr_shell_option(key, "none" if value else "line")
        if value:
            self.setattr_shell_option("output.batch-timeout", 0.05)
            self.setattr_shell_option("input.batch-timeout", 0)

    # Resources.

    def resource_walk(self) -> Iterator[tuple[Optional[dict[str, Any]], dict[str, Any], int]]:
        """(parent, vertex, how many there are in all), each before what is in it."""
        stack: list[tuple[Any, Any, int]] = [(None, r, 1) for r in reversed(self.resources)]
        while stack:
            parent, vertex, factor = stack.pop()
            if not isinstance(vertex, abc.Mapping):
                raise TypeError("resources: each must be a mapping")
            count = factor * _least(vertex.get("count", 1))
            yield parent, dict(vertex) if not isinstance(vertex, dict) else vertex, count
            stack += [(vertex, r, count) for r in reversed(vertex.get("with") or [])]

    def resource_counts(self) -> dict[str, int]:
        """How many of each type: {"slot": 2, "core": 8}. Units are not looked at."""
        counts: dict[str, int] = {}
        for _parent, vertex, count in self.resource_walk():
            counts[vertex["type"]] = counts.get(vertex["type"], 0) + count
        return counts


def _read_file(name: str) -> tuple[str, str, int]:
    """(contents, encoding, permissions) of a file."""
    with open(name, "rb") as stream:
        data = stream.read()
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    try:
        return data.decode("utf-8"), "utf-8", mode
    except UnicodeDecodeError:
        import base64

        return base64.b64encode(data).decode(), "base64", mode


def _checked_list(name: str, value: Any) -> Any:
    if isinstance(value, (str, bytes)) or not isinstance(value, abc.Sequence):
        raise TypeError(f"{name}: must be a list")
    return value


def _least(count: Any) -> int:
    """The least that a count allows: a number, a range, or text such as 2-8."""
    if isinstance(count, abc.Mapping):
        count = count.get("min")
    if isinstance(count, str):
        digits = count.strip("[]").replace("+", "-").replace(",", "-").split("-")[0].split(":")[0]
        if not digits.isdigit():
            raise ValueError(f"count: {count!r} is not understood")
        return int(digits)
    return _count("count", count)


def _check_vertex(vertex: Mapping[str, Any]) -> None:
    kind = vertex.get("type")
    if not isinstance(kind, str):
        raise TypeError("resources: type must be text")
    if kind == "slot" and not isinstance(vertex.get("label"), str):
        raise ValueError("resources: a slot needs a label")
    if "with" in vertex:
        _checked_list("with", vertex["with"])
    if "id" in vertex and not isinstance(vertex["id"], str):
        raise TypeError("resources: id must be text")
    if "exclusive" in vertex and not isinstance(vertex["exclusive"], bool):
        raise TypeError("resources: exclusive must be true or false")


def _check_task(task: Any) -> None:
    if not isinstance(task, abc.Mapping):
        raise TypeError("tasks: each must be a mapping")
    if "command" not in task or "slot" not in task:
        raise ValueError("tasks: each needs command and slot")
    _command(task["command"])
    if not isinstance(task["slot"], str):
        raise TypeError("tasks: slot must be text")
    count = task.get("count", {"per_slot": 1})
    if not isinstance(count, abc.Mapping) or len(count) != 1:
        raise ValueError("tasks: count must have one of per_slot, total, per_resource")


class JobspecV1(Jobspec):
    """A jobspec of version 1, and its constructors."""

    def __init__(
        self,
        resources: Sequence[Mapping[str, Any]],
        tasks: Sequence[Mapping[str, Any]],
        attributes: Optional[Mapping[str, Any]] = None,
        version: int = 1,
    ) -> None:
        if version != 1:
            raise ValueError(f"jobspec: version {version}: must be 1")
        super().__init__(resources, tasks, attributes, version)
        self.jobspec["attributes"].setdefault("system", {}).setdefault("duration", 0)

    @classmethod
    def _make(
        cls,
        command: list[str],
        resources: list[dict[str, Any]],
        options: dict[str, Any],
        total: Optional[int] = None,
    ) -> "JobspecV1":
        count = {"per_slot": 1} if total is None else {"total": total}
        task = {"command": command, "slot": "task", "count": count}
        spec = cls(resources, [task], attributes={"system": {}})
        spec._apply(**options)
        return spec

    def _apply(
        self,
        duration: Optional[Duration] = None,
        environment: Optional[Mapping[str, str]] = None,
        env_expand: Optional[Mapping[str, str]] = None,
        cwd: Union[None, str, "os.PathLike[str]"] = None,
        rlimits: Optional[Mapping[str, int]] = None,
        name: Optional[str] = None,
        input: Union[None, str, "os.PathLike[str]"] = None,  # pylint: disable=redefined-builtin
        output: Union[None, str, "os.PathLike[str]"] = None,
        error: Union[None, str, "os.PathLike[str]"] = None,
        label_io: bool = False,
        unbuffered: bool = False,
        queue: Optional[str] = None,
        bank: Optional[str] = None,
    ) -> None:
        self.environment = dict(os.environ if environment is None else environment)
        self.cwd = os.getcwd() if cwd is None else os.fspath(cwd)
        given = {"duration": duration, "queue": queue, "stdin": input}
        given.update({"stdout": output, "stderr": error})
        for key, value in given.items():
            if value is not None:
                setattr(self, key, value)
        if label_io:
            self.label_io = True
        if unbuffered:
            self.unbuffered = True
        if bank is not None:
            self._set_text("bank", bank)
        if name is not None:
            self._set_text("job.name", name)
        if env_expand:
            self.setattr_shell_option("env-expand", dict(env_expand))
        self.setattr_shell_option("rlimit", _rlimits() if rlimits is None else dict(rlimits))

    @classmethod
    def from_command(
        cls,
        command: Command,
        num_tasks: int = 1,
        cores_per_task: int = 1,
        gpus_per_task: Optional[int] = None,
        num_nodes: Optional[int] = None,
        exclusive: bool = False,
        **kwargs: Any,
    ) -> "JobspecV1":
        """A job that runs a command num_tasks times.

        command: a list of words. cores_per_task, gpus_per_task: what each task gets.
        num_nodes: spread the tasks over so many nodes, at most num_tasks.
        exclusive: take whole nodes; needs num_nodes.
        Others, all by name: duration (s, text or timedelta), environment and cwd (those
        of this process), env_expand (templates), rlimits, name, input, output, error
        (files), label_io, unbuffered, queue, bank.
        TypeError, ValueError: something is of the wrong kind, or out of range.
        """
        words = _command(command)
        resources = cls._slots(num_tasks, cores_per_task, gpus_per_task, num_nodes, exclusive)
        uneven = num_nodes is not None and num_tasks % num_nodes != 0
        return cls._make(words, resources, kwargs, num_tasks if uneven else None)

    @staticmethod
    def _slots(
        slots: int,
        cores: int,
        gpus: Optional[int],
        nodes: Optional[int],
        exclusive: bool,
    ) -> list[dict[str, Any]]:
        _count("number of tasks or slots", slots)
        _count("number of cores", cores)
        ngpus = 0 if gpus is None else _count("number of gpus", gpus, 0)
        if nodes is None:
            if exclusive:
                raise ValueError("exclusive: needs a number of nodes")
            return [_slot(slots, cores, ngpus)]
        _count("number of nodes", nodes)
        if nodes > slots:
            raise ValueError(f"{slots} tasks or slots cannot be spread over {nodes} nodes")
        node = {"type": "node", "count": nodes}
        if exclusive:
            node["exclusive"] = True
        node["with"] = [_slot(math.ceil(slots / nodes), cores, ngpus)]
        return [node]

    def _per_resource(self, kind: str, count: Optional[int] = None) -> None:
        option: dict[str, Any] = {"type": kind}
        if count is not None:
            option["count"] = count
        self.setattr_shell_option("per-resource", option)

    @classmethod
    def per_resource(
        cls,
        command: Command,
        ncores: Optional[int] = None,
        nnodes: Optional[int] = None,
        per_resource_type: Optional[str] = None,
        per_resource_count: Optional[int] = None,
        gpus_per_node: Optional[int] = None,
        exclusive: bool = False,
        **kwargs: Any,
    ) -> "JobspecV1":
        """A job that is described by its resources, with tasks for each of them.

        ncores: cores in all; nnodes: nodes; at least one of both. Nodes without a number
        of cores are taken whole. per_resource_type, per_resource_count: so many tasks for
        each "node" or "core"; without, one for each node (core, if there are no nodes).
        gpus_per_node: needs nnodes. Others as for from_command().
        """
        words = _command(command)
        if ncores is None and nnodes is None:
            raise ValueError("per_resource: ncores or nnodes is needed")
        if gpus_per_node is not None and nnodes is None:
            raise ValueError("per_resource: gpus_per_node needs nnodes")
        if per_resource_type not in (None, "node", "core"):
            raise ValueError(f"per_resource_type: {per_resource_type}: must be node or core")
        if per_resource_count is not None:
            _count("per_resource_count", per_resource_count)
            if per_resource_type is None:
                raise ValueError("per_resource_count: needs per_resource_type")
        resources = _by_resource(ncores, nnodes, gpus_per_node or 0, exclusive)
        spec = cls._make(words, resources, kwargs)
        if per_resource_type is not None:
            spec._per_resource(per_resource_type, per_resource_count or 1)
        return spec

    @classmethod
    def from_nest_command(
        cls,
        command: Command,
        num_slots: int = 1,
        cores_per_slot: int = 1,
        gpus_per_slot: Optional[int] = None,
        num_nodes: Optional[int] = None,
        broker_opts: Optional[Sequence[str]] = None,
        exclusive: bool = False,
        conf: Union[None, str, Mapping[str, Any]] = None,
        **kwargs: Any,
    ) -> "JobspecV1":
        """An instance of its own that runs a command, which may be empty.

        broker_opts: options of its brokers. conf: its configuration, a mapping or JSON.
        exclusive: take whole nodes. Others as for from_command().
        """
        words = _command(command, empty=True)
        broker = ["flux", "broker"]
        if conf is not None:
            broker.append("-c{{tmpdir}}/conf.json")
        broker += [] if broker_opts is None else list(broker_opts)
        resources = cls._slots(num_slots, cores_per_slot, gpus_per_slot, num_nodes, exclusive)
        spec = cls._make(broker + words, resources, kwargs)
        spec._per_resource("node")
        spec.setattr_shell_option("mpi", "none")
        spec.setattr_shell_option("exit-timeout", "none")
        if conf is not None:
            spec.add_file("conf.json", _conf_text(conf), perms=0o600, encoding="utf-8")
        return spec

    @classmethod
    def from_batch_command(
        cls,
        script: str,
        jobname: str,
        args: Optional[Sequence[str]] = None,
        num_slots: int = 1,
        cores_per_slot: int = 1,
        gpus_per_slot: Optional[int] = None,
        num_nodes: Optional[int] = None,
        broker_opts: Optional[Sequence[str]] = None,
        exclusive: bool = False,
        conf: Union[None, str, Mapping[str, Any]] = None,
        **kwargs: Any,
    ) -> "JobspecV1":
        """An instance of its own that runs a script.

        script: its text, which begins with #!; jobname: the name of the job; args: the
        arguments of the script. Others as for from_nest_command(). The output goes to
        flux-{{id}}.out, if it is not said otherwise.
        """
        if not isinstance(script, str):
            raise TypeError("script: must be text")
        if not script.startswith("#!"):
            raise ValueError(f"{jobname} does not appear to be a script: it must begin with #!")
        kwargs.setdefault("output", "flux-{{id}}.out")
        kwargs.setdefault("name", jobname)
        words = ["{{tmpdir}}/script", *_command(args or [], empty=True)]
        spec = cls.from_nest_command(
            words,
            num_slots,
            cores_per_slot,
            gpus_per_slot,
            num_nodes,
            broker_opts,
            exclusive,
            conf,
            **kwargs,
        )
        spec.add_file("script", script, perms=0o700, encoding="utf-8")
        return spec


    # As the commands make them.

    @classmethod
    def from_submit(cls, command: Command, **options: Any) -> "JobspecV1":
        """The jobspec that flux-submit(1) would make of a command.

        options: those of the command without the dashes in front, and with _ for - :
        ntasks=2, time_limit="5m", queue="debug"; True for one without an argument, a list
        for one that is given many times, a dict for KEY=VALUE. What is None or False is
        left out. shell_options and attributes are dicts of any values. The options of
        plugins (flux.cli.plugin) are among them. ValueError, with the text of the command,
        if it refuses.
        """
        return cls._of_command("submit", options, _command(command))

    @classmethod
    def from_alloc(cls, command: Optional[Command] = None, **options: Any) -> "JobspecV1":
        """The jobspec that flux-alloc(1) would make; see from_submit()."""
        return cls._of_command("alloc", options, _command(command or [], empty=True))

    @classmethod
    def from_batch(
        cls,
        script: Union[None, str, "os.PathLike[str]"] = None,
        args: Optional[Sequence[str]] = None,
        content: Optional[str] = None,
        **options: Any,
    ) -> "JobspecV1":
        """The jobspec that flux-batch(1) would make; see from_submit().

        script: its path, or content: its text, which begins with #!. What it says itself
        (#flux:) holds, too.
        """
        words = _command(args or [], empty=True)
        if (script is None) == (content is None):
            raise ValueError("from_batch: script or content is needed, and one of them only")
        if isinstance(script, str) and script.startswith("#!"):
            script, content = None, script
        if script is None:
            if words:
                raise ValueError("from_batch: args need a script that is a file")
            return cls._of_command("batch", options, [], content)
        return cls._of_command("batch", options, [os.fspath(script), *words])

    @classmethod
    def _of_command(
        cls,
        name: str,
        options: Mapping[str, Any],
        words: list[str],
        stdin: Optional[str] = None,
    ) -> "JobspecV1":
        return cls(**_dry_run(name, options, words, stdin))

    def apply_options(
        self, args: Any = None, *, prog: Optional[str] = None, **options: Any
    ) -> "JobspecV1":
        """Change the jobspec as options of a command would have it; returns self.

        options: as for from_submit(), without those of resources, of which the jobspec is
        made already. args: a namespace of argparse with such, for those that are not given.
        The environment and the limits stay as they are if there is no option for them.
        prog: the command whose plugins (flux.cli.plugin) have a word in it; their options
        are taken, then. ValueError, with the text of the command or the plugin.
        """
        given = {**(vars(args) if args is not None else {}), **options}
        given = {k: v for k, v in given.items() if v is not None and v is not False}
        registry = None
        if prog is not None:
            from flux.cli.plugin import CLIPluginRegistry, GivenOptions

            registry = CLIPluginRegistry(prog)
            all_args = GivenOptions(**given)
            registry.defaults(all_args)
            all_args.command = list(self.tasks[0]["command"])
            registry.preinit(all_args)
            given = {k: v for k, v in vars(all_args).items() if v is not None and v is not False}
            for name in ["command", *(option.dest for option in registry.options)]:
                given.pop(name, None)
        name = "alloc" if prog in ("alloc", "batch") else "submit"
        for key in given:
            if key.replace("_", "-") in _OF_CONSTRUCTORS:
                raise ValueError(f"{key}: belongs to the constructor of the jobspec")
        if given:
            self._merge(name, given)
        if registry is not None:
            registry.modify_jobspec(all_args, self)
            registry.validate(self)
        return self

    def _merge(self, name: str, options: Mapping[str, Any]) -> None:
        """What the options change in a jobspec of the command, they change here."""
        words = {"nslots": 1} if name == "alloc" else {}
        without = _dry_run(name, words, ["true"], plain=True)["attributes"]
        found = _dry_run(name, {**words, **options}, ["true"], plain=True)["attributes"]
        _merge_changes(self.jobspec["attributes"], without, found)
        system = self.jobspec["attributes"]["system"]
        if not {"env", "env_remove", "env_file"}.isdisjoint(options):
            system["environment"] = found["system"]["environment"]
        if "rlimit" in options:
            limits = found["system"]["shell"]["options"].get("rlimit", {})
            self.setattr_shell_option("rlimit", limits)
        if "time_limit" in options:
            system["duration"] = found["system"]["duration"]


# Options that a jobspec is made with; later they would mean nothing.
_OF_CONSTRUCTORS = frozenset(
    "nodes exclusive resources-shape resources-json ntasks cores-per-task gpus-per-task "
    "cores tasks-per-node tasks-per-core gpus-per-node nslots cores-per-slot gpus-per-slot "
    "conf broker-opts dump cc bcc".split()
)
# Names of options that others are better known by.
_SYNONYMS = {"shell-options": "setopt", "attributes": "setattr"}


def _dry_run(
    name: str,
    options: Mapping[str, Any],
    words: list[str],
    stdin: Optional[str] = None,
    plain: bool = False,
) -> dict[str, Any]:
    """The jobspec that a command prints. plain: its plugins are not asked. ValueError."""
    import subprocess

    argv = ["flux", name, "--dry-run", *_flags(options), *(["--"] if words else []), *words]
    done = subprocess.run(
        argv,
        input=stdin or "",
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
        env={**os.environ, "FLUX_CLI_PLUGINPATH_OVERRIDE": ""} if plain else None,
    )
    if done.returncode != 0:
        why = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise ValueError(why[-1])
    # What plugins have printed stands before it.
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _merge_changes(into: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Bring what is different in after into a mapping; lists grow."""
    for key, value in after.items():
        old = before.get(key)
        if value == old:
            continue
        if isinstance(value, dict):
            _merge_changes(into.setdefault(key, {}), old or {}, value)
        elif isinstance(value, list) and isinstance(into.get(key), list):
            into[key] = into[key] + value
        else:
            into[key] = value


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Options of a command from keywords."""
    flags = []
    for key, value in options.items():
        flag = key.rstrip("_").replace("_", "-")
        flag = "--" + _SYNONYMS.get(flag, flag)
        if value is None or value is False:
            continue
        if value is True:
            flags.append(flag)
            continue
        if hasattr(value, "total_seconds"):
            value = f"{value.total_seconds()}s"
        if isinstance(value, abc.Mapping):
            if flag == "--conf":
                value = json.dumps(value)
            elif flag in ("--setopt", "--setattr"):
                value = [f"{k}={json.dumps(v)}" for k, v in value.items()]
            else:
                value = [f"{k}={v}" for k, v in value.items()]
        values = value if isinstance(value, (list, tuple)) else [value]
        flags += [f"{flag}={each}" for each in values]
    return flags


def _by_resource(
    ncores: Optional[int], nnodes: Optional[int], gpus: int, exclusive: bool
) -> list[dict[str, Any]]:
    if ncores is not None:
        _count("ncores", ncores)
    if nnodes is None:
        if exclusive:
            raise ValueError("exclusive: needs a number of nodes")
        return [_slot(ncores or 1, 1, 0)]
    _count("nnodes", nnodes)
    cores = 1
    if ncores is None:
        exclusive = True
    elif ncores % nnodes:
        raise ValueError(f"{ncores} cores cannot be spread evenly over {nnodes} nodes")
    else:
        cores = ncores // nnodes
    node: dict[str, Any] = {"type": "node", "count": nnodes}
    if exclusive:
        node["exclusive"] = True
    node["with"] = [_slot(1, cores, gpus)]
    return [node]


def _rlimits() -> dict[str, int]:
    """This process's limits; -1 is none."""
    import resource

    limits = {}
    for name in _RLIMITS:
        limits[name] = resource.getrlimit(getattr(resource, "RLIMIT_" + name.upper()))[0]
    return limits


def validate_jobspec(jobspec: Union[str, bytes], require_version: Optional[int] = None) -> Any:
    """Is a text a valid jobspec? (True, None), or (False, what is wrong with it).

    With require_version also: of this version.
    """
    try:
        spec: Jobspec = Jobspec.from_yaml_stream(jobspec)
        if require_version is not None and spec.version != require_version:
            raise ValueError(f"jobspec: version {spec.version}: must be {require_version}")
        if spec.version == 1:
            _check_v1(spec)
    except (TypeError, ValueError, AttributeError) as exc:
        return False, str(exc)
    return True, None


def _check_v1(spec: Jobspec) -> None:
    """What only the library knows of jobspecs of version 1."""
    err = ffi.new("flux_error_t *")
    decoded = lib.flux_jobspec1_decode(encode(spec.dumps()), err)
    try:
        if decoded == NULL or lib.flux_jobspec1_check(decoded, err) < 0:
            raise ValueError(decode(err.text))
    finally:
        lib.flux_jobspec1_destroy(decoded)
