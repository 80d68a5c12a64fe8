"""What was written is on the disk."""

import os
from pathlib import Path


def flush(path: Path, flags: int = os.O_RDONLY) -> None:
    """Have a file's bytes, or a folder's names, on the disk; blocks. Raises OSError."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
