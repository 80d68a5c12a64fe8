"""Reads JSON configuration files. Writing is in config_edit: `list` only reads, and need not load it."""

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths, wire

EMPTY = "{}\n"
HINT = "correct the file, or move it away"


def load_text(path: str) -> str:
    """Returns the JSON object in a file, as text; an empty object for an absent or empty file.

    Raises ConfigError, with the line, for anything else, and for a file that is not a regular one.
    """
    return check_object(read(path), path)


def parse(text: str, path: str) -> object:
    """Parses a JSON text.

    Raises ConfigError, with the line, also for what only Python's parser accepts.
    """
    try:
        return wire.loads(text)
    except ValueError as error:
        import json  # 4 ms, needed only for a malformed text

        fault = f": {error}"
        if isinstance(error, json.JSONDecodeError):
            fault = f", line {error.lineno} column {error.colno}: {error.msg}"
        raise ConfigError(f"{path!r}{fault}", hint=HINT) from error


def read(path: str) -> bytes:
    """Returns the bytes of a file; none for an absent file. Raises ConfigError."""
    try:
        return paths.read_file(path)[0]
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error


def check_object(data: bytes, path: str) -> str:
    """Returns the text of a JSON object. Raises ConfigError for anything else."""
    try:
        # docker refuses a byte order mark: it is dropped, and not written again
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path!r}, line {line}: not UTF-8", hint=HINT) from error
    if text.strip() in ("", "null"):
        return EMPTY
    if not isinstance(parse(text, path), dict):
        raise ConfigError(f"{path!r}, line 1: not a JSON object", hint=HINT)
    return text
