"""Data layout: the paths of the data directory, each a file or a directory that this user can use, or absent.

Opening a FIFO blocks, a device has no end, and a directory in place of a file fails at some later step: so
they are refused with their names before anything is opened.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from docker_credential_gcr.emulator.runtime.files import find_status

_DATABASES = ("emulator.db", "emulator.db.snapshot", "emulator.db.rebuilt")
_JOURNALS = ("-wal", "-shm", "-journal")
_FILES = (
    "lock",
    "database-id",
    "turns.lock",
    "uploads.lock",
    "uploads.slots",
    ".emulator.db.snapshot.part",
    *_DATABASES,
    *(f"{name}{journal}" for name in _DATABASES for journal in _JOURNALS),
)
# gcr-emulator move writes it.
MOVED = "moved-to"
# Files that are only read may be read-only.
_READ = (
    MOVED,
    *(
        f"keys/{name}"
        for name in (
            *("signing-key.pem", "issuer-key.pem", "id-token-key.pem", "operator-token"),
            *("ca.pem", "ca-key.pem", "server.pem"),
        )
    ),
)
_DIRECTORIES = ("keys", "pieces", "buckets", "uploads", "run")
# Prefixes of the names that the emulator and file systems create in a data directory.
_OWN_PREFIXES = (
    "emulator.db",
    "database-id",
    "keys",
    "pieces",
    "buckets",
    "uploads",
    "run",
    "lock",
    "turns.lock",
    MOVED,
    "lost+found",
)
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def find_misplaced(root: Path, *, may_access: Callable[[Path, int], bool] = os.access) -> str | None:
    """Returns a message about the first path that cannot be used; None if there is none. Raises OSError."""
    wanted = (
        *((name, stat.S_IFDIR, os.R_OK | os.W_OK | os.X_OK) for name in _DIRECTORIES),
        *((name, stat.S_IFREG, os.R_OK | os.W_OK) for name in _FILES),
        *((name, stat.S_IFREG, os.R_OK) for name in _READ),
    )
    for name, kind, access in wanted:
        path = root / name
        status = find_status(path)
        if status is None:
            if path.is_symlink():
                return f"{path} is a link that leads nowhere: move it away"
        elif (found := stat.S_IFMT(status.st_mode)) != kind:
            return f"{path} is {_KINDS.get(found, 'something else')}, not {_KINDS[kind]}: move it away"
        elif not may_access(path, access):
            use = "read and written" if access & os.W_OK else "read"
            return f"{path} cannot be {use} by this user: change its owner or its mode"
    return None


def has_foreign_entries(root: Path) -> bool:
    """Returns whether the directory has entries of other users or programs. Raises OSError."""
    own = (0, os.geteuid())
    names = os.listdir(root)
    return any(
        not name.lstrip(".").startswith(_OWN_PREFIXES) or os.lstat(root / name).st_uid not in own
        for name in names
    )
