"""Reads and changes a JSON configuration file that belongs to the user."""

import errno
import json
import os
from collections.abc import Callable

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import files, paths, wire

EMPTY = "{}\n"
HINT = "correct the file, or move it away"


class Edit:
    """A file and what to do to its text; a private one ends as 0600, and one of no text is removed."""

    __slots__ = ("change", "is_private", "path")

    def __init__(self, path: str, change: Callable[[str], str], *, is_private: bool = False) -> None:
        self.path = path
        self.change = change
        self.is_private = is_private


def load_text(path: str) -> str:
    """The JSON object in a file, as text; an empty object when there is no file or nothing in it.

    Raises ConfigError, with the line, when it holds anything else, and for what is not a regular file.
    """
    return _check_object(_read(path), path)


def load_target(path: str) -> str:
    """The same text of a file that is to be written, which may also be a stream: nothing is read of it."""
    return _check_object(_read_target(path), path)


def preview(edit: Edit) -> tuple[str, str]:
    """What a file holds, and what it would hold. Raises ConfigError."""
    data = _read_target(edit.path)
    after = edit.change(_check_object(data, edit.path))
    return data.decode("utf-8-sig"), after


def parse(text: str, path: str) -> object:
    """The value of a text. Raises ConfigError with the line, also for what only Python takes for JSON."""
    try:
        return wire.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path!r}, line {error.lineno} column {error.colno}: {error.msg}", hint=HINT
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path!r}: {error}", hint=HINT) from error


def apply(edit: Edit) -> bool:
    """Change a file under a lock and atomically; False, and no write, when it says it all already.

    A symbolic link is followed, also to a file that is not there yet. A stream gets what an absent file
    would hold. Raises ConfigError.
    """
    path = files.resolve(edit.path)
    try:
        if files.is_stream(path):
            files.write_file(path, edit.change(EMPTY).encode("utf-8"))
            return True
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with files.lock_directory(os.path.dirname(path)):
            before = _read_target(edit.path)
            after = edit.change(_check_object(before, edit.path)).encode("utf-8")
            if after == before:
                return False
            if not after:
                os.unlink(path)
                return True
            if len(after) > paths.MAX_SIZE:  # it could not be read again
                raise OSError(errno.EFBIG, f"it would be larger than {paths.format_size(paths.MAX_SIZE)}")
            found = os.stat(path) if os.path.exists(path) else None
            files.replace_file(path, after, like=found, mode=0o600 if edit.is_private else None)
    except (OSError, UnicodeEncodeError) as error:
        raise ConfigError(*files.explain_write(edit.path, error)) from error
    return True


def _read_target(path: str) -> bytes:
    return b"" if files.is_stream(path) else _read(path)


def _read(path: str) -> bytes:
    try:
        return paths.read_file(path)[0]
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error


def _check_object(data: bytes, path: str) -> str:
    try:
        text = data.decode("utf-8-sig")  # docker itself refuses a byte order mark: it is not written again
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path!r}, line {line}: not UTF-8", hint=HINT) from error
    if text.strip() in ("", "null"):
        return EMPTY
    if not isinstance(parse(text, path), dict):
        raise ConfigError(f"{path!r}, line 1: not a JSON object", hint=HINT)
    return text
