"""What commands in Python have in common: how they end, and where their settings lie."""
from __future__ import annotations

import copy
import functools
import json
import logging
import os
import sys
import tomllib
from pathlib import Path
from typing import Any, Callable, Mapping, Optional


class CLIMain:
    """Makes of a function the main program of a command.

        @flux.util.CLIMain(logging.getLogger("flux-hello"))
        def main():
            ...

    What it raises becomes one line on stderr, and status 1; its traceback is shown only
    if the logger is at level DEBUG. SystemExit and KeyboardInterrupt stay what they are.
    """

    def __init__(self, logger: Optional[logging.Logger] = None) -> None:
        self.logger = logger or logging.getLogger(Path(sys.argv[0]).name)

    def __call__(self, main_func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(main_func)
        def run(*args: Any, **kwargs: Any) -> Any:
            logging.basicConfig(format=f"{self.logger.name}: %(levelname)s: %(message)s")
            try:
                return main_func(*args, **kwargs)
            except BrokenPipeError:
                # Whoever read it has seen enough; what is buffered goes nowhere.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except Exception as exc:  # pylint: disable=broad-except
                if self.logger.isEnabledFor(logging.DEBUG):
                    self.logger.exception("%s", exc)
                else:
                    text = str(exc) or type(exc).__name__
                    self.logger.error("%s", " ".join(text.split("\n")))
            sys.exit(1)

        return run


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _read(path: Path) -> Any:
    text = path.read_text("utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    import yaml

    return yaml.safe_load(text)


class UtilConfig:
    """Settings of a command, from flux/NAME.toml, .yaml or .json.

    First initial_dict, then those of the folders XDG_CONFIG_DIRS (/etc/xdg), last first,
    then that of XDG_CONFIG_HOME (~/.config); tables are merged, other values replaced.
    subcommand: only what lies under this key counts.
    """

    def __init__(
        self,
        name: str,
        subcommand: Optional[str] = None,
        initial_dict: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.name = name
        self.subcommand = subcommand
        self.dict: dict[str, Any] = copy.deepcopy(dict(initial_dict or {}))
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        dirs = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
        self.searchpath = [Path(d) / "flux" for d in (home, *dirs) if d]

    def load(self) -> "UtilConfig":
        """Read all there are. ValueError, with the file's name, if one is wrong."""
        for folder in reversed(self.searchpath):
            for suffix in (".toml", ".yaml", ".json"):
                path = folder / (self.name + suffix)
                if path.exists():
                    self._add(path)
        return self

    def _add(self, path: Path) -> None:
        try:
            found = _read(path)
        except Exception as exc:
            raise ValueError(f"{path}: {exc}") from exc
        if not isinstance(found, dict):
            raise ValueError(f"{path}: not a table")
        if self.subcommand is not None:
            found = found.get(self.subcommand, {})
            if not isinstance(found, dict):
                raise ValueError(f"{path}: {self.subcommand}: not a table")
        _merge(self.dict, found)

    def get(self, key: str, default: Any = None) -> Any:
        """What lies under a.b.c."""
        found: Any = self.dict
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return default
            found = found[part]
        return found

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["dict"][name]
        except KeyError:
            raise AttributeError(f"{self.name}: there is no setting {name}") from None
