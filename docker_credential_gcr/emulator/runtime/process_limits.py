"""How many files the process may have open: each connection is one, and the blob that it gets another."""

from contextlib import suppress

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

# Below this, clients that keep their connections open soon leave none for others.
_FEW = 4096
# The database, blobs that are being sent, uploads, and whatever the libraries hold. Without a free
# descriptor Granian does not wait for one: it tries to accept again and again, at the cost of a core.
_RESERVED = 256


def raise_limit() -> str | None:
    """Raise this process's limit as far as it may; what to say where that is not far."""
    if resource is None:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says that there is no limit, and has one.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft = _read_limit()
    if soft is not None and soft < _FEW:
        return (
            f"at most {soft} files can be open at once, so few connections: raise the hard limit, ulimit -Hn"
        )
    return None


def count_connections(wanted: int) -> int:
    """As many connections as are wanted, if there are files for them; more wait to be accepted."""
    soft = _read_limit()
    return wanted if soft is None else min(wanted, max(1, (soft - _RESERVED) // 2))


def _read_limit() -> int | None:
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
