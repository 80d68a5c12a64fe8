"""Token refresh: fetches a new access token once for all callers at the same time (single-flight).

Not loaded for a cached token.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from docker_credential_gcr import files
from docker_credential_gcr.errors import NoToken, TokenError

from . import AccessToken, TokenRequest, cache

if TYPE_CHECKING:
    from . import TokenSource


def refresh(
    source: "TokenSource",
    request: TokenRequest,
    entry: str | None,
    *,
    find_entry: Callable[[], str | None],
    min_ttl_s: float,
    deadline: float,
    now: Callable[[], float],
) -> AccessToken:
    """Fetches a new token from the source, or returns the one that another process has just fetched.

    Returns the cached token, if it is valid, when the source fails or another process has the lock. The new
    token is cached only if `find_entry` still returns the entry: otherwise a file has changed meanwhile, and
    the source may have read its old or its new content.
    """
    cached = _find_fresh(entry, now)
    # Waits half of the time for the lock, so that the rest is enough for a request when its holder hangs.
    lock_timeout_s = 0 if cached else max(0.0, deadline - time.monotonic()) / 2
    lock = files.lock_file(entry + ".lock", lock_timeout_s) if entry else nullcontext(False)
    with lock as is_locked:
        cached = _find_fresh(entry, now)
        if cached and not (is_locked and cached.is_aging(now(), min_ttl_s)):
            return cached
        try:
            token = source.fetch(request, deadline)
        except (NoToken, TokenError):
            if cached:
                return cached
            raise
        if entry and find_entry() == entry:
            with suppress(OSError):  # with a full or read-only disk the next caller sends a request
                cache.save_token(entry, token)
        return token


def _find_fresh(entry: str | None, now: Callable[[], float]) -> AccessToken | None:
    token = cache.load_token(entry, now())
    return token if token and token.is_fresh(now()) else None
