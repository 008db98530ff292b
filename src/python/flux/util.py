"""Durations, times and tables, as the commands of Flux read and print them."""
from __future__ import annotations

import datetime
import math
import re
import string
import sys
import time
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence, Union

_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FSD = re.compile(r"(\d+\.?\d*|\.\d+)((?:[eE][-+]?\d+)?)(ms|[smhd])?\Z")


# Flux Standard Duration (RFC 23).


def parse_fsd(fsd_string: str) -> float:
    """The seconds of a duration: "1.5h", "10m", "90", "100ms", "infinity".

    ValueError if it is none.
    """
    if isinstance(fsd_string, str):
        text = fsd_string.strip()
        if text.lower() in ("inf", "infinity"):
            return math.inf
        match = _FSD.match(text)
        if match:
            seconds = float(match[1] + match[2]) * _UNITS[match[3] or "s"]
            if math.isfinite(seconds):
                return seconds
    raise ValueError(f"invalid Flux standard duration: {fsd_string!r}")


def fsd(secs: float) -> str:
    """A duration as tables show it: 0.139s, 10.49s, 5.269h; "" if it is negative."""
    if math.isnan(secs) or secs < 0:
        return ""
    if math.isinf(secs):
        return "infinity"
    if secs < 10 and secs != math.floor(secs):
        return f"{secs:.3f}s"
    for unit in ("d", "h", "m"):
        if secs >= _UNITS[unit]:
            return f"{secs / _UNITS[unit]:.4g}{unit}"
    return f"{secs:.4g}s"


# Times as people write them.

_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_WORDS = {
    "s sec secs second seconds": 1,
    "m min mins minute minutes": 60,
    "h hr hrs hour hours": 3600,
    "d day days": 86400,
    "w week weeks": 7 * 86400,
}
_SPANS = {word: secs for words, secs in _WORDS.items() for word in words.split()}
_CLOCK = re.compile(r"(\d\d?)(?::(\d\d)(?::(\d\d))?)? ?(am|pm)?\Z", re.I)


def _span(text: str) -> Optional[float]:
    """Seconds of "2 hours 30 minutes", "an hour", "1.5h"."""
    try:
        return parse_fsd(text.replace(" ", ""))
    except ValueError:
        pass
    words = text.replace(",", " ").replace(" and ", " ").split()
    if not words or len(words) % 2:
        return None
    total = 0.0
    for number, unit in zip(words[::2], words[1::2]):
        if unit.lower() not in _SPANS:
            return None
        try:
            count = 1.0 if number.lower() in ("a", "an") else float(number)
        except ValueError:
            return None
        total += count * _SPANS[unit.lower()]
    return total


def _clock(text: str) -> Optional[datetime.time]:
    names = {"midnight": datetime.time(0), "noon": datetime.time(12)}
    if text.lower() in names:
        return names[text.lower()]
    match = _CLOCK.match(text)
    if not match or not (match[2] or match[4]):
        return None
    hour, minute, second = (int(match[i] or 0) for i in (1, 2, 3))
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[4].lower() == "pm" else 0)
    try:
        return datetime.time(hour, minute, second)
    except ValueError:
        return None


def _day(text: str, now: datetime.datetime) -> Optional[datetime.date]:
    words = text.lower().split()
    today = now.date()
    near = {"yesterday": -1, "today": 0, "tomorrow": 1}
    if len(words) == 1 and words[0] in near:
        return today + datetime.timedelta(days=near[words[0]])
    last = words[:1] == ["last"]
    name = words[-1] if words else ""
    found = [i for i, day in enumerate(_DAYS) if len(name) >= 3 and day.startswith(name)]
    if not found or len(words) > 2 or (len(words) == 2 and words[0] not in ("next", "last")):
        return None
    ahead = (found[0] - today.weekday() - 1) % 7 + 1
    if last:
        ahead = ahead - 7 if ahead != 7 else -7
    return today + datetime.timedelta(days=ahead)


def _iso(text: str) -> Optional[datetime.datetime]:
    zulu = text[-1:] in "zZ"
    try:
        found = datetime.datetime.fromisoformat(text[:-1] + "+00:00" if zulu else text)
    except ValueError:
        return None
    return found if re.match(r"\d{4}-\d\d?-\d\d?", text) else None


