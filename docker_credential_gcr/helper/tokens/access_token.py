"""Access token, with the rules of its freshness."""

FLOOR_S = 10  # not google-auth's 225 s: GKE's metadata server returns nearly expired tokens
DIRECTORY = "."  # in `depends_on`: the current directory, to which relative paths belong
MAX_LIFETIME_S = 24 * 3600  # Google grants 12 hours at most


class AccessToken:
    """Bearer token with the instants of its lifetime, in seconds since the epoch.

    `depends_on` names the variables on which the token depends, in addition to the identity of its source.
    """

    __slots__ = ("depends_on", "expires_at", "obtained_at", "value")

    def __init__(
        self, value: str, *, expires_at: int, obtained_at: int, depends_on: tuple[str, ...] = ()
    ) -> None:
        self.value = value
        self.expires_at = expires_at
        self.obtained_at = obtained_at
        self.depends_on = depends_on

    def __repr__(self) -> str:
        return f"AccessToken(<hidden>, expires_at={self.expires_at}, obtained_at={self.obtained_at})"

    def is_fresh(self, now: float) -> bool:
        """Returns whether a registry will still accept it."""
        return self.expires_at - now >= FLOOR_S

    def is_aging(self, now: float, min_ttl_s: float) -> bool:
        """Returns whether to fetch a new token while this one is still valid.

        BuildKit caches an answer for 290 s, so a token with less left would expire in its cache. The limit is
        at most half of the token's lifetime: otherwise a five-minute token would be aging from the start.
        """
        return self.expires_at - now < min(min_ttl_s, (self.expires_at - self.obtained_at) / 2)


def make_undated(value: str, now: float) -> AccessToken:
    """Returns a token without a known expiry: it is valid for this call, and never served from the cache."""
    return AccessToken(value, expires_at=int(now) + FLOOR_S, obtained_at=int(now))


def is_token(value: object) -> bool:
    """Returns whether a value can be sent as a password: a control character would break the header."""
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )
