"""An access token and the one rule of its freshness."""

FLOOR_S = 10  # not google-auth's 225 s: GKE's metadata server hands out nearly expired tokens
DIRECTORY = "."  # stands in `depends_on` for the current directory, where relative paths begin
MAX_LIFETIME_S = 24 * 3600  # Google grants 12 hours at most


class AccessToken:
    """A bearer value with the instants of its life, in seconds since the epoch.

    `depends_on` names the variables that decided which token was bought, besides its source's identity.
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
        """Whether a registry will still take it."""
        return self.expires_at - now >= FLOOR_S

    def is_aging(self, now: float, min_ttl_s: float) -> bool:
        """Whether a new one should be asked for while this one still serves.

        BuildKit keeps an answer for 290 s, so one with less left would expire in its hands. At most
        half of the token's own life: a five-minute token would never be young otherwise.
        """
        return self.expires_at - now < min(min_ttl_s, (self.expires_at - self.obtained_at) / 2)


def make_of_unknown_life(value: str, now: float) -> AccessToken:
    """A token that nobody dates: for this call it will do, and the cache must not give it to a later one."""
    return AccessToken(value, expires_at=int(now) + FLOOR_S, obtained_at=int(now))


def is_token(value: object) -> bool:
    """Whether a value can be sent as a password: control characters would break the header or the line."""
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )
