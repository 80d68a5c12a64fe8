"""An expression's tokens, one after the other, as parsers of CEL read them.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import re

Token = tuple[str, str]

_ESCAPE = re.compile(r"\\(.)")


class TokenReader:
    """Reads a text's tokens: each is one of the pattern's groups, by the group's name and what it matched.

    A pattern has the groups `text`, `word` and `sign` at least. What does not fit raises `error`.
    """

    def __init__(self, text: str, pattern: "re.Pattern[str]", error: type[Exception]) -> None:
        self._error = error
        self.tokens = [*self._split(text, pattern), ("end", "")]
        self._position = 0

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
        """The next token, or one of those behind it; the end goes on and on."""
        return self.tokens[min(self._position + ahead, len(self.tokens) - 1)]

    def skip(self) -> None:
        """Go on behind the next token."""
        self._position += 1

    def take(self, sign: str) -> bool:
        """Go on behind that sign, if it is the next token."""
        taken = self.peek() == ("sign", sign)
        self._position += taken
        return taken

    def demand(self, sign: str) -> None:
        """Go on behind that sign, which must be the next token."""
        if not self.take(sign):
            raise self.complain()

    def read(self, kind: str) -> str:
        """What a token of that kind, which must be the next one, matched."""
        found, value = self.peek()
        if found != kind:
            raise self.complain()
        self.skip()
        return value

    def demand_end(self) -> None:
        """Refuse whatever follows."""
        if self.peek() != ("end", ""):
            raise self.complain()

    def complain(self) -> Exception:
        """The error that names the next token."""
        kind, value = self.peek()
        return self._error("it ends too early" if kind == "end" else f"{value!r} is not expected there")


def unquote(text: str) -> str:
    """What a `text` token says."""
    return _ESCAPE.sub(r"\1", text[1:-1])
