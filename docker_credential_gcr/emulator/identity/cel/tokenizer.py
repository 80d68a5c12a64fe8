"""Tokenizer of CEL: splits an expression into tokens, which a parser reads one by one.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import re

Token = tuple[str, str]

_ESCAPE = re.compile(r"\\(.)")
_NUMBER = r"(?P<number>\d{1,18})|"


def make_pattern(signs: str, *, numbers: bool) -> "re.Pattern[str]":
    """Returns the pattern of an environment's tokens; `signs` is a pattern too."""
    return re.compile(
        rf"""\s*(?:{_NUMBER if numbers else ""}(?P<word>[A-Za-z_]\w*)"""
        rf"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<sign>{signs}))""",
        re.ASCII,
    )


class TokenReader:
    """A reader of tokens: each is the name of a group of the pattern, and the text that it matched.

    A pattern has at least the groups `text`, `word` and `sign`. Other text raises `error`.
    """

    def __init__(self, text: str, pattern: "re.Pattern[str]", error: type[Exception]) -> None:
        self._error = error
        self.tokens = [*self._split(text, pattern), ("end", "")]
        self.position = 0

    def _split(self, text: str, pattern: "re.Pattern[str]") -> list[Token]:
        tokens: list[Token] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = pattern.match(text, position)
            if match is None or match.lastgroup is None:
                raise self._error(f"{text[position : position + 20].strip()!r} is not understood")
            tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        return tokens

    def peek(self, ahead: int = 0) -> Token:
        """Returns the next token, or one further `ahead`; after the last one, the end."""
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def skip(self) -> None:
        """Skips the next token."""
        self.position += 1

    def take(self, sign: str) -> bool:
        """Skips the next token if it is that sign; returns whether it is."""
        taken = self.peek() == ("sign", sign)
        self.position += taken
        return taken

    def demand(self, sign: str) -> None:
        """Skips the next token, which must be that sign."""
        if not self.take(sign):
            raise self.complain()

    def read(self, kind: str) -> str:
        """Returns the text of the next token, which must be of that kind, and skips it."""
        found, value = self.peek()
        if found != kind:
            raise self.complain()
        self.skip()
        return value

    def complain(self, position: int | None = None) -> Exception:
        """Returns an error that names the next token, or the one at the position."""
        kind, value = self.peek() if position is None else self.tokens[position]
        return self._error("it ends too early" if kind == "end" else f"{value!r} is not expected there")


def unquote(text: str) -> str:
    """Returns the text in a `text` token."""
    return _ESCAPE.sub(r"\1", text[1:-1])
