"""External URL (serve --external-url): the scheme and host at which clients reach the load balancer.

All URLs in responses, such as a challenge's realm, are built from a request's scheme and Host header. Once
these two are replaced, they do not say whether a request is local: with an external URL every administrative
request needs a token.
"""

from docker_credential_gcr.emulator.runtime.asgi import Message


class ExternalUrl:
    """The URL of a load balancer that ends TLS, or forwards to ports and names that clients do not know."""

    def __init__(self, url: str) -> None:
        """`url` is of the form https://HOST[:PORT]."""
        self._scheme, _, host = url.partition("://")
        self._host = host.encode()

    def replace_origin(self, scope: Message, *, keeps_host: bool) -> Message:
        """Returns the scope with this scheme, and with this host unless the request's own has a meaning."""
        if keeps_host:
            return {**scope, "scheme": self._scheme}
        headers = [(name, self._host if name == b"host" else value) for name, value in scope["headers"]]
        return {**scope, "scheme": self._scheme, "headers": headers}
