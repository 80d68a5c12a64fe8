"""Files that hold secrets, or lead to them."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, whole or not at all. Raises OSError."""
    temporary = _name_temporary(path)
    try:
        _write(temporary, content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create_file(path: Path, content: bytes, link: Callable[[Path, Path], None] = os.link) -> None:
    """As `replace_file`, but a file that is there stays, whoever made it meanwhile."""
    temporary = _name_temporary(path)
    try:
        _write(temporary, content)
        _name_unless_taken(temporary, path, link)
    finally:
        temporary.unlink(missing_ok=True)


def _name_unless_taken(temporary: Path, path: Path, link: Callable[[Path, Path], None]) -> None:
    try:
        link(temporary, path)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links, on which two that come at once are told apart by nothing.
        if not path.exists():
            os.replace(temporary, path)


def _name_temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
