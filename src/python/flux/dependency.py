"""Dependencies of jobs (RFC 26): SCHEME:VALUE[?KEY=VALUE[&KEY=VALUE]].

    jobspec.setattr("dependencies", dependency_array_create(["afterok:f2", "singleton"]))
"""
from __future__ import annotations

from typing import Iterable


def parse_dependency(uri: str) -> dict[str, str]:
    """{"scheme", "value", and what follows}. ValueError."""
    text, _, query = uri.partition("?")
    scheme, _, value = text.partition(":")
    if not scheme or any(c in scheme for c in "?&="):
        raise ValueError(f"dependency {uri}: no scheme")
    found = {"scheme": scheme, "value": value}
    for part in query.split("&") if query else []:
        key, equals, setting = part.partition("=")
        if not key or not equals:
            raise ValueError(f"dependency {uri}: {part!r} is not KEY=VALUE")
        if key in ("scheme", "value"):
            raise ValueError(f"dependency {uri}: {key} is there twice")
        found[key] = setting
    return found


def dependency_array_create(uris: Iterable[str]) -> list[dict[str, str]]:
    """The list for attributes.system.dependencies. ValueError."""
    return [parse_dependency(uri) for uri in uris]
