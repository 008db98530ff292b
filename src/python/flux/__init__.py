"""Flux from Python.

    import flux
    handle = flux.Flux()
    print(handle.attr_get("rank"))

Submodules are loaded when they are first used: `import flux` costs little.
"""
# typing and importlib take longer to load than all else that this needs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flux.core.handle import Flux as Flux

_SUBMODULES = frozenset(
    "abc asyncio brokermod cli constants constraint core dependency eventlog future "
    "hostlist idset job kvs message modprobe progress queue resource rpc scheduler security "
    "shape slurm subprocess uri util".split()
)

__all__ = ["Flux"]


def __getattr__(name: str) -> "Any":
    if name == "Flux":
        from flux.core.handle import Flux as found

        globals()["Flux"] = found
        return found
    if name in _SUBMODULES:
        import sys

        try:
            __import__("flux." + name)
            return sys.modules["flux." + name]
        except ModuleNotFoundError:
            pass
    raise AttributeError(f"module 'flux' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | _SUBMODULES | {"Flux"})
