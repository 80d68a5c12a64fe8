"""Debug log: a line for each call, without secrets. A failure to write it is ignored.

2024-05-01T12:00:00Z 4711 get 'gcr.io': 0: env, cached
"""

import os
import time
from contextlib import suppress

from docker_credential_gcr.errors import find_secret_form, format_line

from .redaction import redact

MAX_SIZE = 1024 * 1024  # a larger file is renamed to PATH.1, which replaces the previous one
FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def add(path: str, text: str) -> None:
    """Appends a line to the log, unless that fails; does not create the directory.

    A path that looks like a secret is not used, because the name of the file would show it.
    """
    if find_secret_form(path):
        return
    instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = f"{instant} {os.getpid()} {format_line(redact(text), 4000)}\n"
    with suppress(OSError, ValueError):
        _rotate(path)
        descriptor = os.open(path, FLAGS, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)


def _rotate(path: str) -> None:
    with suppress(FileNotFoundError):
        if os.lstat(path).st_size >= MAX_SIZE:
            os.replace(path, path + ".1")
