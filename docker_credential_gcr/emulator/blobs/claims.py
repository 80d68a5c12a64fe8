"""Which uploads are being written to: by one request at a time, whichever worker has it."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a server is one process
    fcntl = None  # type: ignore[assignment]


class Claims:
    """The claimed uploads of this process and, by locks on bytes of a file, of all that share the file.

    Such a lock is a process's own, and gone when it ends, however it ends; it costs a microsecond, and
    no file for an upload that would otherwise be a row.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._claimed: dict[str, object] = {}
        self._file: int | None = None
        if shared is not None:
            # Never closed: closing any descriptor of the file would let all claims go.
            # https://man7.org/linux/man-pages/man2/F_GETLK.2const.html
            self._file = os.open(shared, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def is_shared(self) -> bool:
        """Whether another process may have written to an upload before it could be claimed."""
        return self._file is not None

    def claim(self, upload_id: str) -> bool:
        """Take the upload; False if it is taken."""
        mine = object()
        # In one step, for another thread may ask at the same time.
        if self._claimed.setdefault(upload_id, mine) is not mine:
            return False
        if self._file is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(upload_id))
            except (BlockingIOError, PermissionError):
                del self._claimed[upload_id]
                return False
        return True

    def release(self, upload_id: str) -> None:
        """Let the upload go."""
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(upload_id))
        self._claimed.pop(upload_id, None)


def _offset(upload_id: str) -> int:
    """The upload's byte: 62 bits of its random name."""
    return int(upload_id[:16], 16) >> 2
