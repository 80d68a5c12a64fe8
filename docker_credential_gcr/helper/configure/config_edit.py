"""Edits of JSON configuration files: planned, previewed, and written under a lock."""

import errno
import os
from collections.abc import Callable, Iterable, Mapping

from docker_credential_gcr import files
from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths

from . import config_file, json_file
from .json_file import KeyPath


class Edit:
    """A file and the change of its text; a private file gets mode 0600, a file without text is removed."""

    __slots__ = ("change", "is_private", "path")

    def __init__(self, path: str, change: Callable[[str], str], *, is_private: bool = False) -> None:
        self.path = path
        self.change = change
        self.is_private = is_private


def set_members(
    text: str, path: str, values: Mapping[KeyPath, object], removed: Iterable[KeyPath] = ()
) -> str:
    """Returns the text of a file after some members are removed and others are set. Raises ConfigError."""

    def change(content: json_file.Content) -> None:
        for key in removed:
            json_file.remove_value(content, key)
        for key, value in values.items():
            json_file.set_value(content, key, value)

    return change_object(text, path, change)


def change_object(text: str, path: str, change: Callable[[json_file.Content], None]) -> str:
    """Returns the text of a file after a change of its object. Raises ConfigError."""
    try:
        return json_file.edit(text, change)
    except ValueError as error:
        raise ConfigError(f"{path!r}: {error}", hint=config_file.HINT) from error


def load_target(path: str) -> str:
    """Loads the text of a file to be written; returns an empty object for a stream, which is not read."""
    return config_file.check_object(_read_target(path), path)


def preview(edit: Edit) -> tuple[str, str]:
    """Returns the text of a file before and after the edit; writes nothing. Raises ConfigError."""
    data = _read_target(edit.path)
    after = edit.change(config_file.check_object(data, edit.path))
    return data.decode("utf-8-sig"), after


def apply(edit: Edit) -> bool:
    """Changes a file atomically, under a lock; returns False, and writes nothing, when no byte changes.

    A symbolic link is followed, also to a file that does not exist yet. A stream gets the text that a new
    file would get. Raises ConfigError.
    """
    path = files.resolve(edit.path)
    try:
        if files.is_stream(path):
            files.write_file(path, edit.change(config_file.EMPTY).encode("utf-8"))
            return True
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with files.lock_directory(os.path.dirname(path)):
            before = _read_target(edit.path)
            after = edit.change(config_file.check_object(before, edit.path)).encode("utf-8")
            if after == before:
                return False
            if not after:
                os.unlink(path)
                return True
            if len(after) > paths.MAX_SIZE:  # a larger file is refused when it is read
                raise OSError(errno.EFBIG, f"it would be larger than {paths.format_size(paths.MAX_SIZE)}")
            found = os.stat(path) if os.path.exists(path) else None
            files.replace_file(path, after, like=found, mode=0o600 if edit.is_private else None)
    except (OSError, UnicodeEncodeError) as error:
        raise ConfigError(*files.explain_write(edit.path, error)) from error
    return True


def _read_target(path: str) -> bytes:
    return b"" if files.is_stream(path) else config_file.read(path)
