"""Finding and loading the plugins that look at jobs: modules of a package and of folders,
each with one class of a known name."""
from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import os
import pkgutil
from typing import Any, Mapping, Optional, Sequence


class PluginSet:
    """The plugins of a kind: package is where they lie, class_name what each has, kind
    what messages call them."""

    def __init__(
        self, package: str, class_name: str, kind: str, path: Optional[Sequence[str]] = None
    ) -> None:
        self.class_name = class_name
        self.kind = kind
        dirs = list(path or []) + list(importlib.import_module(package).__path__)
        found = reversed(list(pkgutil.iter_modules(dirs)))
        self.available = {info.name: info for info in found}

    def load(self, name: str, parser: argparse.ArgumentParser) -> Any:
        """An object of the plugin's class. name: or the path of a file. ValueError."""
        if name.endswith(".py"):
            stem = os.path.splitext(os.path.basename(name))[0].replace("-", "_")
            spec = importlib.util.spec_from_file_location(f"flux_plugin_{stem}", name)
            if not os.path.exists(name):
                spec = None
        else:
            info = self.available.get(name)
            spec = info.module_finder.find_spec(name, None) if info else None
        if spec is None or spec.loader is None:
            raise ValueError(f"no such {self.kind}: {name}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, self.class_name):
            raise ValueError(f"{self.kind} {name}: there is no class {self.class_name} in it")
        return getattr(module, self.class_name)(parser=parser)

    def start(
        self,
        wanted: Sequence[str],
        parser: argparse.ArgumentParser,
        argv: Sequence[str],
        config: Optional[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """The plugins by name, loaded and then configured, since each may add options.
        ValueError."""
        plugins = {name: self.load(name, parser) for name in wanted}
        args = parser.parse_args(argv)
        for name, plugin in plugins.items():
            _configure(plugin, args, _table(config, name))
        return plugins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of all programs that have plugins."""
    group = parser.add_argument_group("options")
    group.add_argument("--plugins", metavar="LIST", default=None, help="names, with commas")
    group.add_argument("--list-plugins", action="store_true", help="show the names there are")


def names(
    parser: argparse.ArgumentParser, argv: Sequence[str], default: Sequence[str]
) -> list[str]:
    """What --plugins says, or default."""
    given = [arg for arg in argv if arg not in ("-h", "--help")]
    known, _rest = parser.parse_known_args(given)
    if known.plugins is None:
        return list(default)
    return [name for name in known.plugins.split(",") if name]


def _configure(plugin: Any, args: argparse.Namespace, config: Mapping[str, Any]) -> None:
    """Hand over the options, and the plugin's table of the configuration if it wants it."""
    if len(inspect.signature(plugin.configure).parameters) > 1:
        plugin.configure(args, config)
    else:
        plugin.configure(args)


def _table(config: Optional[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The table of a plugin; empty if there is none."""
    stem = os.path.splitext(os.path.basename(name))[0] if name.endswith(".py") else name
    found = (config or {}).get(stem)
    return found if isinstance(found, Mapping) else {}
