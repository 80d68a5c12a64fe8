"""Operator token: its form, and the variables that preset it.

GCR_EMULATOR_OPERATOR_TOKEN       the token
GCR_EMULATOR_OPERATOR_TOKEN_FILE  the file that holds it, such as a mounted secret
"""

import re
from collections.abc import MutableMapping
from pathlib import Path

from docker_credential_gcr.emulator.runtime.files import format_os_error, read_file
from docker_credential_gcr.errors import find_secret_form

VARIABLE = "GCR_EMULATOR_OPERATOR_TOKEN"
FILE_VARIABLE = f"{VARIABLE}_FILE"
FORM = "an operator token, which is letters, digits and -._~+/"
# The form of a bearer token. https://www.rfc-editor.org/rfc/rfc6750#section-2.1
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")


class InvalidOperatorToken(Exception):
    """A variable presets no operator token; the message says why."""


def parse_operator_token(content: bytes) -> str | None:
    """Returns the token that a file holds, which may end with a line break; None for anything else."""
    token = content.strip()
    return token.decode() if _TOKEN.fullmatch(token) else None


def take_operator_token(environ: MutableMapping[str, str]) -> str | None:
    """Returns the token that the variables preset, and removes them: child processes do not need it.

    None without a variable, or with an empty one. Raises InvalidOperatorToken.
    """
    token, file = environ.pop(VARIABLE, ""), environ.pop(FILE_VARIABLE, "")
    if token and file:
        raise InvalidOperatorToken(f"{VARIABLE} and {FILE_VARIABLE} exclude each other: set one of them")
    if not (token or file):
        return None
    parsed = parse_operator_token(_read(file) if file else token.encode("utf-8", "surrogateescape"))
    if parsed is None:
        raise InvalidOperatorToken(f"{file or VARIABLE} does not hold {FORM}: correct it")
    return parsed


def _read(file: str) -> bytes:
    if form := find_secret_form(file):
        raise InvalidOperatorToken(f"{FILE_VARIABLE} holds {form}, not a path: correct or unset it")
    try:
        return read_file(Path(file))
    except OSError as error:
        raise InvalidOperatorToken(f"{FILE_VARIABLE}: {format_os_error(error)}") from error