def _day_and_time(text: str, now: datetime.datetime) -> Optional[datetime.datetime]:
    clock = _clock(text)
    if clock is not None:
        found = datetime.datetime.combine(now.date(), clock)
        return found if found > now else found + datetime.timedelta(days=1)
    words = text.replace(" at ", " ").split()
    for cut in range(len(words) + 1):
        for day_text, clock_text in (
            (words[:cut], words[cut:]),
            (words[cut:], words[:cut]),
        ):
            day = _day(" ".join(day_text), now)
            clock = _clock(" ".join(clock_text)) if clock_text else datetime.time(0)
            if day is not None and clock is not None:
                return datetime.datetime.combine(day, clock)
    return None


def parse_datetime(
    time_string: str, now: Union[None, float, datetime.datetime] = None
) -> datetime.datetime:
    """A time as people write it, in local time (or the zone that it names).

    now; +FSD, -FSD, in FSD, FSD ago, in 2 hours; YYYY-MM-DD[THH:MM[:SS]][Z]; HH:MM[:SS],
    3pm, noon: the next time that the clock shows it; [today|tomorrow|yesterday|[next|last]
    monday] [TIME]; seconds since 1970, with ten digits or after an @. ValueError if it is
    none of these.
    """
    text = " ".join(str(time_string).split())
    if now is None:
        now = datetime.datetime.now()
    elif not isinstance(now, datetime.datetime):
        now = datetime.datetime.fromtimestamp(now)
    if text.lower() == "now":
        return now
    if re.match(r"(@\d+|\d{10,})(\.\d*)?\Z", text):
        return datetime.datetime.fromtimestamp(float(text.lstrip("@")))
    for pattern, sign in ((r"\+(.+)", 1), (r"-(.+)", -1), (r"in (.+)", 1), (r"(.+) ago", -1)):
        match = re.match(pattern + r"\Z", text, re.I)
        span = _span(match[1]) if match else None
        if span is not None and math.isfinite(span):
            return now + datetime.timedelta(seconds=sign * span)
    found = _iso(text) or _day_and_time(text, now.replace(tzinfo=None))
    if found is None:
        raise ValueError(f"invalid datetime: {time_string!r}")
    return found


class UtilDatetime(datetime.datetime):
    """A time that formats as "" with a width alone if it is that of 1970, 0 s.

    After the format of strftime, ::SPEC is for the text: {:%b%d %R::>12}.
    """

    def __format__(self, fmt: str) -> str:
        if self.timestamp() == 0:
            return ""
        timefmt, _, spec = fmt.partition("::")
        text = self.strftime(timefmt) if timefmt else self.strftime("%FT%T")
        return format(text, spec.rstrip("h")) if spec else text


class EmptyObject:
    """Formats as nothing, whatever is asked of it: for what is not there."""

    def __getattr__(self, attr: str) -> "EmptyObject":
        if attr.startswith("__"):
            raise AttributeError(attr)
        return self

    def __getitem__(self, key: Any) -> "EmptyObject":
        return self

    def __str__(self) -> str:
        return ""

    __repr__ = __str__

    def __bool__(self) -> bool:
        return False

    def __format__(self, spec: str) -> str:
        # A number's format is for a text, here.
        plain = re.sub(r"(\.\d+)?[a-zA-Z%]?\Z", "", spec.lstrip("+ ").replace(",", ""))
        return format("", plain)


def empty_outputs() -> tuple[Any, ...]:
    """The texts that the suffix h turns into a dash."""
    return ("", "0s", "0.0", "0:00:00", "1970-01-01T00:00:00")


