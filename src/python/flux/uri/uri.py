"""URIs of instances, and who finds them."""
from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import subprocess
import sys
from abc import ABC, abstractmethod
from typing import Any, Optional, Sequence, Union
from urllib.parse import parse_qs, urlparse, urlunparse

#: what flux-uri(1) finds by itself
_BUILTIN = {
    "jobid": "a job of this instance, or a job in it: jobid:ID[/ID...]",
    "pid": "the instance that a process belongs to: pid:PID",
    "slurm": "an instance that is a job of Slurm: slurm:JOBID",
    "lsf": "an instance that is a job of LSF: lsf:JOBID",
}


class URI:
    """A URI in its parts: scheme, netloc, path, params, query, fragment, query_dict.

    The parts can be set; str() puts them together.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        parts = urlparse(uri)
        self.scheme = parts.scheme
        self.netloc = parts.netloc
        self.path = parts.path
        self.params = parts.params
        self.query = parts.query
        self.fragment = parts.fragment

    @property
    def query_dict(self) -> dict[str, list[str]]:
        """The query, as dict of lists."""
        return parse_qs(self.query, keep_blank_values=True)

    def __str__(self) -> str:
        if not self.netloc and self.scheme and self.path.startswith("/"):
            tail = urlunparse(("", "", self.path, self.params, self.query, self.fragment))
            return f"{self.scheme}://{tail}"
        return urlunparse(
            (self.scheme, self.netloc, self.path, self.params, self.query, self.fragment)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, URI):
            return NotImplemented
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class JobURI(URI):
    """The URI of an instance: local://PATH or ssh://HOST/PATH.

    remote_hostname: the host of remote, if the URI is a local one; this host if None.
    With force_local, str() of a remote one is local.
    """

    force_local = "FLUX_URI_RESOLVE_LOCAL" in os.environ

    def __init__(self, uri: str, remote_hostname: Optional[str] = None) -> None:
        super().__init__(uri)
        self.remote_hostname = remote_hostname
        if not self.scheme:
            raise ValueError(f"JobURI {uri!r} does not have a valid scheme")

    @property
    def local(self) -> str:
        """local://PATH"""
        if self.scheme == "local":
            return URI.__str__(self)
        if self.scheme != "ssh":
            raise ValueError(f"{self.uri}: neither local nor ssh")
        return f"local://{self.path}"

    @property
    def remote(self) -> str:
        """ssh://HOST/PATH"""
        if self.scheme == "ssh":
            return URI.__str__(self)
        if self.scheme != "local":
            raise ValueError(f"{self.uri}: neither local nor ssh")
        return f"ssh://{self.remote_hostname or platform.uname().node}{self.path}"

    def __str__(self) -> str:
        return self.local if self.force_local else super().__str__()


class URIResolverURI(URI):
    """What is to be resolved: SCHEME:TEXT, jobid: if there is no scheme."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        if not self.scheme:
            super().__init__(f"jobid:{uri}")
        #: what the caller wrote
        self.uri = uri


class URIResolverPlugin(ABC):
    """Resolves one scheme; args are those of the program."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    @abstractmethod
    def describe(self) -> str:
        """A line on what it resolves."""

    @abstractmethod
    def resolve(self, uri: URIResolverURI) -> Union[str, JobURI]:
        """The URI of the instance. ValueError, with a reason, if it is not found."""


class FluxURIResolver:
    """Finds instances.

    A scheme is resolved by the class URIResolver of the module flux.uri.resolvers.SCHEME,
    if there is one; else as flux-uri(1) does. pluginpath: more folders of such modules.
    """

    def __init__(self, pluginpath: Optional[Sequence[str]] = None) -> None:
        self.resolvers: dict[str, URIResolverPlugin] = {}
        package = importlib.import_module("flux.uri.resolvers")
        path = list(pluginpath or []) + list(package.__path__)
        for info in pkgutil.iter_modules(path):
            found = _load(info)
            if found is not None:
                self.resolvers.setdefault(info.name, found())

    def plugins(self) -> dict[str, str]:
        """{scheme: what it resolves}"""
        found = dict(_BUILTIN)
        found.update({name: plugin.describe() for name, plugin in self.resolvers.items()})
        return found

    def resolve(self, uri: str) -> JobURI:
        """The URI of an instance.

        At the end of uri, ?local and ?remote ask for that form, ?wait for waiting until a
        job has a URI. NotImplementedError if nobody resolves its scheme; ValueError if it
        is not found.
        """
        target = URIResolverURI(uri)
        if target.scheme in ("local", "ssh"):
            return self._form(JobURI(uri.partition("?")[0]), target)
        plugin = self.resolvers.get(target.scheme)
        if plugin is None:
            return JobURI(_flux_uri(uri, target.scheme))
        found = plugin.resolve(target)
        return self._form(found if isinstance(found, JobURI) else JobURI(found), target)

    @staticmethod
    def _form(found: JobURI, target: URI) -> JobURI:
        if "local" in target.query_dict:
            return JobURI(found.local)
        if "remote" in target.query_dict:
            return JobURI(found.remote)
        return found


def _load(info: pkgutil.ModuleInfo) -> Any:
    name = f"flux.uri.resolvers.{info.name}"
    spec = info.module_finder.find_spec(info.name, None)
    if spec is None or spec.loader is None:
        return None
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) != spec.origin:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return getattr(module, "URIResolver", None)


def _flux_uri(uri: str, scheme: str) -> str:
    """As the command does."""
    done = subprocess.run(["flux", "uri", "--", uri], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip()
    why = done.stderr.strip().rpartition("ERROR: ")[2] or f"flux uri: status {done.returncode}"
    if scheme not in _BUILTIN and "scheme" in why:
        raise NotImplementedError(why)
    raise ValueError(why)
