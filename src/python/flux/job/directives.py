"""Options of a job in its script (RFC 36).

    #flux: -N4
    #flux: --job-name="my job"

    with open("script.sh") as script:
        for directive in DirectiveParser(script).directives:
            print(directive.action, directive.args)
"""
from __future__ import annotations

import re
import shlex
from typing import Iterable, Optional

_SENTINEL = re.compile(r"([^\w]*)(flux|FLUX):(.*)")
_TRIPLE = re.compile(r"""(?P<quotes>\"\"\"|''')(?P<text>.*?)(?P=quotes)""", re.S)
# Shell words, of which some may be in three quotes.
_WORD = re.compile(
    r"""(?P<triple>\"\"\"|''')(?P<text>.*?)(?P=triple)"""
    r"""|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|\\(?P<escaped>.)"""
    r"""|(?P<space>\s+)|(?P<comment>\#)|(?P<plain>.)""",
    re.S,
)


class Directive:
    """A directive: what it is (action: SETARGS, or NOOP if it is empty), its words (args),
    and where it begins (lineno).

    value: what stands behind the sentinel. ValueError for what are no words.
    """

    def __init__(self, value: str, lineno: int = -1) -> None:
        self.lineno = lineno
        self.args = _words(lineno, value)
        self.action = "SETARGS" if self.args else "NOOP"

    def __str__(self) -> str:
        return f"{self.action}({self.args})"

    def __repr__(self) -> str:
        return f"<flux.job.directives.Directive line {self.lineno}: {shlex.join(self.args)}>"


class DirectiveParser:
    """The directives of a script, an open file or any lines.

    directives: in their order; script: the text, as it was; args: the words of all of
    them. ValueError, with the line, for what is wrong.
    """

    def __init__(self, inputfile: Iterable[str]) -> None:
        self.script = "".join(inputfile)
        self.directives: list[Directive] = []
        self._prefix: Optional[str] = None
        self._ended = False
        lines = iter(enumerate(self.script.splitlines(), 1))
        for number, line in lines:
            match = _SENTINEL.match(line)
            if not match:
                self._other(line)
                continue
            self._check(number, match[1])
            text = match[3]
            while _open_quote(text):
                text += "\n" + self._continued(number, next(lines, (0, None))[1])
            self.append(text, number)

    def append(self, value: str, lineno: int) -> None:
        """One more directive."""
        self.directives.append(Directive(value, lineno))

    @staticmethod
    def triplequote(value: str) -> str:
        """The same with its texts in three quotes written as a shell has them."""
        return _TRIPLE.sub(lambda match: shlex.quote(match["text"]), value)

    @property
    def args(self) -> list[str]:
        """All words."""
        return [arg for directive in self.directives for arg in directive.args]

    def _other(self, line: str) -> None:
        if self._prefix is not None and line.strip() and not line.startswith(self._prefix):
            self._ended = True

    def _check(self, number: int, prefix: str) -> None:
        if self._ended:
            raise ValueError(f"line {number}: orphan directive: it comes after the first command")
        if self._prefix is None:
            self._prefix = prefix
        elif prefix != self._prefix:
            raise ValueError(f"line {number}: directive begins otherwise than those before it")

    def _continued(self, number: int, line: Optional[str]) -> str:
        prefix = (self._prefix or "").rstrip()
        if line is None or not line.startswith(prefix):
            raise ValueError(f"line {number}: a quoted text in triple quotes is not closed")
        return line[len(prefix) :].lstrip(" \t")


def _open_quote(text: str) -> bool:
    """Does it end within three quotes?"""
    for match in _WORD.finditer(text):
        if match["comment"] and (match.start() == 0 or text[match.start() - 1].isspace()):
            return False
        if match["plain"] in ('"', "'"):
            rest = text[match.start() :]
            return rest.startswith(('"""', "'''"))
        if match["double"] == "" or match["single"] == "":
            # An empty text, and then one that is not closed: three quotes.
            if text[match.end() : match.end() + 1] == match.group()[0]:
                return True
    return False


def _words(number: int, text: str) -> list[str]:
    words: list[str] = []
    word: Optional[str] = None
    for match in _WORD.finditer(text):
        if match["space"]:
            if word is not None:
                words.append(word)
            word = None
            continue
        if match["comment"] and word is None:
            break
        if match["plain"] in ('"', "'"):
            raise ValueError(f"line {number}: no closing quotation")
        word = (word or "") + _piece(match)
    return words if word is None else words + [word]


def _piece(match: "re.Match[str]") -> str:
    if match["double"] is not None:
        return re.sub(r'\\(["\\$`])', r"\1", match["double"])
    for kind in ("text", "single", "escaped", "plain"):
        found: Optional[str] = match[kind]
        if found is not None:
            return found
    return match.group()