class UtilFormatter(string.Formatter):
    """Format strings with more conversions and suffixes.

    !D: a time (seconds since 1970) as date; !d: the same, with a format of strftime;
    !F: seconds as Flux duration; !H: as hours, minutes and seconds; !P: a ratio in
    percent. Suffix h: what says nothing becomes a dash; +: what is cut ends in +.
    """

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """The value that a conversion makes of a value. ValueError: there is no such conversion."""
        if conversion in ("s", "r", "a", None):
            return super().convert_field(value, conversion)
        if conversion not in "DdFHP":
            raise ValueError(f"Unknown conversion specifier {conversion!r}")
        if isinstance(value, EmptyObject) or value == "":
            return ""
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"!{conversion}: {value!r} is no number") from None
        if conversion == "d":
            return UtilDatetime.fromtimestamp(number)
        if conversion == "D":
            when = datetime.datetime.fromtimestamp(number)
            return when.strftime("%FT%T") if number else ""
        if conversion == "F":
            return fsd(number)
        if conversion == "H":
            return str(datetime.timedelta(seconds=round(number)))
        return f"{number * 100:.3g}%" if number >= 0 else ""

    def format_field(self, value: Any, spec: str) -> Any:
        """The text of a value, with the suffixes h and +."""
        dash = spec.endswith("h")
        spec = spec[:-1] if dash else spec
        if dash and isinstance(value, UtilDatetime):
            text = format(value, spec.partition("::")[0])
            return self._text(text if text else "-", spec.partition("::")[2])
        mark = spec.endswith("+")
        spec = spec[:-1] if mark else spec
        if dash and str(value) in empty_outputs():
            return self._text("-", re.sub(r"(\.\d+)?[a-zA-Z%]?\Z", "", spec))
        try:
            text = format(value, spec)
        except ValueError:
            # What should be a number but is text, e.g. of a job that has none yet.
            text = format(str(value), re.sub(r"(\.\d+)?[a-zA-Z%]?\Z", "", spec))
        if mark and len(text) < len(str(value)):
            text = text[:-1] + "+"
        return text

    @staticmethod
    def _text(text: str, spec: str) -> str:
        return format(text, spec.lstrip("=") if spec.startswith("=") else spec)


class _Heading(UtilFormatter):
    """The header line: names of fields for values."""

    def __init__(self, headings: Mapping[str, str]) -> None:
        super().__init__()
        self.headings = headings

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        return self.headings[field_name], field_name


