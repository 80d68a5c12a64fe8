"""Process limits of a server: its open files, and how often Python collects garbage."""

import gc
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

# Below this, clients that keep their connections open soon leave none for others.
_FEW = 4096
# For the database, blobs that are sent, uploads and libraries. Without a free descriptor Granian does not
# wait for one: it tries to accept again and again, which takes a whole core.
_RESERVED = 256
# Requests leave next to no reference cycles, and each collection interrupts a request.
# https://docs.python.org/3/library/gc.html#gc.set_threshold
_GC_THRESHOLDS = (20_000, 20, 20)


def raise_open_files_limit() -> str | None:
    """Raises the limit of open files as far as allowed; returns a warning where that is not far."""
    if resource is None:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports an infinite limit, and refuses to set it.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft = _read_limit()
    if soft is not None and soft < _FEW:
        return (
            f"at most {soft} files can be open at once, so few connections: raise the hard limit, ulimit -Hn"
        )
    return None


def count_connections(wanted: int) -> int:
    """Returns how many connections to accept at once, at most `wanted`: each takes two open files.

    One is the connection, the other the blob that it reads. More clients wait to be accepted.
    """
    soft = _read_limit()
    return wanted if soft is None else min(wanted, max(1, (soft - _RESERVED) // 2))


def _read_limit() -> int | None:
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def pause_garbage_collector() -> None:
    """Stops Python's garbage collector until `relax_garbage_collector`: a start is an eighth faster."""
    gc.disable()


def relax_garbage_collector() -> None:
    """Makes the garbage collector run seldom, and skip what exists now: modules, routes, statements.

    To look through those took a twentieth of the server's time.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
