"""Replaces files that others read meanwhile, so that they see the old one or the new one and nothing else."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def make_private_directory(path: str) -> None:
    """Make a directory that only its owner may enter. Raises OSError, also when it is somebody else's."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.stat(path)
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            raise PermissionError(f"{path!r} belongs to another user")
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)


def replace_file(
    path: str, data: bytes, *, like: os.stat_result | None = None, mode: int | None = None
) -> None:
    """Put data in the place of a file. Raises OSError, and then nothing is left behind.

    The new file has the owner of `like`, if any, and its mode unless another is given; else it is 0600.
    """
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            if like and hasattr(os, "fchown"):
                with suppress(PermissionError):  # only root gives files away
                    os.fchown(file.fileno(), like.st_uid, like.st_gid)
                os.fchmod(file.fileno(), like.st_mode & 0o7777 if mode is None else mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def lock_directory(path: str, timeout_s: float = 10) -> Iterator[None]:
    """Keep other runs of this program from changing the files of a directory; leaves no file behind.

    Raises TimeoutError. A file system without locks is not waited for.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no lock on a directory: the replacement is atomic all the same
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("another run holds the lock") from None
                time.sleep(0.02)
            except OSError:
                break
        yield
    finally:
        os.close(descriptor)
