"""From "(fast or big) and not host:node[0-3]" to a constraint object (RFC 35, 31).

    parser = ConstraintParser(default_op="properties")
    print(parser.parse("fast -slow"))
"""
from __future__ import annotations

import argparse
import re
from typing import Any, Optional, Sequence

_WORDS = {"and": "AND", "or": "OR", "not": "NOT", "&": "AND", "&&": "AND", "|": "OR", "||": "OR"}
_PATTERN = re.compile(r"""\s*(?:(\(|\))|(&&?|\|\|?)|((?:[^\s()&|'"]|'[^']*'|"[^"]*")+))""")


class ConstraintSyntaxError(SyntaxError):
    """The text is no constraint: what is wrong, and where."""


class ConstraintLexer:
    """Cuts a text into (kind, text, position): LPAREN RPAREN AND OR NOT TOKEN."""

    def tokens(self, data: str) -> list[tuple[str, str, int]]:
        """All tokens of a text."""
        found = []
        pos = 0
        while pos < len(data.rstrip()):
            match = _PATTERN.match(data, pos)
            if match is None:
                raise ConstraintSyntaxError(self._error(data, pos))
            where = match.end() - len(match[0].lstrip())
            if match[1]:
                found.append(("LPAREN" if match[1] == "(" else "RPAREN", match[1], where))
            else:
                word = match[2] or match[3]
                found.append((_WORDS.get(word.lower(), "TOKEN"), word, where))
            pos = match.end()
        return found

    @staticmethod
    def _error(data: str, pos: int) -> str:
        rest = data[pos:].lstrip()
        if rest[:1] in ("'", '"') or "'" in rest or '"' in rest:
            return f"Unclosed quote at position {len(data) - len(rest)}"
        return f"Illegal character {rest[:1]!r} at position {len(data) - len(rest)}"


class ConstraintParser:
    """A parser of queries; subclasses say what operators there are.

    operator_map: names for names of operators; None is the default operator, for terms
    without one. split_values: {operator: separator}: its value becomes many.
    combined_terms: operators whose values are put into one term if they are joined by or.
    default_op: the same as operator_map={None: default_op}.
    """

    operator_map: dict[Optional[str], str] = {}
    split_values: dict[str, str] = {}
    combined_terms: Sequence[str] = ()

    def __init__(
        self,
        operator_map: Optional[dict[Optional[str], str]] = None,
        split_values: Optional[dict[str, str]] = None,
        combined_terms: Optional[Sequence[str]] = None,
        default_op: Optional[str] = None,
    ) -> None:
        if operator_map is not None:
            self.operator_map = operator_map
        if split_values is not None:
            self.split_values = split_values
        if combined_terms is not None:
            self.combined_terms = combined_terms
        if default_op is not None:
            self.operator_map = {**self.operator_map, None: default_op}
        self._tokens: list[tuple[str, str, int]] = []

    def convert_values(self, values: list[Any], op: str) -> list[Any]:
        """For subclasses: what the values of an operator mean."""
        return values

    def parse(self, query: str) -> dict[str, Any]:
        """The constraint of a text. ConstraintSyntaxError if it is none."""
        self._tokens = ConstraintLexer().tokens(query)
        self._tokens.reverse()
        if not self._tokens:
            raise ConstraintSyntaxError("Empty constraint")
        found = self._or()
        if self._tokens:
            kind, text, pos = self._tokens[-1]
            raise ConstraintSyntaxError(f"Unexpected {text!r} at position {pos}")
        return found

    def _peek(self) -> Optional[str]:
        return self._tokens[-1][0] if self._tokens else None

    def _or(self) -> dict[str, Any]:
        terms = [self._and()]
        while self._peek() == "OR":
            self._tokens.pop()
            terms.append(self._and())
        return self._join("or", terms)

    def _and(self) -> dict[str, Any]:
        terms = [self._not()]
        while self._peek() not in (None, "OR", "RPAREN"):
            if self._peek() == "AND":
                self._tokens.pop()
            terms.append(self._not())
        return self._join("and", terms)

    def _join(self, op: str, terms: list[dict[str, Any]]) -> dict[str, Any]:
        if op == "or":
            terms = self._combine(terms)
        return terms[0] if len(terms) == 1 else {op: terms}

    def _combine(self, terms: list[dict[str, Any]]) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        where: dict[str, dict[str, Any]] = {}
        for term in terms:
            ((name, values),) = term.items()
            if name in self.combined_terms and name in where:
                where[name][name] = where[name][name] + values
                continue
            where[name] = term
            out.append(term)
        return out

    def _not(self) -> dict[str, Any]:
        if self._peek() is None:
            raise ConstraintSyntaxError("Unexpected end of the constraint")
        kind, text, pos = self._tokens.pop()
        if kind == "NOT":
            return {"not": [self._not()]}
        if kind == "LPAREN":
            found = self._or()
            if self._peek() != "RPAREN":
                raise ConstraintSyntaxError(f"Unclosed parenthesis at position {pos}")
            self._tokens.pop()
            return found
        if kind != "TOKEN":
            raise ConstraintSyntaxError(f"Unexpected {text!r} at position {pos}")
        if text.startswith("-") and len(text) > 1:
            return {"not": [self._term(text[1:], pos + 1)]}
        return self._term(text, pos)

    def _term(self, text: str, pos: int) -> dict[str, Any]:
        quoted = text[0] in "'\""
        name, colon, value = ("", "", text) if quoted else text.partition(":")
        if not colon and not quoted:
            name, value = "", text
        op: Optional[str] = name or None
        if op in self.operator_map:
            op = self.operator_map[op]
        if op is None:
            raise ConstraintSyntaxError(f"Missing required operator in {text!r} at position {pos}")
        value = re.sub(r"""'([^']*)'|"([^"]*)\"""", lambda m: m[1] or m[2] or "", value)
        values: list[Any] = [value]
        if op in self.split_values:
            values = value.split(self.split_values[op])
        if not value:
            raise ConstraintSyntaxError(f"Missing operand of {op} at position {pos}")
        return {op: self.convert_values(values, op)}


class ConstraintQueryAction(argparse.Action):
    """For argparse: queries, also in many arguments, joined by and."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        text = " ".join(values) if isinstance(values, list) else values
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"({before}) and ({text})" if before else text)