class OutputFormat:
    """A table: one line of text for each object.

    fmt: a format string such as "{id.f58:>12} ?:{queue:<8} +:{name:<10.10+}"; before a
    field, ?: drops its column if nothing is in it, +: widens it to its longest cell, and
    ?+: does both. "sort:key,-key " in front sorts.
    headings: what fields there are, and how the header names them. A class may have its
    own in the attribute `headings`.
    ValueError for a field that there is not, or a format that is none.
    """

    headings: Mapping[str, str] = {}
    formatter: type[UtilFormatter] = UtilFormatter

    def __init__(
        self, fmt: str, headings: Optional[Mapping[str, str]] = None, prepend: str = "0."
    ) -> None:
        if headings is not None:
            self.headings = headings
        self.prepend = prepend
        self.sort_keys: list[str] = []
        match = re.match(r"sort:(\S+) ?", fmt)
        if match:
            fmt = fmt[match.end() :]
        self.fmt_orig = fmt
        try:
            parts = list(string.Formatter().parse(fmt))
        except ValueError as exc:
            raise ValueError(f"invalid format: {exc}") from None
        #: [literal, field, spec, conversion]
        self.format_list: list[tuple[str, Optional[str], str, Optional[str]]] = [
            (text, field, spec or "", conv) for text, field, spec, conv in parts
        ]
        for field in self.fields:
            if not self._known(field):
                raise ValueError(f"Unknown format field: {field}")
        if match:
            self.set_sort_keys(match[1])

    def _known(self, field: str) -> bool:
        return field in self.headings

    def heading(self, field: str) -> str:
        """The heading of a field."""
        return self.headings.get(field, field.upper())

    @property
    def fields(self) -> list[str]:
        """The fields that are used."""
        return [field for _text, field, _spec, _conv in self.format_list if field is not None]

    def get_format(self, items: Optional[Sequence[Any]] = None, orig: bool = False) -> str:
        """The format string; if items are given, with their columns dropped and widened."""
        if orig:
            return self.fmt_orig
        return self._join(self._columns(items))

    def get_format_prepended(self, except_fields: Sequence[str] = (), orig: bool = False) -> str:
        """The format string for str.format(), without some fields."""
        if orig:
            return self.fmt_orig
        return self._join([c for c in self._columns(None) if c[1] not in except_fields])

    def _join(self, columns: Iterable[tuple[str, Optional[str], str, Optional[str]]]) -> str:
        out = []
        for text, field, spec, conv in columns:
            out.append(text.replace("{", "{{").replace("}", "}}"))
            if field is not None:
                name = field if not self.prepend else self.prepend + field
                out.append("{" + name + (f"!{conv}" if conv else ""))
                out.append((f":{spec}" if spec else "") + "}")
        return "".join(out)

    def copy(self, except_fields: Sequence[str] = ()) -> "OutputFormat":
        """The same without some fields."""
        prepend, self.prepend = self.prepend, ""
        try:
            kept = [c for c in self.format_list if c[1] not in except_fields]
            fmt = self._join(kept)
        finally:
            self.prepend = prepend
        new = object.__new__(type(self))
        OutputFormat.__init__(new, fmt, self.headings, self.prepend)
        new.sort_keys = list(self.sort_keys)
        return new

    def _columns(
        self, items: Optional[Sequence[Any]]
    ) -> list[tuple[str, Optional[str], str, Optional[str]]]:
        columns = []
        for text, field, spec, conv in self.format_list:
            mark = re.search(r"(\?\+|\?|\+):\Z", text) if field is not None else None
            if mark is None:
                columns.append((text, field, spec, conv))
                continue
            text = text[: mark.start()]
            if items is not None and not columns:
                text = text.lstrip()
            if items is not None:
                if "?" in mark[1] and self._blank(items, field, spec, conv):
                    continue
                if "+" in mark[1]:
                    loose = re.sub(r"\d*(\.\d+)?(\+?h?)\Z", "", spec)
                    wide = [self._cell(item, field, loose, conv) for item in items]
                    wide.append(self.heading(field or ""))
                    spec = f"{loose}{max(len(cell) for cell in wide)}"
            columns.append((text, field, spec, conv))
        return columns

    def _blank(self, items: Sequence[Any], field: Any, spec: str, conv: Optional[str]) -> bool:
        blank = ("", "0", "-", *empty_outputs())
        return all(self._cell(item, field, spec, conv).strip() in blank for item in items)

    def _cell(self, item: Any, field: Any, spec: str, conv: Optional[str]) -> str:
        saved, self.prepend = self.prepend, "0."
        try:
            return self.formatter().format(self._join([("", field, spec, conv)]), item)
        finally:
            self.prepend = saved

    def header(self, items: Optional[Sequence[Any]] = None) -> str:
        """The header line."""
        out = []
        for text, field, spec, _conv in self._columns(items):
            out.append(text)
            if field is not None:
                out.append(_heading_cell(self.heading(field), spec))
        return "".join(out)

    def format(self, obj: Any) -> str:
        """The line of an object."""
        return self.formatter().format(self.get_format(), obj)

    def set_sort_keys(self, keys: str) -> None:
        """Sort by these fields, with a - before those that go down: "state,-t_run"."""
        for key in keys.split(","):
            if not self._known(key.lstrip("-")):
                raise ValueError(f"Invalid sort key: {key.lstrip('-')}")
        self.sort_keys = keys.split(",")

    def sort_items(self, items: list[Any]) -> None:
        """Sort objects in place, by the keys."""
        for key in reversed(self.sort_keys):
            name = key.lstrip("-")

            def value(item: Any, name: str = name) -> Any:
                found = string.Formatter().get_field("0." + name, (item,), {})[0]
                empty = isinstance(found, EmptyObject) or found == ""
                number = isinstance(found, (int, float))
                return (not empty, number, found if number else str(found))

            items.sort(key=value, reverse=key.startswith("-"))

    def filter_empty(self, items: Sequence[Any]) -> str:
        """The format string as it is for these objects."""
        return self.get_format(items)

    filter = filter_empty

    def print_items(
        self,
        items: Sequence[Any],
        no_header: bool = False,
        pre: Optional[Callable[[Any], Any]] = None,
        post: Optional[Callable[[Any], Any]] = None,
    ) -> None:
        """Print the table. pre(item) and post(item) are called around each line."""
        rows = list(items)
        if self.sort_keys:
            self.sort_items(rows)
        fmt = self.get_format(rows)
        if not no_header:
            print(self.header(rows).rstrip())
        formatter = self.formatter()
        for item in rows:
            if pre is not None:
                pre(item)
            try:
                print(formatter.format(fmt, item).rstrip())
            except UnicodeEncodeError:
                text = formatter.format(fmt, item).rstrip()
                sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
            if post is not None:
                post(item)


