"""Errors of an upstream registry: why a manifest or blob did not come.

UpstreamError
├── UpstreamNotFound       404
├── UpstreamDenied         401 or 403: no credential, a wrong one, or no right
├── UpstreamLimited        429, or a pause that an earlier 429 asked for
├── UpstreamBadStatus      any other status that is no answer
├── UpstreamBadRedirect    a redirect that may not be followed
├── UpstreamMismatch       the answer contradicts itself, the request or a limit
├── UpstreamCut            the connection ended within the answer
├── UpstreamForbidden      the rule of outgoing HTTP forbids the upstream's address
├── UpstreamUnreachable    no connection
└── UpstreamTimeout        nothing came in time
"""


class UpstreamError(Exception):
    """A request to an upstream failed; `url` has no query, which can hold a signature."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason


class UpstreamNotFound(UpstreamError):
    """The upstream has no such repository, manifest or blob."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "the upstream does not have it")


class UpstreamDenied(UpstreamError):
    """The upstream refuses the caller; Docker Hub also answers 401 for an unknown repository."""

    def __init__(self, url: str, status: int, reason: str = "the upstream refuses access") -> None:
        super().__init__(url, f"{reason} ({status})")
        self.status = status


class UpstreamLimited(UpstreamError):
    """The upstream has had too many requests; asking again helps after `retry_after_s`."""

    def __init__(self, url: str, retry_after_s: float) -> None:
        super().__init__(url, f"the upstream's limit is reached: try again in {retry_after_s:.0f} seconds")
        self.retry_after_s = retry_after_s


class UpstreamBadStatus(UpstreamError):
    """The upstream answered a status that is neither success nor one of the above."""

    def __init__(self, url: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(url, f"the upstream answered {status}")
        self.status, self.retry_after_s = status, retry_after_s


class UpstreamBadRedirect(UpstreamError):
    """The upstream redirects to a place that the rule of outgoing HTTP forbids, or without an end."""


class UpstreamMismatch(UpstreamError):
    """Digest, size, type or form of an answer is not what was asked for or announced."""


class UpstreamCut(UpstreamError):
    """The answer ended before its last byte."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "the upstream closed the connection within its answer")


class UpstreamForbidden(UpstreamError):
    """The rule of outgoing HTTP forbids the upstream's address."""


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream: its host is unknown, or refuses connections, or has no certificate."""


class UpstreamTimeout(UpstreamError):
    """The upstream is silent or too slow; `is_connected` tells whether it took the connection."""

    def __init__(self, url: str, *, is_connected: bool) -> None:
        super().__init__(
            url, "the upstream is silent" if is_connected else "the upstream takes no connection"
        )
        self.is_connected = is_connected
