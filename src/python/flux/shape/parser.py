"""Parser of shapes (RFC 46), whose counts may be ranges (RFC 45)."""
from __future__ import annotations

import json
import re
from typing import Any, Union

from flux.idset import IDset

_RANGE = re.compile(
    r"(?P<min>0|[1-9]\d*)(?:\+|-(?P<max>0|[1-9]\d*))"
    r"(?::(?P<operand>0|[1-9]\d*)(?::(?P<operator>[+*^]))?)?"
)
# What a word ends at, unless it is quoted.
_WORD = re.compile(r'[^\s\[\]{};,:=/"+-][^\s\[\]{};,:=/"]*')
_COUNT = re.compile(r"\[[^\]]*\]|[0-9][0-9,+*^:-]*")
_BARE = re.compile(r"[^,{}\[\];]+")
#: nobody means a shape that is deeper
MAX_DEPTH = 64


class ShapeSyntaxError(ValueError):
    """A text that is no shape; says where."""


class ShapeParser:
    """Turns shapes into lists of resources (RFC 14)."""

    def __init__(self) -> None:
        self._text = ""
        self._pos = 0
        self._slots: list[dict[str, Any]] = []
        self._nameless = 0

    def parse(self, shape: str) -> list[dict[str, Any]]:
        """The list for "resources" of a jobspec. ShapeSyntaxError."""
        self._text, self._pos = shape, 0
        self._slots, self._nameless = [], 0
        resources = self._list(0)
        self._space()
        if self._pos < len(shape):
            raise self._error("unexpected text")
        if self._nameless and len(self._slots) > 1:
            raise ShapeSyntaxError(f"shape {shape!r}: with several slots, each needs a label")
        return resources

    def _error(self, why: str) -> ShapeSyntaxError:
        return ShapeSyntaxError(f"shape {self._text!r}: column {self._pos + 1}: {why}")

    def _space(self) -> None:
        while self._text[self._pos : self._pos + 1].isspace():
            self._pos += 1

    def _next(self, token: str) -> bool:
        """Is it the next one? Then it is taken."""
        self._space()
        if self._text.startswith(token, self._pos):
            self._pos += len(token)
            return True
        return False

    def _need(self, token: str) -> None:
        if not self._next(token):
            raise self._error(f"{token!r} is missing")

    def _string(self, what: str) -> str:
        self._space()
        if self._text.startswith('"', self._pos):
            found = self._json()
            if not isinstance(found, str) or not found:
                raise self._error(f"{what} is missing")
            return found
        match = _WORD.match(self._text, self._pos)
        if not match:
            raise self._error(f"{what} is missing")
        self._pos = match.end()
        return match.group()

    def _json(self) -> Any:
        try:
            found, self._pos = json.JSONDecoder().raw_decode(self._text, self._pos)
        except ValueError as exc:
            raise self._error(str(exc)) from None
        return found

    def _list(self, depth: int) -> list[dict[str, Any]]:
        if depth > MAX_DEPTH:
            raise self._error("too deep")
        if not self._next("["):
            return [self._vertex(depth)]
        found = [self._vertex(depth)]
        while self._next(";"):
            found.append(self._vertex(depth))
        self._need("]")
        return found

    def _vertex(self, depth: int) -> dict[str, Any]:
        vertex: dict[str, Any] = {"type": self._string("a type"), "count": 1}
        if self._next("="):
            vertex["count"] = self._count()
        if vertex["type"] == "slot":
            self._slots.append(vertex)
            vertex["label"] = "default"
            if self._next("{"):
                vertex["label"] = self._string("the label")
                if self._next(","):
                    vertex.update(self._items(depth))
                else:
                    self._need("}")
            else:
                self._nameless += 1
            self._need("/")
            vertex["with"] = self._list(depth + 1)
            return vertex
        if self._next("{"):
            vertex.update(self._items(depth))
        if self._next("/"):
            vertex["with"] = self._list(depth + 1)
        return vertex

    def _count(self) -> Union[int, str, dict[str, Any]]:
        self._space()
        match = _COUNT.match(self._text, self._pos)
        if not match:
            raise self._error("a count is missing")
        text = match.group()
        if text.startswith("["):
            text = text[1:-1]
        if text.isdecimal():
            if int(text) < 1:
                raise self._error("a count must be positive")
            self._pos = match.end()
            return int(text)
        found = self._range(text)
        self._pos = match.end()
        return found

    def _range(self, text: str) -> Union[str, dict[str, Any]]:
        match = _RANGE.fullmatch(text)
        if not match:
            try:
                if len(IDset(text)) > 0 and "+" not in text:
                    return text
            except (ValueError, OSError):
                pass
            raise self._error(f"{text!r} is neither a number, nor a range, nor an idset")
        found: dict[str, Any] = {"min": int(match["min"])}
        if match["max"] is not None:
            found["max"] = int(match["max"])
            if found["max"] < found["min"]:
                raise self._error(f"{text!r}: its end comes before its begin")
        if match["max"] is not None or match["operand"] is not None:
            found["operator"] = match["operator"] or "+"
            found["operand"] = int(match["operand"] or 1)
        return found

    def _items(self, depth: int) -> dict[str, Any]:
        """What stands in braces, after the first one."""
        if depth > MAX_DEPTH:
            raise self._error("too deep")
        found: dict[str, Any] = {}
        if self._next("}"):
            return found
        while True:
            sign = True if self._next("+") else False if self._next("-") else None
            key = self._string("a key")
            key = "exclusive" if key == "x" else key
            if key in ("type", "count", "with"):
                raise self._error(f"{key}: cannot be given here")
            if sign is None and self._next(":"):
                found[key] = self._value(depth)
            else:
                found[key] = sign is not False
            if self._next("}"):
                return found
            self._need(",")

    def _value(self, depth: int) -> Any:
        self._space()
        if self._next("{"):
            return self._items(depth + 1)
        if self._text[self._pos : self._pos + 1] in ('"', "["):
            return self._json()
        match = _BARE.match(self._text, self._pos)
        if not match:
            raise self._error("a value is missing")
        self._pos = match.end()
        text = match.group().strip()
        try:
            return json.loads(text)
        except ValueError:
            return text


def parse_shape(shape: str) -> list[dict[str, Any]]:
    """The list for "resources" of a jobspec. ShapeSyntaxError."""
    return ShapeParser().parse(shape)