def _heading_cell(heading: str, spec: str) -> str:
    """A heading as wide as its column: what a spec says of numbers is left out."""
    if "%" in spec:
        spec = spec.partition("::")[2]
    match = re.match(r"(?:(.)?([<>=^]))?[-+ ]?#?0?(\d*),?(?:\.(\d+))?[a-zA-Z%+]*\Z", spec)
    if match is None:
        return heading
    align = {"=": ">", None: "<"}.get(match[2], match[2])
    if match[2] is None and re.search(r"[dfgeFGE]h?\Z", spec):
        align = ">"
    return format(heading, f"{align}{match[3]}")


class Tree:
    """A tree to print.

    label: the text of the root; prefix: text in front of it; combine_children: alike
    children without children of their own become one, with their number in front.
    """

    def __init__(self, label: str, prefix: str = "", combine_children: bool = False) -> None:
        self.label = label
        self.prefix = prefix
        self.combine = combine_children
        self.children: list["Tree"] = []

    def append(self, label: str, prefix: str = "") -> "Tree":
        """Add a child: the child."""
        return self.append_tree(Tree(label, prefix, self.combine))

    def append_tree(self, tree: "Tree") -> "Tree":
        """Add a tree as child: the tree."""
        self.children.append(tree)
        return tree

    def _kids(self) -> list["Tree"]:
        if not self.combine:
            return self.children
        counts: dict[str, int] = {}
        for child in self.children:
            if not child.children:
                counts[child.label] = counts.get(child.label, 0) + 1
        kids = []
        for child in self.children:
            if child.children:
                kids.append(child)
            elif counts.get(child.label):
                number = counts.pop(child.label)
                label = f"{number}*[{child.label}]" if number > 1 else child.label
                kids.append(Tree(label, child.prefix, True))
        return kids

    def lines(
        self, level: Optional[int] = None, skip_root: bool = False, truncate: bool = True
    ) -> Iterator[str]:
        """The lines of the tree, down to a level."""
        width = _columns() if truncate else 0
        for line in self._lines("", "", level, 0):
            if skip_root and line == self.prefix + self.label:
                continue
            yield line[: width - 1] + "+" if 0 < width < len(line) else line

    def _lines(
        self, here: str, below: str, level: Optional[int], depth: int
    ) -> Iterator[str]:
        yield f"{self.prefix}{here}{self.label}"
        if level is not None and depth >= level:
            return
        kids = self._kids()
        for i, kid in enumerate(kids):
            last = i == len(kids) - 1
            yield from kid._lines(
                below + ("└── " if last else "├── "),
                below + ("    " if last else "│   "),
                level,
                depth + 1,
            )

    def render(
        self, level: Optional[int] = None, skip_root: bool = False, truncate: bool = True
    ) -> None:
        """Print the tree."""
        for line in self.lines(level, skip_root, truncate):
            print(line)


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


# Nested dicts by dotted keys.


def set_treedict(in_dict: dict[str, Any], key: str, val: Any) -> None:
    """Set in_dict[a][b][c] for a key a.b.c; makes what lies on the way."""
    *path, last = key.split(".")
    for part in path:
        in_dict = in_dict.setdefault(part, {})
    in_dict[last] = val


def get_treedict(in_dict: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """in_dict[a][b][c] for a key a.b.c, or default."""
    where: Any = in_dict
    for part in key.split("."):
        if not isinstance(where, Mapping) or part not in where:
            return default
        where = where[part]
    return where


def del_treedict(in_dict: dict[str, Any], key: str, remove_empty: bool = False) -> None:
    """Delete in_dict[a][b][c] for a key a.b.c. KeyError if it is not there."""
    first, _, rest = key.partition(".")
    if not rest:
        del in_dict[first]
        return
    del_treedict(in_dict[first], rest, remove_empty)
    if remove_empty and not in_dict[first]:
        del in_dict[first]


def dict_merge(src: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A new dict: src, with what is in new put over it."""
    out = dict(src)
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = dict_merge(out[key], value)
        else:
            out[key] = value
    return out


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def __getattr__(name: str) -> Any:
    """What only commands need is loaded when it is first used."""
    if name in ("CLIMain", "UtilConfig"):
        from flux.cli import main

        return getattr(main, name)
    raise AttributeError(f"module 'flux.util' has no attribute {name!r}")
