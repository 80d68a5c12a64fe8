"""Key files: the server's keys by name, in a directory, or in a database that several servers share."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from docker_credential_gcr.emulator.runtime.files import find_status, read_file
from docker_credential_gcr.files import create_file


class KeyFiles(Protocol):
    """Key files by name: `KeyDirectory`, or the table in database/accounts/key_table.py."""

    def find(self, name: str) -> bytes | None:
        """Returns the content of a file; None if it is absent."""

    def create(self, name: str, content: bytes) -> bytes:
        """Creates a file, unless another server has created it; returns the content that it has then."""

    def locate(self, name: str) -> str:
        """Returns where a file is, for messages."""


def load_or_create(files: KeyFiles, name: str, make: Callable[[], bytes]) -> bytes:
    """Returns the content of a key file; creates it if it is absent. Raises what `files` raises."""
    found = files.find(name)
    return files.create(name, make()) if found is None else found


class KeyDirectory:
    """Key files in a directory, such as the keys/ of a data directory, or a mounted secret."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, name: str) -> bytes | None:
        """Returns the content of a file; None if it is absent. Raises OSError."""
        path = self._path / name
        return None if find_status(path) is None else read_file(path)

    def create(self, name: str, content: bytes) -> bytes:
        """Creates a private file, unless it exists; returns its content. Raises OSError, which names it."""
        path = self._path / name
        try:
            create_file(path, content)
        except OSError as error:
            reason = f"missing, and cannot be created ({error.strerror}): add it"
            raise OSError(error.errno, reason, str(path)) from error
        return read_file(path)

    def locate(self, name: str) -> str:
        """Returns the path of a file."""
        return str(self._path / name)
