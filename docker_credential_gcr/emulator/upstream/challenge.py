"""WWW-Authenticate of an upstream: which scheme it wants, and where tokens come from.

    Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/a:pull"
    Basic realm="Registry"

https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
https://distribution.github.io/distribution/spec/auth/token/
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LENGTH = 8192
_SCOPES = 4
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_NAME})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_NAME}))')
_SCHEME = re.compile(rf"({_NAME})(?=[ \t,]|$)")
_ESCAPED = re.compile(r"\\(.)")
_SEPARATORS = " \t,"


@dataclass(frozen=True)
class Challenge:
    """What an upstream asks for: Basic, or Bearer with a token from the realm; an absent field is empty."""

    is_bearer: bool
    realm: str = ""
    service: str = ""
    scopes: tuple[str, ...] = ()


def find_challenge(headers: Sequence[str]) -> Challenge | None:
    """Returns the Bearer challenge of an answer, else its Basic one; None if it has neither."""
    found = [challenge for header in headers for challenge in _parse(header[:MAX_LENGTH])]
    return next(iter(sorted(found, key=lambda challenge: not challenge.is_bearer)), None)


def _parse(header: str) -> list[Challenge]:
    """Returns the challenges that a header names; what follows a syntax error is ignored."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while at < len(header):
        if header[at] in _SEPARATORS:
            at += 1
        elif found and (parameter := _PARAMETER.match(header, at)):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            found[-1][1].setdefault(name.lower(), value)
            at = parameter.end()
        elif scheme := _SCHEME.match(header, at):
            found.append((scheme[1].lower(), {}))
            at = scheme.end()
        else:
            break
    return [_make(scheme, fields) for scheme, fields in found if scheme in ("bearer", "basic")]


def _make(scheme: str, fields: dict[str, str]) -> Challenge:
    scopes = tuple(fields.get("scope", "").split()[:_SCOPES])
    return Challenge(scheme == "bearer", fields.get("realm", ""), fields.get("service", ""), scopes)
