"""Random TOML, from a seed: files that are right, and the same with something wrong."""

import random

KEYS = ["a", "b", "c", "host", "x-1", "under_score", "9", "é", "", "with space", "do.t", 'q"uote']
WORDS = ["", "x", "n[0-3]", "tab\there", "é€😀", "'", '"', "\\", "line\nfeed", "\x7f", "#", "]",
         "a=1", "\u0001", "\r", " "]
BARE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"',
           "\\": "\\\\"}


class Writer:
    def __init__(self, seed):
        self.rnd = random.Random(seed)

    def some(self, *of):
        return self.rnd.choice(of)

    def escaped(self, text):
        out = ""
        for c in text:
            if c in ESCAPES:
                out += ESCAPES[c]
            elif c < " " or c == "\x7f":
                out += f"\\u{ord(c):04x}"
            elif c > "~" and self.rnd.random() < 0.3:
                out += f"\\U{ord(c):08X}"
            else:
                out += c
        return out

    def string(self, text):
        plain = all(c >= " " and c != "\x7f" for c in text)
        way = self.rnd.randrange(4)
        if way == 0 and plain and "'" not in text:
            return f"'{text}'"
        if way == 1 and all(c >= " " and c != "\x7f" or c == "\n" for c in text) \
                and "'''" not in text and not text.endswith("'"):
            return f"'''\n{text}'''"
        if way == 2:
            return f'"""{self.some("", chr(10))}{self.some("", chr(92) + chr(10) + "  ")}' \
                   f'{self.escaped(text)}"""'
        return f'"{self.escaped(text)}"'

    def key(self, name):
        if name and set(name) <= BARE and self.rnd.random() < 0.8:
            return name
        if "'" not in name and self.rnd.random() < 0.5:
            return f"'{name}'"
        return f'"{self.escaped(name)}"'

    def number(self):
        n = self.some(0, 1, -17, 42, 1000, 123456789, 2**63 - 1, -2**63)
        return self.some(str(n), f"+{n}" if n >= 0 else str(n), f"{n:_}",
                         hex(n) if n >= 0 else str(n), oct(n) if n >= 0 else str(n),
                         f"0b{n:b}" if 0 <= n < 99 else str(n))

    def real(self):
        return self.some("0.0", "-0.0", "3.14", "1e10", "6.02E+23", "-1.5e-3", "1_000.000_1",
                         "9.0e0", "5e-324", "1.7976931348623157e308")

    def when(self):
        day, time = "2024-02-29", self.some("23:59:59", "00:00:00.5", "12:30:00.123456")
        return self.some(day, time, day + "T" + time, day + " " + time, day + "t" + time + "z",
                         day + "T" + time + "+05:30", day + "T" + time + "-00:00")

    def value(self, depth):
        kind = self.rnd.randrange(8 if depth else 5)
        if kind == 0:
            return self.number()
        if kind == 1:
            return self.real()
        if kind == 2:
            return self.some("true", "false")
        if kind == 3:
            return self.when()
        if kind == 4:
            return self.string(self.rnd.choice(WORDS))
        if kind in (5, 6):
            items = [self.value(depth - 1) for _ in range(self.rnd.randrange(4))]
            gap = self.some("", " ", "\n", " # so\n  ")
            return "[" + gap + ("," + gap).join(items) + gap + self.some("", "," if items else "") \
                + gap + "]"
        names = self.rnd.sample(KEYS, self.rnd.randrange(3))
        return "{" + self.some("", " ") + ", ".join(
            f"{self.key(n)} = {self.value(depth - 1)}" for n in names) + self.some("", " ") + "}"

    def pairs(self, names):
        out = ""
        for n in names:
            at = self.key(n)
            if self.rnd.random() < 0.2:
                at += self.some(".", " . ") + self.key(self.rnd.choice(KEYS))
            out += f"{self.some('', '  ', chr(9))}{at}{self.some('', ' ')}={self.some('', ' ')}" \
                   f"{self.value(3)}{self.some('', ' # said')}{self.some(chr(10), chr(13) + chr(10))}"
        return out

    def document(self):
        names = self.rnd.sample(KEYS, len(KEYS))
        out = self.pairs(names[:self.rnd.randrange(5)])
        for n in names[5:5 + self.rnd.randrange(4)]:
            head = self.key(n)
            if self.rnd.random() < 0.3:
                head += "." + self.key(self.rnd.choice(KEYS))
            if self.rnd.random() < 0.3:
                for _ in range(self.rnd.randrange(1, 4)):
                    out += f"[[{head}]]\n" + self.pairs(self.rnd.sample(KEYS, 2))
            else:
                out += f"[ {head} ] # table\n" + self.pairs(self.rnd.sample(KEYS, 3))
        return out

    def spoiled(self):
        """Which may still be right."""
        text = self.document()
        for _ in range(self.rnd.randrange(1, 4)):
            i = self.rnd.randrange(len(text) + 1)
            text = self.some(text[:i] + text[i + 1:], text[:i],
                             text[:i] + self.rnd.choice('"\'[]{}=.,#\n\\_0eT:-+ax\x00\x1f') + text[i:],
                             text[:i] + text[i:i + 9] + text[i:])
        return text
