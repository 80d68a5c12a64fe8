"""Server files that the environment names: the certificate authority and the operator token.

GCR_EMULATOR_READY_FILE  the ready document, which names both
GCR_EMULATOR_DATA        the data directory, which holds both: keys/ca.pem and keys/operator-token
"""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from docker_credential_gcr.emulator.runtime.files import find_status, format_os_error, read_file
from docker_credential_gcr.errors import find_secret_form

from .rest import EmulatorError


def find_ca(url: str, environ: Mapping[str, str]) -> Path | None:
    """Returns the authority of the server whose ready file or data directory the environment names.

    None for a server without TLS or without an authority of its own. Raises EmulatorError for a ready file of
    another form, and for a file that this user may not read.
    """
    if urlsplit(url).scheme != "https":
        return None
    hint = "name the server's authority with --ca"
    try:
        if ready_file := _find_variable(environ, "GCR_EMULATOR_READY_FILE"):
            named = _read_ready(Path(ready_file), "ca", hint)
            return None if named is None else Path(named)
        data = _find_variable(environ, "GCR_EMULATOR_DATA")
        path = Path(data, "keys", "ca.pem") if data else None
        return path if path and find_status(path) else None
    except OSError as error:
        raise EmulatorError(f"{format_os_error(error)}: {hint}") from error


def find_token(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Returns the operator token of that server and the name of its file; None if it cannot be read.

    A file that this user may not read is no error: a server of this machine may need no token.
    """
    data = _find_variable(environ, "GCR_EMULATOR_DATA")
    ready_file = _find_variable(environ, "GCR_EMULATOR_READY_FILE")
    try:
        if ready_file:
            hint = "name the operator token's file with --token-file"
            path = Path(_read_ready(Path(ready_file), "operator_token_file", hint) or "")
        elif data:
            path = Path(data, "keys", "operator-token")
        else:
            return None
        return read_file(path).decode("ascii").strip(), str(path)
    except (OSError, UnicodeDecodeError):
        return None


def _find_variable(environ: Mapping[str, str], name: str) -> str | None:
    """Returns the path that a variable holds. Raises EmulatorError for a value that looks like a secret."""
    value = environ.get(name)
    if form := find_secret_form(value or ""):
        raise EmulatorError(f"{name} holds {form}, not a path: correct or unset it")
    return value


def _read_ready(path: Path, field: str, hint: str) -> str | None:
    try:
        named = json.loads(read_file(path))[field]
        if not isinstance(named, str | None):
            raise TypeError(field)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise EmulatorError(f"{path} is not the ready file of a server: {hint}") from error
    return named
