"""Buys a new access token once for all that ask at the same time. Never loaded for a cached one."""

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from docker_credential_gcr import files
from docker_credential_gcr.errors import NoToken, TokenError

from . import cache
from .access_token import AccessToken
from .request import TokenRequest

if TYPE_CHECKING:
    from .request import TokenSource


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
    """Buys a new token from the source, or returns the one that a parallel caller has just bought.

    A token that still serves is given when the source fails, and when another process is already asking. The
    new one is kept only if `find_entry` still returns the entry: otherwise a file has changed since, and the
    source may have read it before or after that.
    """
    held = _find_fresh(entry, now)
    # Half of the time for the lock, so that enough is left to go alone when its holder hangs.
    patience_s = 0 if held else max(0.0, deadline - time.monotonic()) / 2
    lock = files.lock_file(entry + ".lock", patience_s) if entry else nullcontext(False)
    with lock as is_ours:
        held = _find_fresh(entry, now)
        if held and not (is_ours and held.is_aging(now(), min_ttl_s)):
            return held
        try:
            token = source.fetch(request, deadline)
        except (NoToken, TokenError):
            if held:
                return held
            raise
        if entry and find_entry() == entry:
            with suppress(OSError):  # a full or read-only disk costs the next caller a request, not this one
                cache.save_token(entry, token)
        return token


def _find_fresh(entry: str | None, now: Callable[[], float]) -> AccessToken | None:
    token = cache.load_token(entry, now())
    return token if token and token.is_fresh(now()) else None
